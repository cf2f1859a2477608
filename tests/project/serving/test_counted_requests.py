"""/metrics of four processes equals the count of a client, by status and by what the cache did."""

import asyncio
import os
import signal
from collections import Counter
from contextlib import asynccontextmanager

import pytest

from tests.project.serving.conftest import SERVING, restart, workers
from tests.support.counting_client import Asked, CountingClient, Kind, counts_in, run_clients
from tests.support.servers.redis import running_redis
from tests.support.service import environment_of, make_demo, manage, running_service
from tests.support.wait import wait_until_async

pytestmark = pytest.mark.long

# Seconds between two requests of a client.
PAUSE = 0.02
NEW_EACH = [Asked("GET", f"/missing-{number}/") for number in range(2000)]
TRAFFIC = (
    [Asked("GET", "/")],
    [Asked("GET", "/"), Asked("HEAD", "/"), Asked("GET", "/", ("Accept-Encoding: br",)), Asked("GET", "/archive/")],
    [Asked("GET", "/", ("If-None-Match: *",)), Asked("GET", "/?page=2"), Asked("GET", "/", ("Range: bytes=0-9",))],
    [Asked("GET", "/healthz"), Asked("GET", "/admin/"), Asked("GET", "/static/content/site.css"), Asked("PUT", "/")],
    [Asked("GET", "/nowhere/"), Asked("GET", "/search/?q=warm"), Asked("POST", "/", ("Content-Length: 0",))],
)
OUTCOMES = {"hit", "stale", "miss", "pass", "none"}


@pytest.fixture(scope="module")
def redis_url():
    with running_redis() as server:
        yield server.url


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("counted") / "state"
    folder.mkdir()
    make_demo(folder)
    return folder


class Scraper:
    """Reads /metrics over one client, which counts these responses as well."""

    def __init__(self, port: int) -> None:
        self.client = CountingClient(port)
        self.last: Counter[Kind] = Counter()

    async def scrape(self) -> Counter[Kind]:
        """No counter shrinks from page to page, also if another process answers."""
        body = None
        while body is None:
            body = await self.client.ask(Asked("GET", "/metrics"))
            self.client.hang_up()
        counts = counts_in(body.decode())
        shrunk = {kind: (self.last[kind], counts[kind]) for kind in self.last if counts[kind] < self.last[kind]}
        assert not shrunk
        self.last = counts
        return counts

    async def scrape_until_equal(self, clients: list[CountingClient]) -> None:
        """Until /metrics has what all clients have received; requests that were cut may be in it or not."""
        cut = self.client.cut + sum(client.cut for client in clients)

        async def is_equal() -> bool:
            received = sum((client.received for client in clients), Counter(self.client.received))
            counts = await self.scrape()
            missing, more = received - counts, counts - received
            self.difference = missing, more
            return not missing and more.total() <= cut

        await wait_until_async(is_equal, f"/metrics equals the counts of the clients ({cut} cut)")


@asynccontextmanager
async def counted_site(state_dir, redis_url, processes: int):
    """The service, its clients at work, and a scraper. Nothing is counted differently at the end of the block."""
    environment = {"REDIS_URL": redis_url, "EVERGREEN_START_COVERAGE": "0", "EVERGREEN_LOG_LEVEL": "ERROR"}
    words = ("--workers", str(processes))
    with running_service(state_dir, *words, command="serve", environment=environment) as service:
        await asyncio.to_thread(service.wait_for_line, SERVING)
        scraper = Scraper(service.port)
        async with run_clients(service.port, [*TRAFFIC, NEW_EACH], pause=PAUSE) as clients:
            yield service, clients, scraper
        await scraper.scrape_until_equal(clients)
        # Nobody asks now, so no request is cut.
        os.kill(max(workers(service)), signal.SIGKILL)
        await scraper.scrape_until_equal(clients)
    assert {cache for _, cache in scraper.last} >= OUTCOMES
    assert {status for status, _ in scraper.last} >= {"200", "206", "302", "304", "404"}


async def purge_softly(state_dir, redis_url) -> None:
    environment = environment_of(state_dir) | {"REDIS_URL": redis_url}
    await asyncio.to_thread(manage, environment, "purge_cache", "--all", "--soft")


async def test_metrics_equal_the_clients_count_after_a_restart_and_kills(state_dir, redis_url):
    async with counted_site(state_dir, redis_url, 2) as (service, clients, scraper):
        await wait_for_more(clients, 20)
        await purge_softly(state_dir, redis_url)
        await restart(service)
        await scraper.scrape()
        os.kill(min(workers(service)), signal.SIGKILL)
        await wait_for_more(clients, 20)
        await scraper.scrape()


@pytest.mark.slow
async def test_metrics_of_four_processes_equal_the_clients_count(state_dir, redis_url):
    async with counted_site(state_dir, redis_url, 4) as (service, clients, scraper):
        for _ in range(3):
            await wait_for_more(clients, 200)
            await purge_softly(state_dir, redis_url)
            await restart(service)
            for victim in sorted(workers(service))[:2]:
                await wait_for_more(clients, 100)
                os.kill(victim, signal.SIGKILL)
                await scraper.scrape()


async def wait_for_more(clients: list[CountingClient], more: int) -> None:
    """Until each client has received so many more responses."""
    enough = [client.received.total() + more for client in clients]
    await wait_until_async(
        lambda: all(client.received.total() >= least for client, least in zip(clients, enough, strict=True)),
        f"{more} more responses for each client",
    )
