"""The archive: by year and month of the site's calendar."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from content.caching.queries import count_queries
from tests.support.blog import make_blog, make_post
from tests.support.parse import parse_page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_cache")]

MAY = datetime(2018, 5, 31, 23, 30, tzinfo=UTC)
PATHS = ["/archive/", "/archive/2018/", "/archive/2018/05/", "/archive/2018/05/?page=2"]


@pytest.fixture
def blog():
    """25 posts of these days, 12 of May 2018, one of June 2017."""
    posts = make_blog()
    for number in range(12):
        make_post(f"may-{number}", published_at=MAY - timedelta(days=number))
    make_post("june", published_at=datetime(2017, 6, 15, tzinfo=UTC))
    make_post("about", kind="page", published_at=MAY)
    return posts


def counts_in(client, path: str) -> dict[str, str]:
    """Links of the archive's counts, with the number beside each."""
    items = parse_page(client.get(path)).findall(".//main//*[@class='column']//li")
    links = [(item.find("a"), item.find("span")) for item in items if item.find("span") is not None]
    return {link.get("href"): count.text for link, count in links}


@pytest.mark.parametrize("path", PATHS)
def test_a_page_of_the_archive_answers_and_its_second_read_does_no_sql(client, blog, path):
    assert client.get(path).status_code == 200
    with count_queries() as queries:
        parse_page(client.get(path))
    assert queries.statements == []


def test_years_and_months_have_their_counts_and_pages_are_not_among_them(client, blog):
    assert counts_in(client, "/archive/").items() >= {"/archive/2018/05/": "12", "/archive/2017/06/": "1"}.items()
    html = client.get("/archive/").content.decode()
    assert '<a href="/archive/2018/">2018</a> <span class="count">12 posts</span>' in html
    assert '<a href="/archive/2017/">2017</a> <span class="count">1 post</span>' in html
    assert counts_in(client, "/archive/2018/") == {"/archive/2018/05/": "12"}


def test_a_month_lists_its_posts_newest_first_in_pages(client, blog):
    first, second = client.get("/archive/2018/05/").content, client.get("/archive/2018/05/?page=2").content
    assert b"May 2018" in first
    assert first.index(b"/posts/may-0/") < first.index(b"/posts/may-9/")
    assert b"/posts/may-10/" not in first
    assert b"/posts/may-11/" in second
    assert b"/about/" not in first + second
    assert b"/posts/june/" in client.get("/archive/2017/").content


def test_the_sites_time_zone_decides_the_month(client, blog, settings):
    settings.TIME_ZONE = "Europe/Berlin"
    assert counts_in(client, "/archive/2018/") == {"/archive/2018/06/": "1", "/archive/2018/05/": "11"}
    assert b"/posts/may-0/" in client.get("/archive/2018/06/").content
    assert b"/posts/may-0/" not in client.get("/archive/2018/05/?page=1").content


NOWHERE = [
    "/archive/0000/", "/archive/9999/", "/archive/2018/13/", "/archive/2018/00/", "/archive/2018/0/",
    "/archive/2018/04/", "/archive/1999/", "/archive/1999/01/", "/archive/20188/", "/archive/\uff12018/",
    "/archive/2018/5x/", "/archive/2018/005/", "/archive/2018/05/31/", "/archive/-1/", "/archive/9998/12/",
    "/archive/1000/01/", "/archive/0999/12/",
    *[f"/archive/2018/05/?page={page}" for page in ("0", "abc", "999999", "3", "-1", "", "%00")],
    *[f"/archive/2018/?page={page}" for page in ("0", "abc", "999999")],
]  # fmt: skip


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Midway"])
def test_a_time_without_posts_has_no_page(client, blog, settings, zone):
    settings.TIME_ZONE = zone
    answers = {path: client.get(path) for path in NOWHERE}
    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(NOWHERE, 404)
    assert all(b"Test blog" in answer.content for answer in answers.values())


def test_a_month_has_one_url(client, blog):
    for path in ("/archive/2018/5/", "/archive/2018/5/?page=2"):
        response = client.get(path)
        assert (response.status_code, response["Location"]) == (301, path.replace("/5/", "/05/"))
    assert b'<link rel="canonical" href="http://testserver/archive/2018/05/?page=2">' in client.get(PATHS[3]).content
    assert client.get("/archive/2018/05?page=2")["Location"] == "/archive/2018/05/?page=2"


def test_an_unknown_parameter_is_harmless(client, blog):
    assert client.get("/archive/?year=1&page=7").status_code == 200
    assert client.get("/archive/2018/05/?month=4").status_code == 200


def test_a_post_invalidates_only_the_archive_of_its_month(client, blog, django_capture_on_commit_callbacks):
    for path in ("/archive/2018/05/", "/archive/2017/06/"):
        client.get(path)
    with django_capture_on_commit_callbacks(execute=True):
        make_post("late", published_at=MAY)
    assert b"13 posts" in client.get("/archive/2018/05/").content
    assert counts_in(client, "/archive/")["/archive/2018/05/"] == "13"


def test_a_scheduled_post_joins_the_archive_at_its_time(client, blog, moved_clock):
    now = timezone.now()
    soon = now + timedelta(minutes=10)
    before = client.get("/archive/").content
    make_post("soon", status="scheduled", published_at=soon)
    cache.clear()
    path = f"/archive/{soon:%Y/%m}/"
    assert b"/posts/soon/" not in client.get(path).content
    assert client.get("/archive/").content == before
    moved_clock(601)
    assert b"/posts/soon/" in client.get(path).content
    assert client.get("/archive/").content != before


def test_a_scheduled_post_may_open_a_month_of_its_own(client, blog, moved_clock):
    later = timezone.now() + timedelta(days=400)
    make_post("first-of-its-month", status="scheduled", published_at=later)
    for path in (f"/archive/{later:%Y}/", f"/archive/{later:%Y/%m}/"):
        assert client.get(path).status_code == 404
    moved_clock(401 * 86400)
    for path in (f"/archive/{later:%Y}/", f"/archive/{later:%Y/%m}/"):
        assert client.get(path).status_code == 200


def test_a_time_outside_the_calendar_is_in_no_archive(client, blog):
    make_post("ancient", published_at=datetime(999, 5, 9, tzinfo=UTC))
    assert b"/archive/0999/" not in client.get("/archive/").content
    assert b"/archive/0999/" not in client.get("/sitemap.xml").content
