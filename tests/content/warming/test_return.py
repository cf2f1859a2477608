"""The return of warming: what it counts equals a replay of the log of all reads, exactly."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from content import resources
from content.caching import expire, invalidate
from content.caching.engines import engine_of
from content.caching.metrics.events import Event, current_totals, subscribe
from content.caching.metrics.warm_return import Return, by_plan, returns
from content.caching.warm_plan import is_wait_spared, plan_of
from content.ops.server_timing import count_queries
from content.warming import plan_chosen, targets, warm
from content.warming.hot_set import name_of
from content.warming.load_control import LoadControl
from content.warming.loop import WarmLoop
from content.warming.targets import Target, pages
from content.warming.unread import PATIENCE, SETTLED_AFTER
from tests.support.heat import send_reads

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site_on_redis")]

ORIGIN = "http://testserver"
POSTS = 8
STEPS = 250


class Readers:
    """Read pages and entries as readers do, and keep a log of all reads.

    A line of the log has the key of what was read, and when the version was made that was served as fresh. `costs`:
    by version, the mark of its plan and the seconds of its load.
    """

    def __init__(self) -> None:
        self.log: list[tuple[str, float]] = []
        self.costs: dict[tuple[str, float], tuple[int, float]] = {}

    def note(self, event: Event) -> None:
        if event.what == "hit":
            header = engine_of("default").memory.nodes[event.key].value.header
            self.log.append((event.key, header.made_at))
            self.costs[event.key, header.made_at] = (header.warmed, header.cost)

    async def read_page(self, path: str) -> None:
        async def send(message: dict[str, Any]) -> None:
            """The response does not matter."""

        scope = targets.scope_of(ORIGIN + path)
        scope.pop(targets.WARMING)
        await targets.edge()(scope, None, send)

    def replay(self) -> dict[tuple[str, str], tuple[int, float]]:
        """The warmed versions that were read, and the seconds that they saved readers, by plan and resource."""
        found: dict[tuple[str, str], tuple[int, float]] = {}
        for key, made_at in dict.fromkeys(self.log):
            mark, cost = self.costs[key, made_at]
            if mark:
                name = (plan_of(mark).label, key.partition("@")[0])
                count, saved = found.get(name, (0, 0.0))
                found[name] = count + 1, saved + cost * is_wait_spared(mark)
        return found


@pytest.fixture
def readers() -> Iterator[Readers]:
    readers = Readers()
    with subscribe(readers.note):
        yield readers


@pytest.fixture
def count():
    """Returns what warming has returned since the test began."""
    send_reads()
    before = current_totals()

    def counted() -> list[Return]:
        send_reads()
        totals = {event: amount - before[event] for event, amount in current_totals().items()}
        return returns(Counter({event: amount for event, amount in totals.items() if amount}))

    return counted


HOT = [
    *(Target(pages, (f"{ORIGIN}/posts/post-{number}/",)) for number in range(POSTS)),
    *(Target(resources.post, ("post", f"post-{number}")) for number in range(POSTS)),
]


@pytest.fixture
async def loop() -> AsyncIterator[WarmLoop]:
    async def read_hottest(most: int) -> list[tuple[str, float]]:
        return [(name_of(target), 1.0) for target in HOT]

    loop = WarmLoop(engine_of("default"), read_hottest=read_hottest, control=LoadControl(rate=1e6))
    with loop.hot.following():
        yield loop


async def run_hot(loop: WarmLoop) -> None:
    while await loop.hot.run():
        pass


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_accounting_equals_a_replay_of_the_log_of_reads(loop, readers, count, blog, seed):
    chosen = random.Random(seed)

    async def read() -> None:
        # Some far more often than others.
        await readers.read_page(f"/posts/post-{min(int(chosen.expovariate(0.5)), POSTS - 1)}/")

    async def read_entry() -> None:
        await resources.post.get("post", f"post-{chosen.randrange(POSTS)}")

    async def edit() -> None:
        await invalidate([f"post:{blog[chosen.randrange(POSTS)].pk}:page"])

    async def lose_memory() -> None:
        """From here on it is as if another process read."""
        engine_of("default").memory.clear()

    async def report() -> None:
        send_reads()

    steps = [read, read_entry, edit, lambda: run_hot(loop), lose_memory, report]
    await run_hot(loop)
    for step in chosen.choices(steps, weights=[10, 4, 3, 4, 1, 2], k=STEPS):
        await step()
    counted = {(row.plan, row.resource): (row.read, row.saved_seconds) for row in count() if row.read}
    replayed = readers.replay()
    assert {name: read for name, (read, _) in counted.items()} == {name: read for name, (read, _) in replayed.items()}
    for name, (_, saved) in replayed.items():
        assert counted[name][1] == pytest.approx(saved)
    assert counted["hot", "page"][0] > 10
    assert counted["hot", "post"][0] > 5


async def test_the_loop_puts_off_what_nobody_reads_and_does_not_read_it_again_and_again(loop, readers, count, blog):
    now, asked = [0.0], list[str]()
    loop.unread.clock = lambda: now[0]
    loop.hot.read_hottest = no_heat
    loop.hot.filling = HOT
    key = str(HOT[1])

    async def edit() -> None:
        await invalidate([f"post:{blog[1].pk}:page"])
        await run_hot(loop)
        now[0] += SETTLED_AFTER
        send_reads()
        await loop.unread.settle()

    await warm(await plan_chosen(["/posts/post-1/"]))
    loop.hot.read_at = float("-inf")
    for _ in range(PATIENCE):
        await run_hot(loop)
        await edit()
        assert await pages.fresh_for(f"{ORIGIN}/posts/post-1/") > 0
    await edit()
    assert await pages.fresh_for(f"{ORIGIN}/posts/post-1/") == 0
    assert {each.key for each in loop.hot.cold} >= {key}
    assert sum(row.put_off for row in count() if row.resource == "page") == 1

    async def read(keys: list[str], waiting: object = ()) -> bool:
        asked.extend(keys)
        return True

    loop.hot._read_some = read
    await loop.hot.run()
    assert key not in asked
    # A reader comes: from now on it is warmed at once.
    del loop.hot._read_some
    await readers.read_page("/posts/post-1/")
    loop.hot.read_at = float("-inf")
    await run_hot(loop)
    await edit()
    assert await pages.fresh_for(f"{ORIGIN}/posts/post-1/") > 0


async def no_heat(most: int) -> list[tuple[str, float]]:
    return []


async def test_what_was_warmed_and_its_bytes_are_counted_by_plan(loop, count):
    await run_hot(loop)
    rows = {(row.plan, row.resource): row for row in count()}
    assert rows["hot", "page"].warmed == rows["hot", "post"].warmed == POSTS
    assert rows["hot", "page"].loads == POSTS
    assert rows["hot", "page"].bytes > POSTS * 1000
    assert rows["hot", "page"].read == 0
    assert rows["parts", "sidebar"].warmed == 1


async def test_the_queries_of_warming_are_counted_by_what_they_load(loop, count):
    with count_queries() as queries:
        await run_hot(loop)
    totals = list(by_plan(count()))
    assert sum(total.queries for total in totals) == queries.count > 0
    assert sum(total.cpu_seconds for total in totals) > 0


async def test_a_run_that_somebody_asked_for_is_a_plan_of_its_own(count, readers):
    await warm(await plan_chosen(["/posts/post-1/"]))
    await readers.read_page("/posts/post-1/")
    rows = {(row.plan, row.resource): row for row in count()}
    assert (rows["run", "page"].warmed, rows["run", "page"].read) == (1, 1)
    assert rows["run", "page"].saved_seconds > 0


async def test_what_a_warmed_page_is_made_of_is_of_the_plan_of_parts(count):
    await warm([Target(pages, (f"{ORIGIN}/posts/post-1/",))])
    found = {(row.plan, row.resource) for row in count() if row.loads}
    assert ("run", "page") in found
    assert {plan for plan, resource in found if resource != "page"} == {"parts"}
    assert {row.resource for row in count() if row.warmed and row.plan == "parts"} >= {"post", "sidebar"}


async def test_one_read_that_redis_answers_is_enough(count):
    await warm([Target(resources.post, ("post", "post-1"))])
    engine_of("default").memory.clear()
    await resources.post.get("post", "post-1")
    assert sum(row.read for row in count()) == 1


async def test_what_a_reader_loads_is_not_counted(count, readers):
    for _ in range(3):
        await readers.read_page("/posts/post-1/")
    assert count() == []


async def test_a_version_that_is_read_after_its_end_does_not_count(count, blog):
    await warm([Target(resources.popular)])
    engine = engine_of("default")
    engine.clock = lambda: time.time() + 8 * 60
    await resources.popular.get()
    assert sum(row.read for row in count()) == 0


async def test_a_version_that_several_processes_read_counts_once(count, readers):
    await warm(await plan_chosen(["/posts/post-1/"]))
    for _ in range(3):
        engine_of("default").memory.clear()
        await asyncio.gather(*(readers.read_page("/posts/post-1/") for _ in range(3)))
        send_reads()
    assert sum(row.read for row in count() if row.resource == "page") == 1


async def test_a_refresh_of_what_is_stale_spares_nobody_a_wait(loop, readers, count, blog):
    await run_hot(loop)
    await expire([f"post:{blog[1].pk}:page"])
    loop.hot.read_at = float("-inf")
    await run_hot(loop)
    await readers.read_page("/posts/post-1/")
    (row,) = [row for row in count() if (row.plan, row.resource) == ("hot", "page")]
    assert (row.warmed, row.read, row.saved_seconds) == (POSTS + 1, 1, 0)


async def test_a_version_that_a_reader_replaced_before_the_loop_saw_its_end_is_counted(loop, readers, count, blog):
    now = [0.0]
    loop.unread.clock = lambda: now[0]
    await run_hot(loop)
    loop.hot.read_at = float("-inf")
    await run_hot(loop)
    await invalidate([f"post:{blog[1].pk}:page"])
    await readers.read_page("/posts/post-1/")
    await run_hot(loop)
    now[0] += SETTLED_AFTER
    send_reads()
    await loop.unread.settle()
    assert sum(row.unread for row in count() if row.resource == "page") == 1
