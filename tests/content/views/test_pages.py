"""Pages, as readers request them."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from content.caching.queries import count_queries
from content.models import Redirect
from tests.support.blog import make_post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_cache")]

PATHS = ["/", "/?page=2", "/posts/post-3/", "/categories/news/", "/tags/green/", "/authors/ann/"]


@pytest.mark.parametrize("path", PATHS)
def test_a_page_answers_and_its_second_read_does_no_sql(client, blog, path):
    assert client.get(path).status_code == 200
    with count_queries() as queries:
        response = client.get(path)
    assert response.status_code == 200
    assert queries.statements == []


def test_home_takes_ten_queries_cold_however_many_posts(client, blog):
    with count_queries() as few:
        client.get("/")
    make_post("one-more", authors=[])
    cache.clear()
    with count_queries() as more:
        client.get("/")
    assert few.count == more.count == 10, few.statements


def test_posts_come_newest_first_and_the_site_sets_the_number_on_a_page(client, blog):
    html = client.get("/").content.decode()
    shown = [number for number in range(25) if f'href="/posts/post-{number}/"' in html]
    assert shown == list(range(10))
    assert html.index("/posts/post-0/") < html.index("/posts/post-9/")
    assert 'href="/posts/post-24/"' in client.get("/?page=3").content.decode()


@pytest.mark.parametrize("page", ["0", "-1", "999999", "abc", "1.5", "", "%00", "٣", "9" * 5000, "1e3"])
def test_an_invalid_page_number_is_404_with_the_sites_layout(client, blog, page):
    response = client.get(f"/?page={page}")
    assert response.status_code == 404
    assert b"Test blog" in response.content


@pytest.mark.parametrize(
    "path",
    [
        "/posts/nothing/",
        "/posts/%00/",
        "/posts/a%00b/",
        "/%00",
        "/posts/%F0%9F%98%80/",
        "/posts/%ff%fe/",
        "/posts/../../etc/passwd",
        "/no/such/place/",
        "/" + "x" * 3000 + "/",
        "/categories/nothing/",
        "/tags/nothing/",
        "/authors/nothing/",
        "/posts/post-1/more/",
    ],
)
def test_an_unknown_url_is_404_with_the_sites_layout(client, blog, path):
    response = client.get(path)
    assert response.status_code == 404 if response.status_code != 301 else client.get(response["Location"])
    if response.status_code == 404:
        assert b"Test blog" in response.content
        assert "Cache-Control" in response


def test_a_missing_post_costs_one_query_a_minute_not_one_a_request(client, blog):
    client.get("/posts/nothing/")
    with count_queries() as queries:
        assert client.get("/posts/nothing/").status_code == 404
    assert queries.statements == []


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "draft"},
        {"status": "withdrawn", "password": "secret"},
        {"status": "withdrawn", "published_at": timezone.now() + timedelta(days=1)},
        {"password": "secret"},
        {"status": "scheduled", "published_at": timezone.now() + timedelta(days=1)},
    ],
)
def test_a_post_that_is_not_public_is_nowhere(client, blog, fields):
    make_post("hidden-thing", **fields)
    assert client.get("/posts/hidden-thing/").status_code == 404
    assert b"hidden-thing" not in client.get("/").content


def test_a_page_has_its_own_path_and_is_in_no_list(client, blog):
    make_post("about", kind="page")
    assert client.get("/about/").status_code == 200
    assert client.get("/posts/about/").status_code == 404
    assert client.get("/about").headers["Location"] == "/about/"
    assert b'href="/about/"' not in client.get("/").content


def test_an_old_path_redirects_to_the_new_one(client, blog):
    assert client.get("/2014/03/12/post-1/").status_code == 404
    Redirect.objects.create(old_path="/2014/03/12/moved/", new_path="/posts/post-1/")
    response = client.get("/2014/03/12/moved/")
    assert (response.status_code, response["Location"]) == (301, "/posts/post-1/")
    with count_queries() as queries:
        client.get("/2014/03/12/moved/")
    assert queries.count == 0


@pytest.mark.parametrize("path", ["/posts/c%23-tips", "/tags/what%3F", "/a%25b", "/caf%C3%A9"])
def test_a_redirect_keeps_the_encoding_of_its_path(client, path):
    """Decoded, "#" would begin a fragment and "?" a query."""
    response = client.get(path, {"x": "1"})
    assert response.status_code == 301
    assert response["Location"] == f"{path}/?x=1"


def test_a_path_without_its_last_slash_redirects_and_never_to_another_host(client, blog):
    assert client.get("/posts/post-1?x=1").headers["Location"] == "/posts/post-1/?x=1"
    assert not client.get("//example.com/a").headers.get("Location", "/").startswith("//")


def test_pages_are_the_same_for_everybody_and_contain_no_form_of_comments(client, blog, admin_client):
    for path in PATHS:
        ours, theirs = client.get(path), admin_client.get(path)
        assert ours.content == theirs.content
        assert b"csrf" not in ours.content.lower()
        assert "Set-Cookie" not in ours.headers
        assert "Cookie" not in ours.headers.get("Vary", "")


def test_pages_load_nothing_from_other_hosts(client, blog):
    assert "default-src 'self'" in client.get("/").headers["Content-Security-Policy"]


def test_an_edit_is_seen_by_the_next_reader(client, blog, django_capture_on_commit_callbacks):
    assert b"Post 3" in client.get("/posts/post-3/").content
    assert b"Post 3" in client.get("/").content
    with django_capture_on_commit_callbacks(execute=True):
        blog[3].title = "Quite another title"
        blog[3].save()
    for path in ("/posts/post-3/", "/", "/categories/notes/", "/authors/ann/"):
        assert b"Quite another title" in client.get(path).content, path


def test_a_withdrawn_post_is_gone_from_everywhere(client, blog, django_capture_on_commit_callbacks):
    for path in (*PATHS, "/categories/notes/"):
        client.get(path)
    with django_capture_on_commit_callbacks(execute=True):
        blog[3].status = "withdrawn"
        blog[3].save()
    assert client.get("/posts/post-3/").status_code == 410
    for path in ("/", "/categories/notes/", "/tags/green/", "/authors/ann/"):
        assert b"/posts/post-3/" not in client.get(path).content, path


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_pages_allow_only_get_and_head(client, blog, method):
    response = getattr(client, method)("/posts/post-1/")
    assert response.status_code in (403, 405)
