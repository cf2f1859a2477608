"""One process, every order of steps that hypothesis thinks of, beside a model that fits on a page."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from content.caching import Policy, Resource, expire, invalidate
from content.caching.backoff import MAX_DELAY
from content.caching.dependencies import track_dependencies
from content.caching.engines import engine_of

TTL, STALE, ERROR = 60, 60, 600
POLICY = Policy(
    ttl=timedelta(seconds=TTL), stale_ttl=timedelta(seconds=STALE), error_ttl=timedelta(seconds=ERROR), jitter=0
)
ROWS = st.integers(0, 2)


class Down(Exception):
    """The error of the loader while the database is down."""


class Model(RuleBasedStateMachine):
    """Values are versions of rows. No version older than an invalidation is served, and none older than an expiry
    as fresh. A value past its times is served only if loading fails."""

    alias = "default"
    clock: Any = None

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.rows = dict.fromkeys(range(3), 0)
        self.taken_down = dict.fromkeys(range(3), 0)
        self.announced = dict.fromkeys(range(3), 0)
        self.loaded_at: dict[int, float] = {}
        self.is_down = False
        self.failed_at = float("-inf")
        self.row = Resource("row", load=self.load, policy=POLICY, tags=lambda row: (f"row:{row}",))
        self.pair = Resource("pair", load=self.load_pair, policy=POLICY)
        self.run(self.forget_all())

    async def forget_all(self) -> None:
        await invalidate([*(f"row:{row}" for row in range(3)), *(f"entry:pair:{row}" for row in range(3))])

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    async def load(self, row: int) -> int:
        if self.is_down:
            self.failed_at = self.clock()
            raise Down
        self.loaded_at[row] = self.clock()
        return self.rows[row]

    async def load_pair(self, row: int) -> tuple[int, int]:
        return await self.row.get(row), await self.row.get((row + 1) % 3)

    # --- steps ----------------------------------------------------------------------------------------

    @rule(row=ROWS)
    def write_in_silence(self, row: int) -> None:
        self.rows[row] += 1

    @rule(row=ROWS)
    def write_and_invalidate(self, row: int) -> None:
        self.rows[row] += 1
        self.run(invalidate([f"row:{row}"]))
        self.taken_down[row] = self.announced[row] = self.rows[row]

    @rule(row=ROWS)
    def write_and_expire(self, row: int) -> None:
        self.rows[row] += 1
        self.run(expire([f"row:{row}"]))
        self.announced[row] = self.rows[row]

    @rule(seconds=st.sampled_from([1, 20, 59, 61, 121, 700]))
    def wait(self, seconds: int) -> None:
        # A load has a time limit. On a slow machine this clock would run past it in the middle of one.
        self.let_refreshes_end()
        self.clock.forward(seconds)

    @rule()
    def forget_memory(self) -> None:
        memory = engine_of(self.alias).memory
        if memory is not None:
            memory.clear()

    @rule()
    def go_down_or_come_back(self) -> None:
        self.is_down = not self.is_down

    @rule()
    def let_refreshes_end(self) -> None:
        self.run(self.settle())

    async def settle(self) -> None:
        tasks = engine_of(self.alias).loop_state().tasks
        while tasks:
            await asyncio.gather(*tasks, return_exceptions=True)

    @rule(row=ROWS)
    def refresh(self, row: int) -> None:
        try:
            value = self.run(self.row.refresh(row))
        except Down:
            assert self.is_down
        else:
            self.hold_to_it(row, value, stale=self.is_down)

    @rule(row=ROWS)
    def read(self, row: int) -> None:
        answer = self.answered(self.row.get(row))
        if answer is not None:
            value, stale = answer
            self.hold_to_it(row, value, stale=stale)

    @rule(row=ROWS)
    def read_pair(self, row: int) -> None:
        answer = self.answered(self.pair.get(row))
        if answer is not None:
            (first, second), stale = answer
            self.hold_to_it(row, first, stale=stale)
            self.hold_to_it((row + 1) % 3, second, stale=stale)

    def answered(self, reading: Any) -> tuple[Any, bool] | None:
        async def read() -> tuple[Any, bool]:
            with track_dependencies() as collected:
                return await reading, collected.stale

        try:
            return self.run(read())
        except Down:
            assert self.is_down
            return None

    # --- what must hold -------------------------------------------------------------------------------

    def hold_to_it(self, row: int, value: int, *, stale: bool) -> None:
        assert value <= self.rows[row]
        assert value >= self.taken_down[row], "served although it was taken down"
        assert stale or value >= self.announced[row], "stale as fresh"
        age = self.clock() - self.loaded_at[row]
        # A failed load is retried after a delay of half a minute at most.
        is_failing = self.clock() - self.failed_at <= MAX_DELAY
        assert age <= TTL + STALE + (ERROR if is_failing else 0), "older than it may be"
        assert stale or age <= TTL, "fresh past its time"

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.is_down = False
            self.run(self.settle())
            self.runner.close()


@pytest.mark.parametrize("alias", ["locmem", "memcached", "redis"], indirect=True)
def test_no_order_of_steps_breaks_a_promise(alias, clock):
    machine = type("Model", (Model,), {"alias": alias, "clock": clock})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=settings().max_examples // 3,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
