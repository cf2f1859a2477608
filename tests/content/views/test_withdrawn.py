"""A withdrawn post is 410 until it is published again."""

from datetime import timedelta

import pytest
from django.utils import timezone

from content.cache_headers import GONE_EDGE_POLICY
from content.caching.queries import count_queries
from content.models import Redirect
from tests.support.blog import make_blog, make_post
from tests.support.parse import parse_page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_cache")]


@pytest.fixture
def blog():
    """25 posts, a withdrawn one, and a withdrawn page."""
    posts = make_blog()
    make_post("taken-back", status="withdrawn", published_at=timezone.now() - timedelta(days=9))
    make_post("terms", kind="page", status="withdrawn")
    return posts


@pytest.mark.parametrize("path", ["/posts/taken-back/", "/terms/"])
def test_a_withdrawn_post_or_page_is_gone_and_says_so_without_sql_the_second_time(client, blog, path):
    assert client.get(path).status_code == 410
    with count_queries() as queries:
        response = client.get(path)
    assert (response.status_code, queries.statements) == (410, [])
    page = parse_page(response)
    assert page.findtext(".//h1") == "This has been withdrawn"
    assert page.find(".//main//form[@action='/search/']") is not None
    assert b"Test blog" in response.content
    assert b"taken-back" not in response.content
    assert client.head(path).status_code == 410


def test_only_the_edge_stores_it(client, blog):
    response = client.get("/posts/taken-back/")
    assert response["Cache-Control"] == "no-cache"
    assert response["Evergreen-Cache-Control"] == GONE_EDGE_POLICY
    assert "ETag" not in response


def test_a_page_is_gone_as_a_page_and_a_post_as_a_post(client, blog):
    assert client.get("/taken-back/").status_code == 404
    assert client.get("/posts/terms/").status_code == 404


def test_a_withdrawal_a_publication_and_a_deletion_show_at_once(client, blog, django_capture_on_commit_callbacks):
    def status_after(change) -> int:
        with django_capture_on_commit_callbacks(execute=True):
            change()
        return client.get("/posts/post-3/").status_code

    def save(status: str) -> int:
        blog[3].status = status
        return status_after(blog[3].save)

    assert client.get("/posts/post-3/").status_code == 200
    assert [save(status) for status in ("withdrawn", "published", "withdrawn", "draft")] == [410, 200, 410, 404]
    assert save("withdrawn") == 410
    assert status_after(blog[3].delete) == 404


def test_a_redirect_works_although_its_post_was_withdrawn(client, blog, django_capture_on_commit_callbacks):
    assert client.get("/posts/taken-back/").status_code == 410
    with django_capture_on_commit_callbacks(execute=True):
        Redirect.objects.create(old_path="/posts/taken-back/", new_path="/posts/post-1/")
    response = client.get("/posts/taken-back/")
    assert (response.status_code, response["Location"]) == (301, "/posts/post-1/")
