"""The most read posts, whole: `/popular/` and `/trending/`; robots.txt and favicon.ico."""

from datetime import timedelta

import pytest
from django.contrib.staticfiles import finders
from django.utils import timezone

from content.caching.queries import count_queries
from content.models import PostViews
from tests.support.blog import make_blog
from tests.support.parse import parse_page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_cache")]


@pytest.fixture
def blog():
    """25 posts, of which 12 were read: post-11 most of all time, post-0 most within this day."""
    posts = make_blog()
    now = timezone.now()
    for number, post in enumerate(posts[:12]):
        PostViews.objects.create(post=post, total=number + 1, heat=-number, last_viewed_at=now - timedelta(minutes=1))
    return posts


def slugs_on(client, path: str) -> list[str]:
    titles = parse_page(client.get(path)).findall(".//main//*[@class='card-title']/a")
    return [title.get("href").strip("/").rpartition("/")[2] for title in titles]


def test_the_popular_come_by_views_in_pages(client, blog):
    assert slugs_on(client, "/popular/") == [f"post-{number}" for number in range(11, 1, -1)]
    assert slugs_on(client, "/popular/?page=2") == ["post-1", "post-0"]


def test_the_trending_come_by_heat_in_pages(client, blog):
    assert slugs_on(client, "/trending/") == [f"post-{number}" for number in range(10)]
    assert slugs_on(client, "/trending/?page=2") == ["post-10", "post-11"]


def test_the_sidebar_shows_five_and_links_to_the_rest(client, blog):
    page = parse_page(client.get("/"))
    lists = page.findall(".//ol[@class='ranked']")
    assert [len(each.findall("li")) for each in lists] == [5, 5]
    links = [link.get("href") for link in page.findall(".//h2/a")]
    assert {"/popular/", "/trending/"} <= set(links)


@pytest.mark.parametrize("path", ["/popular/", "/popular/?page=2", "/trending/", "/popular/?nonsense=1"])
def test_a_ranking_answers_and_its_second_read_does_no_sql(client, blog, path):
    assert client.get(path).status_code == 200
    with count_queries() as queries:
        client.get(path)
    assert queries.statements == []


@pytest.mark.parametrize("page", ["0", "3", "abc", "999999", "-1", "", "%00"])
@pytest.mark.parametrize("path", ["/popular/", "/trending/"])
def test_an_invalid_page_of_a_ranking_is_404(client, blog, path, page):
    assert client.get(f"{path}?page={page}").status_code == 404


def test_an_empty_ranking_has_a_page(client):
    assert b"Nothing has been read" in client.get("/popular/").content
    assert b"Nothing has been read" in client.get("/trending/").content
    assert b"0 posts" not in client.get("/trending/").content


def test_a_withdrawn_post_leaves_the_rankings(client, blog, django_capture_on_commit_callbacks):
    assert "post-11" in slugs_on(client, "/popular/")
    with django_capture_on_commit_callbacks(execute=True):
        blog[11].status = "withdrawn"
        blog[11].save()
    assert "post-11" not in slugs_on(client, "/popular/") + slugs_on(client, "/trending/?page=1")


def test_robots_txt_has_the_closed_paths_and_the_sitemap(client):
    response = client.get("/robots.txt")
    lines = response.content.decode().splitlines()
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert lines[0] == "User-agent: *"
    assert {"Disallow: /admin/"} <= set(lines)
    assert "Sitemap: http://testserver/sitemap.xml" in lines


def test_favicon_ico_redirects_to_the_icon(client):
    response = client.get("/favicon.ico")
    assert (response.status_code, response["Location"]) == (302, "/static/content/favicon.svg")
    assert finders.find("content/favicon.svg")
