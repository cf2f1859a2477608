"""The dashboard while Redis or PostgreSQL is down: it comes within 1.5 s, and says what is down and what it means."""

import re
import signal
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.support.servers.postgres import PostgresServer, running_postgres
from tests.support.servers.redis import RedisServer, running_redis
from tests.support.service import clean_environment, collect_static, manage_each, running_service
from tests.support.wait import wait_until

pytestmark = pytest.mark.long

LOGIN = """
from django.contrib.auth.models import User
from django.test import Client
client = Client()
client.force_login(User.objects.create_superuser("ann", password="in a test"))
print(client.cookies["sessionid"].value)
"""
SECONDS = 1.5
VERDICT = re.compile(r'id="verdict" data-level="(\w+)"[^>]*>([^<]*)<')


@pytest.fixture
def servers() -> Iterator[tuple[RedisServer, PostgresServer]]:
    with running_redis() as redis, running_postgres() as postgres:
        yield redis, postgres
        redis.process.send_signal(signal.SIGCONT)


@pytest.fixture
def operator(servers, tmp_path) -> Iterator[httpx.Client]:
    """Somebody of the staff, who has looked at the dashboard before anything failed."""
    collect_static()
    redis, postgres = servers
    # As long as the site's own settings wait: both time-outs are a second.
    settings = {"SECRET_KEY": "for tests only", "REDIS_URL": redis.url, "DATABASE_URL": postgres.url}
    state = tmp_path / "state"
    state.mkdir()
    environment = clean_environment() | {"EVERGREEN_STATE_DIR": str(state)} | settings
    session = manage_each(environment, ["migrate", "-v0"], ["shell", "-v0", "-c", LOGIN]).split()[-1]
    with running_service(state, command="serve", environment=settings) as service:
        service.wait_for_line("Serving on")
        with httpx.Client(base_url=service.url, cookies={"sessionid": session}, timeout=30) as client:
            wait_until(lambda: verdict(client)[0] == "warning", "all but the worker is well")
            yield client


def verdict(client: httpx.Client) -> tuple[str, str, float]:
    """Level, sentences, and seconds until the page had come."""
    began = time.monotonic()
    response = client.get("/ops/")
    seconds = time.monotonic() - began
    assert response.status_code == 200, response.text[:500]
    found = VERDICT.search(response.text)
    assert found is not None
    return found[1], found[2], seconds


def expect(client: httpx.Client, level: str, text: str) -> None:
    """Within moments: processes look once a second. A busy machine may hold up one page, and not each of three."""

    def is_seen() -> bool:
        found = verdict(client)
        return found[0] == level and found[1].startswith(text)

    wait_until(is_seen, text)
    pages = [verdict(client) for _ in range(3)]
    assert [(each[0], each[1].startswith(text)) for each in pages] == [(level, True)] * 3, pages
    assert min(seconds for *_, seconds in pages) < SECONDS


def test_the_page_comes_and_says_what_is_down(operator, servers):
    redis, postgres = servers
    redis.process.send_signal(signal.SIGSTOP)
    expect(operator, "failing", "Redis does not answer.")
    redis.process.send_signal(signal.SIGCONT)
    expect(operator, "warning", "No worker has reported")
    postgres.signal_all(signal.SIGSTOP)
    expect(operator, "failing", "The database does not answer.")
    postgres.signal_all(signal.SIGCONT)
    expect(operator, "warning", "No worker has reported")
    redis.process.kill()
    postgres.crash()
    expect(operator, "failing", "The database does not answer.")
    # Nobody whom this process does not remember is let in.
    with httpx.Client(base_url=operator.base_url, cookies={"sessionid": "x" * 32}, timeout=30) as stranger:
        assert stranger.get("/ops/").status_code == 503
    postgres.start()
    expect(operator, "failing", "Redis does not answer.")
