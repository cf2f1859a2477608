"""`warm_cache --all` beside a running site, without a setting: every address is then a hit in the server."""

import json
import re
from pathlib import Path

import httpx
import pytest

from tests.support.crawl import Visit, crawl
from tests.support.servers.redis import running_redis
from tests.support.service import environment_of, make_site, manage, running_service

pytestmark = pytest.mark.long

RENAME_AND_PRINT = """
from content.models import Post
post = Post.objects.filter(kind="post", status="published").first()
print(post.slug)
post.slug = "renamed"
post.save()
"""
STARTS = ("/", "/search/", "/robots.txt", "/favicon.ico", "/api/v1/")
SECRET = {"SECRET_KEY": "for tests only"}


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("warmed") / "state"
    folder.mkdir()
    make_site(folder, ["migrate", "-v0"], ["demo_content", "-v0"])
    with running_redis() as server:
        yield environment_of(folder) | SECRET | {"REDIS_URL": server.url}


@pytest.fixture(scope="module")
def old_path(environment) -> str:
    """The path of a post that was renamed."""
    slug = manage(environment, "shell", "-v0", "-c", RENAME_AND_PRINT).strip()
    return f"/posts/{slug}/"


@pytest.fixture(scope="module")
def service(environment, old_path):
    folder, settings = Path(environment["EVERGREEN_STATE_DIR"]), SECRET | {"REDIS_URL": environment["REDIS_URL"]}
    with running_service(folder, command="serve", environment=settings) as running:
        running.wait_for_line("Serving on")
        yield running


@pytest.fixture(scope="module")
def report(environment, service) -> dict:
    return json.loads(manage(environment, "warm_cache", "--all", "--json", "--processes", "2"))


async def test_after_one_command_every_address_of_a_crawl_is_a_hit_in_another_process(service, report, old_path):
    assert report["failed"] == 0
    async with httpx.AsyncClient(base_url=service.url) as client:
        visits = await crawl(client.get, service.url, *STARTS, old_path)
    assert len(visits) > 300
    assert visits[old_path].location == "/posts/renamed/"
    assert {path: visit for path, visit in visits.items() if not is_warm(path, visit)} == {}


def is_warm(path: str, visit: Visit) -> bool:
    """The edge stores no response to a query that clients could make up; such responses are made of warm entries."""
    if re.match(r"/api/.*[?&]after=", path):
        return visit.status == 200
    return visit.status in (200, 301, 302) and "; hit" in visit.cache_status and "ttl=-" not in visit.cache_status


def test_the_report_counts_each_page_once(service, report, environment):
    again = json.loads(manage(environment, "warm_cache", "--all", "--json"))
    assert again["warmed"] + again["fresh"] + again["skipped"] == sum(
        report[name] for name in ("warmed", "fresh", "skipped")
    )
    assert again["pages"] == report["pages"] > 300
    # The entries that say that nothing is at an old path live for a minute.
    assert again["failed"] == 0
    assert again["warmed"] < 20
