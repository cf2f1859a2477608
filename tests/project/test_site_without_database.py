"""PostgreSQL goes down under a site: stored pages are served, all else is 503, and an editor keeps the text."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.parse import parse_page
from tests.support.servers.postgres import PostgresServer, running_postgres
from tests.support.service import clean_environment, collect_static, manage_each, running_service
from tests.support.wait import wait_until

pytestmark = pytest.mark.slow

SITE = """
from django.contrib.auth.models import User
from django.test import Client
from content.models import Post
from django.utils import timezone
client = Client()
client.force_login(User.objects.create_superuser("ann", password="in a test"))
Post.objects.create(slug="warm", title="Warm", body="Words.", status="published", published_at=timezone.now())
print(client.cookies["sessionid"].value)
"""
# Nobody has read them before. Each needs a row that only the database has.
NOT_STORED = (
    "/posts/no-such-post/", "/nowhere/", "/search/?q=words", "/archive/", "/feed.xml", "/sitemap.xml",
    "/posts/no-such-post/comment/", "/api/v1/posts/no-such-post/", "/admin/content/post/",
)  # fmt: skip
WARM = "/posts/warm/"
TEXT = 'An evening of "work" <b>here</b>'


@pytest.fixture
def site(fresh_redis, tmp_path) -> Iterator[tuple[httpx.Client, PostgresServer]]:
    """An editor's client."""
    collect_static()
    state = tmp_path / "state"
    state.mkdir()
    with running_postgres() as postgres:
        settings = {"SECRET_KEY": "for tests only", "REDIS_URL": fresh_redis, "DATABASE_URL": postgres.url}
        environment = clean_environment() | {"EVERGREEN_STATE_DIR": str(state)} | settings
        session = manage_each(environment, ["migrate", "-v0"], ["shell", "-v0", "-c", SITE]).split()[-1]
        with running_service(state, command="serve", environment=settings) as service:
            service.wait_for_line("Serving on")
            with httpx.Client(base_url=service.url, cookies={"sessionid": session}, timeout=30) as client:
                yield client, postgres


def test_the_database_goes_down_and_comes_back(site):
    client, postgres = site
    page = client.get(WARM, headers={"Cookie": ""})
    form = client.get("/admin/content/category/add/")
    token = parse_page(form).find(".//input[@name='csrfmiddlewaretoken']").get("value")
    fields = {"csrfmiddlewaretoken": token, "name": TEXT, "slug": "work"}

    postgres.crash()
    assert client.get(WARM, headers={"Cookie": ""}).content == page.content
    for path in NOT_STORED:
        response = client.get(path)
        assert (path, response.status_code) == (path, 503)
        assert int(response.headers["Retry-After"]) > 0, path
        assert "no-store" in response.headers["Cache-Control"], path
    answer = client.post("/admin/content/category/add/", data=fields, headers={"Referer": str(form.url)})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    kept = {each.get("name"): each.get("value") for each in parse_page(answer).findall(".//input[@type='hidden']")}
    assert kept == fields

    postgres.start()
    assert client.post("/admin/content/category/add/", data=kept).status_code == 302
    for path in ("/archive/", "/search/?q=words", "/admin/content/post/"):
        wait_until(lambda path=path: client.get(path).status_code == 200, path)
