"""Errors as readers see them: the right status, plain words, the site's layout, and no cache that stores them."""

import pytest
from django.test import Client

from content import resources
from content.cache_headers import GONE_EDGE_POLICY
from content.caching.queries import count_queries
from content.models import Redirect
from tests.support.blog import make_post
from tests.support.parse import parse_page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_cache")]


@pytest.fixture
def sender():
    """A browser that has been here, and sends forms without their token."""
    client = Client(enforce_csrf_checks=True)
    client.cookies["csrftoken"] = "x" * 32
    return client


def heading(response) -> str:
    return parse_page(response).findtext(".//h1")


# --- withdrawn -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "path"), [("post", "/posts/taken-back/"), ("page", "/taken-back/")])
def test_a_withdrawn_post_is_410_with_an_explanation(client, blog, kind, path):
    make_post("taken-back", kind=kind, status="withdrawn")
    response = client.get(path)
    assert response.status_code == 410
    assert heading(response) == "This has been withdrawn"
    assert b"Test blog" in response.content
    assert b"Taken Back" not in response.content
    assert response["Cache-Control"] == "no-cache"
    assert response["Evergreen-Cache-Control"] == GONE_EDGE_POLICY
    with count_queries() as queries:
        assert client.get(path).status_code == 410
    assert queries.statements == []
    assert client.head(path).status_code == 410


def test_a_withdrawn_post_with_a_redirect_redirects(client, blog):
    make_post("taken-back", status="withdrawn")
    Redirect.objects.create(old_path="/posts/taken-back/", new_path="/posts/post-1/")
    response = client.get("/posts/taken-back/")
    assert (response.status_code, response["Location"]) == (301, "/posts/post-1/")


def test_a_post_published_again_shows_and_a_deleted_one_is_404(client, blog, django_capture_on_commit_callbacks):
    def save(status: str) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            blog[3].status = status
            blog[3].save()

    for status, code in (("withdrawn", 410), ("published", 200), ("withdrawn", 410)):
        save(status)
        assert client.get("/posts/post-3/").status_code == code
    with django_capture_on_commit_callbacks(execute=True):
        blog[3].delete()
    assert client.get("/posts/post-3/").status_code == 404


def test_a_withdrawn_post_is_gone_by_its_own_path_alone(client, blog):
    make_post("taken-back", status="withdrawn")
    assert client.get("/taken-back/").status_code == 404
    assert client.get("/posts/taken-back")["Location"] == "/posts/taken-back/"


# --- the others ------------------------------------------------------------------------------------------


def test_404_offers_a_search_and_the_archive(client, blog):
    page = parse_page(client.get("/posts/nothing/"))
    form = page.find(".//main//form")
    assert (form.get("action"), form.get("method")) == ("/search/", "get")
    field = form.find("input")
    assert field.get("name") == "q"
    assert form.find("label").get("for") == field.get("id")
    assert page.find(".//main//a[@href='/archive/']") is not None


def test_a_host_that_is_not_ours_is_400(client):
    response = client.get("/", headers={"host": "evil.example"})
    assert response.status_code == 400
    assert heading(response) == "No site under this name"
    assert b"ALLOWED_HOSTS" in response.content
    assert response["Cache-Control"] == "no-store"
    assert b"evil" not in response.content


def test_a_form_without_its_token_is_403_with_words(sender):
    response = sender.post("/admin/login/", {"username": "a", "password": "b"})
    assert response.status_code == 403
    assert heading(response) == "The form was not accepted"
    assert response["Cache-Control"] == "no-store"


def test_too_large_an_upload_is_413(sender, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    response = sender.post("/admin/login/", {"username": "a" * 200})
    assert response.status_code == 413
    assert heading(response) == "That was too much at once"


def test_too_many_fields_are_400(sender, settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 2
    response = sender.post("/admin/login/", {"a": 1, "b": 2, "c": 3})
    assert response.status_code == 400


async def test_an_exception_in_a_view_is_500_and_says_nothing_of_it(async_client, monkeypatch):
    async def broken(*args):
        raise RuntimeError("secret words")

    async_client.raise_request_exception = False
    monkeypatch.setattr(resources.site, "get", broken)
    response = await async_client.get("/")
    assert response.status_code == 500
    assert heading(response) == "Something broke on our side"
    assert b"secret" not in response.content
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/posts/c%23-tips", "/posts/c%23-tips/"),
        ("/tags/what%3f", "/tags/what%3F/"),
        ("/a%25b", "/a%25b/"),
        ("/%C3%BC", "/%C3%BC/"),
        ("/posts/x%20y?a=%23", "/posts/x%20y/?a=%23"),
        ("/api/v1/posts", "/api/v1/posts/"),
    ],
)
def test_a_redirect_keeps_what_was_encoded(client, blog, path, location):
    """Else `#`, `?` and `%` of a path would end it, or begin another."""
    response = client.get(path)
    assert (response.status_code, response["Location"]) == (301, location)
