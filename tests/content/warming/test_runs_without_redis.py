"""Redis is killed in the middle of a run: it stops, says so, and goes on later with the numbers that it had."""

import time

import pytest
from asgiref.sync import sync_to_async

from content.models import WarmRun
from content.warming import execution
from content.warming.choice import Choice
from content.warming.execution import execute
from content.warming.run_lease import CacheAway
from content.warming.runs import describe_run, resume_run
from tests.support.blog import make_blog
from tests.support.caches import redis_cache, use_cache
from tests.support.servers.redis import running_redis
from tests.support.wait import wait_until_async
from tests.support.warm_runs import Gate, execute_until, start

pytestmark = pytest.mark.django_db(transaction=True)

ALL = Choice(everything=True)


@pytest.fixture
def server(settings, monkeypatch):
    settings.WARM_ORIGINS, settings.EDGE = ["http://testserver"], True
    monkeypatch.setattr("content.warming.rows.ROWS", 5)
    make_blog(12)
    with running_redis() as server, use_cache(redis_cache(server.url), time.time):
        yield server


async def test_it_stops_says_so_and_goes_on_from_there(server, monkeypatch):
    monkeypatch.setattr(execution, "BEAT", 3600.0)
    run, gate = await start(ALL), Gate(stop_before=3)
    task = await execute_until(run, gate)
    before = await WarmRun.objects.aget(pk=run.pk)
    server.process.kill()
    server.process.wait()
    gate.is_open.set()
    assert await task
    stopped = await WarmRun.objects.aget(pk=run.pk)
    assert stopped.state == WarmRun.State.STOPPED
    assert "Redis does not answer" in stopped.message
    # What was loaded while Redis was down is in no number.
    assert (stopped.done, stopped.failed) == (before.done, 0)
    await sync_to_async(resume_run)(run)
    with pytest.raises(CacheAway):
        await execute(run.pk)
    with running_redis(port=server.port):

        async def is_done() -> bool:
            try:
                await execute(run.pk)
            except CacheAway:
                return False
            return (await WarmRun.objects.aget(pk=run.pk)).state == WarmRun.State.DONE

        await wait_until_async(is_done, "the run goes on")
        report = await sync_to_async(describe_run)(await WarmRun.objects.aget(pk=run.pk))
    assert (report["done"], report["left"]) == (stopped.planned, 0)


async def test_it_stops_while_it_waits_for_a_load(server, monkeypatch):
    """The process reports once a second; it learns then."""
    monkeypatch.setattr(execution, "BEAT", 0.05)
    run, gate = await start(ALL), Gate(stop_before=2)
    task = await execute_until(run, gate)
    server.process.kill()
    server.process.wait()
    assert await task
    assert (await WarmRun.objects.aget(pk=run.pk)).state == WarmRun.State.STOPPED
