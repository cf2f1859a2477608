"""The whole service behind a real Varnish: pages stay there, and what is written reaches it."""

import re

import httpx
import pytest

from tests.support.markdown import write_posts
from tests.support.servers.process import free_port
from tests.support.servers.varnish import VarnishServer, running_varnish
from tests.support.service import READY, Service, environment_of, manage, running_service
from tests.support.wait import wait_until

SHELL = "from content.models import Post; post = Post.objects.get(slug='{slug}'); post.title = '{title}'; post.save()"


# A shorter proof of the same is in tests/content/cdn.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def varnish():
    with running_varnish(free_port()) as server:
        yield server


@pytest.fixture(scope="module")
def service(varnish: VarnishServer, tmp_path_factory):
    home = tmp_path_factory.mktemp("cdn")
    folder = write_posts(home / "posts", 24)
    # As the only one of its kind it listens where Varnish looks for it.
    environment = {"EVERGREEN_CDN": f"varnish://{varnish.place}"}
    with running_service(
        home / "state", "--import", str(folder), environment=environment, port=varnish.backend
    ) as running:
        running.wait_for_line(READY)
        # Its first purge is of everything, and it comes twice.
        wait_until(lambda: metric(running, "evergreen_cdn_lag_seconds") == 0, "the CDN knows all", 30)
        yield running


def metric(service: Service, name: str) -> float:
    with service.client() as client:
        found = re.search(rf"^{name} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(found.group(1)) if found else -1.0


def read(varnish: VarnishServer, path: str) -> tuple[str, bool]:
    response = httpx.get(varnish.url + path)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "public, no-cache"
    assert {"xkey", "cdn-cache-control", "evergreen-cache-control"}.isdisjoint(response.headers)
    return response.text, " " in response.headers["x-varnish"]


def ensure_stored(varnish: VarnishServer, path: str) -> None:
    wait_until(lambda: read(varnish, path)[1], f"Varnish has {path}")


def test_a_write_purges_its_pages_from_varnish_and_no_other(service, varnish):
    for path in ("/posts/note-9/", "/posts/note-2/", "/"):
        ensure_stored(varnish, path)
    manage(of_its_own(service), "shell", "-v0", "-c", SHELL.format(slug="note-9", title="Another title"))
    wait_until(lambda: "Another title" in read(varnish, "/posts/note-9/")[0], "the write is seen")
    assert read(varnish, "/posts/note-2/")[1]


@pytest.mark.parametrize(
    "words", [["--url", "/posts/note-3/"], ["--tag", "posts"], ["--resource", "page"], ["--all"]]
)
def test_purge_cache_purges_varnish(service, varnish, words):
    ensure_stored(varnish, "/posts/note-3/")
    manage(of_its_own(service), "purge_cache", *words)
    wait_until(lambda: not read(varnish, "/posts/note-3/")[1], "it is gone")


def test_uncacheable_pages_reach_the_site_each_time(service, varnish):
    for path in ("/no-such-page/", "/admin/login/", "/posts/note-9/comment/", "/healthz"):
        for _ in range(2):
            assert " " not in httpx.get(varnish.url + path).headers["x-varnish"], path


def test_varnish_confirms_the_copy_of_a_client(service, varnish):
    ensure_stored(varnish, "/posts/note-4/")
    etag = httpx.get(varnish.url + "/posts/note-4/").headers["etag"]
    answer = httpx.get(varnish.url + "/posts/note-4/", headers={"if-none-match": etag})
    assert (answer.status_code, " " in answer.headers["x-varnish"]) == (304, True)


def test_purges_are_counted(service):
    assert metric(service, 'evergreen_cdn_purges_total{outcome="confirmed"}'.replace("{", r"\{")) > 0
    assert metric(service, "evergreen_cdn_purged_tags_total") > 0
    wait_until(lambda: metric(service, "evergreen_cdn_lag_seconds") == 0, "all is confirmed", 30)


def of_its_own(service: Service) -> dict[str, str]:
    return environment_of(service.state_dir)
