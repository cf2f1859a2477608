"""The whole site where CACHE_URL names no Redis: pages, the admin, and a save that shows at once."""

import os

import httpx
import pytest

from tests.support.forms import FormParser, links
from tests.support.markdown import write_posts
from tests.support.servers.memcached import running_memcached
from tests.support.service import environment_of, make_tables, manage_each, running_service

PASSWORD = "correct horse battery staple"
SECRETS = {"SECRET_KEY": "for tests only", "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
PATHS = ["/", "/?page=2", "/posts/note-1/", "/categories/news/", "/tags/green/", "/authors/ann/"]


@pytest.fixture(params=["memcached", "locmem"])
def cache(request):
    """Its URL, and how many workers may share it."""
    if request.param == "locmem":
        yield "locmem://site", 1
        return
    with running_memcached() as server:
        yield server.url, 2


@pytest.fixture
def service(cache, tmp_path):
    url, workers = cache
    environment = SECRETS | {"CACHE_URL": url}
    state = tmp_path / "state"
    state.mkdir()
    admin = ["createsuperuser", "--noinput", "--username", "ann", "--email", "ann@example.org"]
    posts = write_posts(tmp_path / "posts", 12)
    make_tables(state)
    manage_each(environment_of(state) | environment, ["import_content", str(posts)], admin)
    options = ["--workers", str(workers)]
    with running_service(state, *options, command="serve", environment=environment) as running:
        running.wait_for_line("Serving on")
        yield running


def log_in(client: httpx.Client) -> None:
    fields = FormParser(client.get("/admin/login/").text).fields | {"username": "ann", "password": PASSWORD}
    assert client.post("/admin/login/?next=/admin/", data=fields).status_code == 302
    assert client.get("/admin/").status_code == 200


def save(client: httpx.Client, path: str, **values: str) -> None:
    page = client.get(path)
    assert page.status_code == 200
    answer = client.post(path, data=FormParser(page.text).fields | values)
    assert answer.status_code == 302, answer.text


@pytest.mark.slow
def test_pages_admin_and_a_save_that_shows_at_once(service):
    with service.client() as reader, service.client() as editor:
        for path in PATHS:
            answers = [reader.get(path) for _ in range(6)]
            assert {answer.status_code for answer in answers} == {200}, path
            assert "hit" in answers[-1].headers["Cache-Status"], path
        log_in(editor)
        [post] = {link for link in links(editor.get("/admin/content/post/?q=Note+12").text) if "/post/" in link}
        for number in range(3):
            title = f"Changed {os.getpid()} {number}"
            save(editor, post, title=title)
            # Any worker may answer.
            for _ in range(4):
                with service.client() as newcomer:
                    for path in ("/", "/posts/note-12/", "/tags/green/"):
                        assert title in newcomer.get(path).text, (number, path)
        assert editor.post("/admin/logout/", data=FormParser(editor.get("/admin/").text).fields).status_code == 200
        assert editor.get("/admin/").status_code == 302
