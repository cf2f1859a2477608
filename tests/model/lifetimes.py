"""Rules 18 and 20, with a clock: how long a page may be served that has a strong and a weak part.

An entry is fresh for two ticks after it was made, and stale for two more. A page that was made with a stale weak part
is stale at once. One load is made in each tick: the bounded rate of refreshes.
"""

from dataclasses import dataclass
from typing import NamedTuple

from tests.model.tuples import Steps, put

FRESH_FOR, KEPT_FOR = 2, 4
STRONG, WEAK = 0, 1
NAMES = ("strong", "weak")


@dataclass(frozen=True)
class Guards:
    strong_part_bounds_page: bool = True
    weak_part_bounds_nothing: bool = True
    weakly_stale_page_is_stale: bool = True


class Page(NamedTuple):
    made_at: int
    fresh_until: int
    served_until: int
    # When its parts were made, and how long the strong one may be served.
    strong_until: int
    weak_made_at: int


class State(NamedTuple):
    time: int
    loads: int  # that may still be made in this tick
    parts_made_at: tuple[int, ...]
    page: Page


@dataclass(frozen=True)
class LifetimesModel:
    guards: Guards = Guards()
    ticks: int = 8

    def first_state(self) -> State:
        return State(0, 1, (0, 0), Page(0, FRESH_FOR, KEPT_FOR, KEPT_FOR, 0))

    def steps(self, state: State) -> Steps[State]:
        if state.time < self.ticks:
            yield f"the clock moves to {state.time + 1}", state._replace(time=state.time + 1, loads=1)
        if not state.loads:
            return
        for part in (STRONG, WEAK):
            if state.time >= state.parts_made_at[part] + FRESH_FOR:
                loaded = state._replace(parts_made_at=put(state.parts_made_at, part, state.time), loads=0)
                yield f"a worker loads the {NAMES[part]} part", loaded
        parts_may_be_served = all(state.time < made_at + KEPT_FOR for made_at in state.parts_made_at)
        if state.time >= state.page.fresh_until and parts_may_be_served:
            yield self._make_page(state)

    def _make_page(self, state: State) -> tuple[str, State]:
        now, (strong, weak) = state.time, state.parts_made_at
        strong_is_stale, weak_is_stale = (now >= made_at + FRESH_FOR for made_at in (strong, weak))
        served_until = now + KEPT_FOR
        if self.guards.strong_part_bounds_page:
            served_until = min(served_until, strong + KEPT_FOR)
        if not self.guards.weak_part_bounds_nothing:
            served_until = min(served_until, weak + KEPT_FOR)
        fresh_until = min(now + FRESH_FOR, strong + FRESH_FOR)
        if weak_is_stale and self.guards.weakly_stale_page_is_stale:
            fresh_until = min(fresh_until, now)
        page = Page(now, fresh_until, served_until, strong + KEPT_FOR, weak)
        said = [
            f"the {'stale' if is_stale else 'fresh'} {name} part"
            for name, is_stale in zip(NAMES, (strong_is_stale, weak_is_stale), strict=True)
        ]
        return f"a worker makes the page of {said[0]} and {said[1]}", state._replace(page=page, loads=0)

    def key(self, state: State) -> int:
        return hash(state)

    def problem(self, state: State) -> str | None:
        now, page = state.time, state.page
        if now < page.served_until and now >= page.strong_until:
            return "The page is served, and its strong part may be served no longer."
        if page.served_until <= now < min(page.made_at + KEPT_FOR, page.strong_until):
            return "Readers wait for a page, although only its weak part is too old."
        if now < page.fresh_until and page.weak_made_at + FRESH_FOR <= page.made_at:
            return "The page counts as fresh, so that no refresh replaces its stale weak part."
        return None
