"""One owner of the loop at a time, by leases in a real Redis."""

import asyncio
import time

import pytest

from content.caching.engines import engine_of
from content.caching.stores.shared import RedisTier
from content.warming.ownership import Ownership
from tests.support.caches import redis_cache, use_cache
from tests.support.wait import wait_until_async

SECONDS = 0.6


@pytest.fixture
def store(fresh_redis):
    with use_cache(redis_cache(fresh_redis), time.time) as alias:
        yield engine_of(alias).shared.tier


def contender(store: RedisTier) -> Ownership:
    return Ownership(store, "owner", seconds=SECONDS, interval=SECONDS / 10)


async def cancel(task: "asyncio.Future[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_two_owners_never_work_at_once(store):
    """Ten contenders; each owner in turn is cancelled, or loses its lease."""
    at_work, most, terms = set[int](), 0, list[int]()

    def work_of(number: int):
        async def work() -> None:
            nonlocal most
            at_work.add(number)
            terms.append(number)
            most = max(most, len(at_work))
            try:
                await asyncio.Event().wait()
            finally:
                at_work.discard(number)

        return work

    tasks = {number: asyncio.ensure_future(contender(store).run(work_of(number))) for number in range(10)}
    for term in range(1, 8):
        await wait_until_async(lambda term=term: len(terms) >= term, "another owner works")
        owner = terms[-1]
        if term % 2:
            await cancel(tasks.pop(owner))
        else:
            # As after a FLUSHALL: it finds that the lease is not its own any more, or takes it anew.
            await store._execute("DEL", store.lease_key("owner"))
            await store._execute("SET", store.lease_key("owner"), "another", "PX", int(SECONDS * 1000))
            await wait_until_async(lambda owner=owner: owner not in at_work, "the old owner has stopped")
    for task in tasks.values():
        await cancel(task)
    assert most == 1


async def test_after_a_flush_the_next_owner_begins_when_the_last_has_stopped(store):
    """A flush takes the lease at once. Its owner learns of it when it renews."""
    at_work, most, terms = 0, 0, 0

    async def work() -> None:
        nonlocal at_work, most, terms
        at_work, terms = at_work + 1, terms + 1
        most = max(most, at_work)
        try:
            await asyncio.Event().wait()
        finally:
            at_work -= 1

    tasks = [asyncio.ensure_future(contender(store).run(work)) for _ in range(5)]
    for term in range(1, 6):
        await wait_until_async(lambda term=term: terms >= term, "another owner works")
        await store._execute("DEL", store.lease_key("owner"))
    for task in tasks:
        await cancel(task)
    assert most == 1


async def test_an_owner_that_cannot_renew_stops_before_its_lease_ends(store, monkeypatch):
    stopped_at = 0.0

    async def work() -> None:
        nonlocal stopped_at
        monkeypatch.setattr(store, "renew", never)
        try:
            await asyncio.Event().wait()
        finally:
            stopped_at = await store._execute("PTTL", store.lease_key("owner"))

    async def never(key: str, token: str, seconds: float) -> bool:
        await asyncio.Event().wait()
        return True

    assert await contender(store).try_once(work)
    assert stopped_at > 0


async def test_an_error_of_the_work_lets_another_try(store, caplog):
    async def broken() -> None:
        raise RuntimeError("a fault")

    assert await contender(store).try_once(broken)
    assert await store.holder("owner") is None
    assert "a fault" in caplog.text


async def test_while_the_cache_is_down_nobody_is_the_owner(store, monkeypatch):
    async def down(keys: object, token: str, seconds: float) -> list[str]:
        raise ConnectionError

    monkeypatch.setattr(store, "lease", down)
    assert not await contender(store).try_once(asyncio.Event().wait)
