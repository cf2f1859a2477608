"""Feeds, sitemap, robots, what is gone and what is refused, through a running service."""

import pytest

from tests.support.parse import locations, parse_page, parse_xml
from tests.support.service import environment_of, make_tables, manage, running_service

ENVIRONMENT = {"SECRET_KEY": "for tests only", "CACHE_URL": "locmem://feeds"}
POSTS = """
from content.models import Post
Post.objects.create(slug="talk", title="Talk", status="published", body="Words. " * 400)
Post.objects.create(slug="gone", title="Gone", status="withdrawn")
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("feeds") / "state"
    folder.mkdir()
    make_tables(folder)
    manage(environment_of(folder) | ENVIRONMENT, "shell", "-v0", "-c", POSTS)
    with running_service(folder, command="serve", environment=ENVIRONMENT) as service:
        service.wait_for_line("Serving on")
        yield service


@pytest.fixture
def client(service):
    with service.client() as client:
        yield client


@pytest.mark.parametrize("path", ["/feed.xml", "/atom.xml", "/sitemap.xml", "/robots.txt", "/archive/", "/popular/"])
def test_a_repeated_request_gets_304(client, path):
    first = client.get(path)
    assert first.status_code == 200
    assert client.get(path, headers={"if-none-match": first.headers["etag"]}).status_code == 304
    assert client.get(path, headers={"if-modified-since": first.headers["last-modified"]}).status_code == 304
    head = client.head(path)
    assert (head.status_code, head.content) == (200, b"")


def test_feeds_are_equal_in_every_coding(client, service):
    for coding in ("gzip", "identity"):
        tree = parse_xml(client.get("/feed.xml", headers={"accept-encoding": coding}))
        assert tree.findtext(".//item/link") == f"{service.url}/posts/talk/"
    assert f"{service.url}/posts/talk/" in locations(client.get("/sitemap.xml"))


def test_a_withdrawn_post_is_gone(client):
    answer = client.get("/posts/gone/")
    assert (answer.status_code, parse_page(answer).findtext(".//h1")) == (410, "This has been withdrawn")


def test_the_icon_is_served(client):
    answer = client.get("/favicon.ico", follow_redirects=True)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")


def test_an_unknown_host_gets_a_page_of_the_site(client):
    answer = client.get("/", headers={"host": "evil.example"})
    assert (answer.status_code, parse_page(answer).findtext(".//h1")) == (400, "No site under this name")
    assert answer.headers["cache-control"] == "no-store"
    assert "evil" not in answer.text
