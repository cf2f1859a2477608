"""The operators' API while Redis is down: runs wait, purges say that they have not reached every process."""

import time

import pytest

from content.models import WarmRun
from content.purging import survey as surveys
from tests.support.blog import make_blog
from tests.support.caches import redis_cache, use_cache
from tests.support.operators import Operator, data_of, problem_of
from tests.support.servers.redis import running_redis

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator(settings):
    """An operator of a site whose Redis has just died."""
    settings.WARM_ORIGINS, settings.EDGE = ["http://testserver"], True
    make_blog()
    with running_redis() as server, use_cache(redis_cache(server.url), time.time):
        operator = Operator()
        assert operator.get("runs").status_code == 200
        server.process.kill()
        server.process.wait()
        yield operator


def test_a_run_is_queued_and_steered(operator):
    run = data_of(operator.post("warm", {"everything": True}), 202)
    assert data_of(operator.get(f"runs/{run['id']}"))["state"] == "queued"
    assert data_of(operator.post(f"runs/{run['id']}/cancel"))["state"] == "cancelled"


def test_a_count_that_needs_it_is_503(operator):
    response = operator.post("warm", {"stale": True, "dry_run": True})
    assert "Check REDIS_URL" in problem_of(response, 503)["detail"]
    assert response.headers["Retry-After"]
    assert not WarmRun.objects.exists()


def test_tags_are_purged_while_the_log_answers_and_the_cache_does_not(settings, fresh_redis):
    settings.EDGE = True
    with running_redis() as server, use_cache(redis_cache(server.url, LOG=fresh_redis), time.time):
        operator = Operator()
        assert operator.get("runs").status_code == 200
        server.process.kill()
        server.process.wait()
        done = data_of(operator.post("purge", {"tags": ["post:1"]}))
        assert (done["is_done"], done["touched"]) == (True, None)


@pytest.mark.parametrize(
    ("order", "effect"),
    [
        ({"tags": ["post:1"]}, "Some processes may still serve what you purged: "),
        ({"patterns": ["/*"]}, "Nothing was purged. "),
    ],
)
@pytest.mark.parametrize("is_heard", [True, False])
def test_tags_are_purged_where_they_can_be_and_patterns_not_at_all(operator, monkeypatch, order, effect, is_heard):
    """Whether the process has noticed that Redis is down, or not yet."""

    async def say(tiers) -> bool:
        return is_heard

    monkeypatch.setattr(surveys, "wait_until_heard", say)
    response = operator.post("purge", order)
    assert problem_of(response, 503)["detail"].startswith(effect)
    assert response.headers["Retry-After"]
