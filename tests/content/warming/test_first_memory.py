"""A new web process has the hot set in memory before it is ready, and is ready after a bounded time."""

import asyncio

import pytest

from content import resources
from content.caching.engines import engine_of
from content.caching.metrics.events import listen, total
from content.warming import plan_chosen, warm
from content.warming.first_memory import fill_memory
from content.warming.targets import Target, pages

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site_on_redis")]

ORIGIN = "http://testserver"
PAGE = str(Target(pages, (f"{ORIGIN}/posts/post-3/",)))


async def read_hottest(most: int) -> list[tuple[str, float]]:
    names = [f"page:{ORIGIN}/posts/post-3/", "site:", f"page:{ORIGIN}/posts/post-4/", "garbage"]
    return [(name, 1.0) for name in names]


async def test_the_hot_set_is_read_from_the_shared_tier_and_nothing_is_loaded():
    await warm(await plan_chosen(urls=["/posts/post-3/"]))
    engine = engine_of("default")
    engine.memory.clear()
    with listen() as events:
        await fill_memory(engine, read_hottest)
    assert set(engine.memory.nodes) == {PAGE, resources.site.key(())}
    assert total(events, "load") == 0


async def test_a_process_is_ready_in_time_though_heat_does_not_answer():
    async def hangs(most: int) -> list[tuple[str, float]]:
        await asyncio.Event().wait()
        return []

    assert await fill_memory(engine_of("default"), hangs, seconds=0.05) == 0


async def test_an_error_does_not_end_the_process(caplog):
    async def fails(most: int) -> list[tuple[str, float]]:
        raise ConnectionError("no Redis")

    assert await fill_memory(engine_of("default"), fails) == 0
    assert "no Redis" in caplog.text


async def test_no_more_is_read_than_a_share_of_the_memory(monkeypatch):
    await warm(await plan_chosen(urls=["/posts/post-3/"]))
    engine = engine_of("default")
    engine.memory.clear()
    monkeypatch.setattr(engine.memory, "capacity", 0)
    assert await fill_memory(engine, read_hottest) == 0
