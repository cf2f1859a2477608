"""Time passes over a warm site: an hour without readers, 21 minutes without a worker, jumps of the clock, and both
nights of daylight saving. An hour takes no time here: the clock is the test's."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.utils import timezone

from content.caching import invalidate
from content.caching.backends.server import server_of
from content.caching.edge import EdgeCache
from content.caching.engines import engine_of
from content.caching.metrics.events import Event, subscribe
from content.caching.testing import Clock
from content.models import Post
from content.warming import catalogue, targets
from content.warming.load_control import LoadControl
from content.warming.loop import WarmLoop
from project.edge import site_profile
from tests.support.blog import make_blog
from tests.support.caches import redis_cache, use_cache
from tests.support.wait import wait_until_async

pytestmark = pytest.mark.django_db(transaction=True)

ORIGIN = "http://testserver"
MINUTE, HOUR = 60.0, 3600.0
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
# An hour before the clocks of Berlin change.
SPRING, AUTUMN = datetime(2026, 3, 29, 0, tzinfo=UTC), datetime(2026, 10, 25, 0, tzinfo=UTC)
# Rankings are made by time (docs/lifetimes.md).
SHORT_LIVED = {"/popular/", "/trending/", "/api/v1/popular/", "/api/v1/trending/"}


@pytest.fixture
def began(request) -> datetime:
    return getattr(request, "param", NOON)


@pytest.fixture
def clock(began, monkeypatch) -> Clock:
    """The time that loaders and entries see."""
    clock = Clock(began.timestamp())
    monkeypatch.setattr(timezone, "now", lambda: datetime.fromtimestamp(clock(), UTC))
    return clock


@pytest.fixture
def posts(clock) -> list[Post]:
    return make_blog(12)


@pytest.fixture
def loop(settings, fresh_redis, clock, posts) -> Iterator[WarmLoop]:
    settings.WARM_ORIGINS = [ORIGIN]
    settings.EDGE = True
    with use_cache(redis_cache(fresh_redis), clock):
        # No load takes time, so that a busy machine does not slow the loop down.
        control = LoadControl(rate=float("inf"), clock=lambda: 0.0)
        yield WarmLoop(engine_of("default"), server_of(fresh_redis, {}), control=control)


async def warm_all(loop: WarmLoop) -> None:
    """On a busy machine a process may not hear of the log for a moment, and stores nothing: then another round."""

    async def run_round() -> bool:
        loop.hot.read_at = float("-inf")
        while await loop.hot.run():
            pass
        await loop.warm_site()
        return loop.hot.warm + loop.site.warm == loop.hot.entries + loop.site.entries

    await wait_until_async(run_round, "all is fresh")


async def count_loads(loop: WarmLoop) -> int:
    """Entries and pages that a round of the loop finds cold."""
    keys: list[str] = []

    def note(event: Event) -> None:
        if event.what == "load" or (event.what == "store" and event.resource == "page"):
            keys.append(event.key)

    with subscribe(note):
        await warm_all(loop)
    return len(keys)


async def list_paths() -> list[str]:
    return [path async for chunk in catalogue() for path in chunk.paths]


async def read_all() -> dict[str, str]:
    """Cache-Status of each address at the edge of a new process. Views run for misses alone."""
    edge = EdgeCache(ASGIHandler(), cache="default", profile=site_profile())
    return {path: await read_cache_status(edge, path) for path in await list_paths()}


async def read_cache_status(edge: EdgeCache, path: str) -> str:
    headers: list[tuple[bytes, bytes]] = []

    async def send(message) -> None:
        headers.extend(message.get("headers", ()))

    scope = targets.scope_of(ORIGIN + path)
    await edge(scope, None, send)
    return dict(headers).get(b"cache-status", b"none").decode()


def misses_of(statuses: dict[str, str]) -> dict[str, str]:
    return {path: status for path, status in statuses.items() if "; hit" not in status}


def describe(name: str, statuses: dict[str, str]) -> None:
    print(f"| {name} | {len(statuses)} | {len(misses_of(statuses))} |")


@pytest.mark.parametrize("step", [pytest.param(MINUTE, marks=pytest.mark.slow), 20 * MINUTE])
async def test_after_an_hour_without_readers_every_address_is_a_hit(loop, clock, step):
    await warm_all(loop)
    for _ in range(int(HOUR / step)):
        clock.forward(step)
        await warm_all(loop)
    statuses = await read_all()
    describe(f"an hour without readers, workers every {step / MINUTE:.0f} min", statuses)
    assert misses_of(statuses) == {}


async def test_after_an_hour_without_workers_only_what_lives_shorter_is_a_miss(loop, clock):
    await warm_all(loop)
    clock.forward(HOUR)
    statuses = await read_all()
    describe("an hour without readers and without workers", statuses)
    assert set(misses_of(statuses)) == SHORT_LIVED


async def test_after_21_minutes_without_a_worker_one_round_makes_all_fresh(loop, clock):
    await warm_all(loop)
    clock.forward(21 * MINUTE)
    print(f"entries and pages that the round makes: {await count_loads(loop)}")
    statuses = await read_all()
    describe("21 minutes without a worker, then one round", statuses)
    assert misses_of(statuses) == {}
    assert await count_loads(loop) == 0


@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forward", "back"])
async def test_a_jump_of_the_clock_and_its_correction_leave_nothing_stuck(loop, clock, posts, jump):
    await warm_all(loop)
    for seconds, post in ((jump, posts[3]), (-jump, posts[4])):
        clock.forward(seconds)
        await invalidate([f"post:{post.pk}:page"])
        await warm_all(loop)
        assert misses_of(await read_all()) == {}
    assert await count_loads(loop) == 0


@pytest.mark.parametrize("began", [SPRING, AUTUMN], ids=["spring", "autumn"], indirect=True)
async def test_nights_of_daylight_saving_leave_every_address_a_hit(settings, loop, clock):
    settings.TIME_ZONE = "Europe/Berlin"
    await warm_all(loop)
    for _ in range(8):
        clock.forward(15 * MINUTE)
        await warm_all(loop)
    assert misses_of(await read_all()) == {}
    assert await count_loads(loop) == 0
