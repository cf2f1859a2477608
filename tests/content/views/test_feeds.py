"""Feeds, by what RSS 2.0 and RFC 4287 demand."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
from django.core.cache import cache
from django.utils import timezone

from content.caching.queries import count_queries
from content.models import Category, Tag
from tests.support.blog import make_post
from tests.support.parse import ATOM, CONTENT, parse_time, parse_xml

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_cache")]

PLACES = ["/", "/categories/news/", "/tags/green/", "/authors/ann/"]
RSS = [f"{place}feed.xml" for place in PLACES]
ATOMS = [f"{place}atom.xml" for place in PLACES]
HOST = "http://testserver"


def guids(client, path: str = "/feed.xml") -> list[str]:
    return [node.text for node in parse_xml(client.get(path)).iter("guid")]


@pytest.mark.parametrize("path", RSS + ATOMS)
def test_a_feed_answers_and_its_second_read_does_no_sql(client, blog, path):
    assert client.get(path).status_code == 200
    with count_queries() as queries:
        response = client.get(path)
    assert response.status_code == 200
    assert queries.statements == []
    assert response["Content-Type"] == f"application/{'rss' if 'feed' in path else 'atom'}+xml; charset=utf-8"
    assert response["ETag"]
    assert parsedate_to_datetime(response["Last-Modified"])


def test_a_cold_feed_takes_seven_queries_however_many_posts(client, blog):
    with count_queries() as few:
        client.get("/feed.xml")
    make_post("one-more")
    cache.clear()
    with count_queries() as more:
        client.get("/feed.xml")
    assert few.count == more.count == 7, few.statements


@pytest.mark.parametrize("path", RSS)
def test_rss_has_its_required_elements(client, blog, path):
    root = parse_xml(client.get(path))
    assert (root.tag, root.get("version")) == ("rss", "2.0")
    (channel,) = root
    for name in ("title", "link", "description"):
        assert channel.findtext(name)
    own = channel.find(f"{ATOM}link")
    assert (own.get("rel"), own.get("href")) == ("self", f"{HOST}{path}")
    assert channel.findtext("link") == f"{HOST}{path.removesuffix('feed.xml')}"
    items = channel.findall("item")
    assert items
    for item in items:
        assert item.findtext("title")
        assert item.findtext("link") == item.findtext("guid")
        assert item.find("guid").get("isPermaLink") == "true"
        assert parsedate_to_datetime(item.findtext("pubDate")).utcoffset() == timedelta(0)
        assert "Body of" in item.findtext(f"{CONTENT}encoded")
    assert len({item.findtext("guid") for item in items}) == len(items)
    dates = [parsedate_to_datetime(item.findtext("pubDate")) for item in items]
    assert dates == sorted(dates, reverse=True)


@pytest.mark.parametrize("path", ATOMS)
def test_atom_has_its_required_elements(client, blog, path):
    """RFC 4287, sections 4.1.1 and 4.1.2."""
    feed = parse_xml(client.get(path))
    assert feed.tag == f"{ATOM}feed"
    entries = feed.findall(f"{ATOM}entry")
    assert entries
    for each in (feed, *entries):
        for name in ("id", "title", "updated"):
            assert len(each.findall(f"{ATOM}{name}")) == 1
        parse_time(each.findtext(f"{ATOM}updated"))
        assert len(each.findall(f"{ATOM}link[@rel='alternate']")) == 1
        assert all(link.get("href").startswith(HOST) for link in each.findall(f"{ATOM}link"))
    assert feed.find(f"{ATOM}link[@rel='self']").get("href") == f"{HOST}{path}"
    assert feed.find(f"{ATOM}author/{ATOM}name").text
    assert len({entry.findtext(f"{ATOM}id") for entry in entries}) == len(entries)
    for entry in entries:
        content = entry.find(f"{ATOM}content")
        assert content.get("type") == "html"
        assert content.text.startswith("<p>Body of")
        assert parse_time(entry.findtext(f"{ATOM}updated")) >= parse_time(entry.findtext(f"{ATOM}published"))
    assert max(entry.findtext(f"{ATOM}updated") for entry in entries) == feed.findtext(f"{ATOM}updated")


def test_an_edit_before_publication_counts_at_publication(client, blog):
    make_post("old-words", updated_at=timezone.now() - timedelta(days=900))
    entry = parse_xml(client.get("/atom.xml")).find(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}updated") == entry.findtext(f"{ATOM}published")


def test_an_entry_keeps_its_identity_when_its_slug_changes(client, blog, django_capture_on_commit_callbacks):
    def first() -> str:
        return parse_xml(client.get("/atom.xml")).findtext(f"{ATOM}entry/{ATOM}id")

    before = first()
    with django_capture_on_commit_callbacks(execute=True):
        blog[0].slug = "renamed"
        blog[0].save()
    assert first() == before == f"tag:testserver,2026:post/{blog[0].pk}"
    assert f"{HOST}/posts/renamed/" in guids(client)


def test_the_newest_20_come_newest_first_and_pages_never(client, blog):
    make_post("about", kind="page")
    assert guids(client) == [f"{HOST}/posts/post-{number}/" for number in range(20)]


def test_a_feed_of_a_list_has_the_posts_of_the_list(client, blog):
    assert guids(client, "/categories/news/feed.xml") == [f"{HOST}/posts/post-{n}/" for n in range(0, 25, 2)]


@pytest.mark.parametrize(
    "path", ["/tags/none/feed.xml", "/categories/none/atom.xml", "/authors/none/feed.xml", "/x/feed.xml"]
)
def test_a_feed_of_an_unknown_list_is_404(client, blog, path):
    response = client.get(path)
    assert (response if response.status_code != 301 else client.get(response["Location"])).status_code == 404


def test_an_empty_feed_is_a_feed_and_stays_the_same(client, blog):
    Tag.objects.create(slug="unused", name="Unused")
    first, second = client.get("/tags/unused/atom.xml"), client.get("/tags/unused/atom.xml")
    assert first["ETag"] == second["ETag"]
    assert parse_time(parse_xml(first).findtext(f"{ATOM}updated")) == datetime(1970, 1, 1, tzinfo=UTC)
    assert parse_xml(client.get("/tags/unused/feed.xml")).find("channel/item") is None


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "draft"},
        {"status": "withdrawn"},
        {"password": "secret"},
        {"status": "scheduled", "published_at": timezone.now() + timedelta(days=1)},
    ],
)
@pytest.mark.parametrize("form", ["feed.xml", "atom.xml"])
def test_a_post_that_is_not_public_is_in_no_feed(client, blog, form, fields):
    make_post("hidden-thing", tags=list(Tag.objects.all()), category=Category.objects.first(), **fields)
    for place in PLACES:
        assert b"hidden-thing" not in client.get(f"{place}{form}").content


def test_a_scheduled_post_joins_its_feeds_at_its_time(client, blog, moved_clock):
    make_post("soon", status="scheduled", published_at=timezone.now() + timedelta(minutes=10))
    assert b"/posts/soon/" not in client.get("/feed.xml").content
    moved_clock(601)
    assert guids(client)[0] == f"{HOST}/posts/soon/"
    assert b"/posts/soon/" in client.get("/atom.xml").content


def test_an_edit_shows_in_the_feeds_of_the_post(client, blog, django_capture_on_commit_callbacks):
    for path in RSS + ATOMS:
        client.get(path)
    with django_capture_on_commit_callbacks(execute=True):
        blog[0].body = "Quite another body."
        blog[0].save()
    for path in RSS + ATOMS:
        assert b"Quite another body." in client.get(path).content, path


def test_a_withdrawn_post_leaves_its_feeds(client, blog, django_capture_on_commit_callbacks):
    for path in RSS + ATOMS:
        client.get(path)
    with django_capture_on_commit_callbacks(execute=True):
        blog[0].status = "withdrawn"
        blog[0].save()
    for path in RSS + ATOMS:
        assert b"/posts/post-0/" not in client.get(path).content, path


@pytest.mark.parametrize("path", ["/feed.xml", "/atom.xml"])
def test_characters_that_xml_does_not_allow_are_left_out(client, blog, path):
    make_post("odd", title="A\x0bB ]]> & <i>", excerpt="\x08\ufffe<script>", body="\x0c \x1b[0m ]]> & text\x02")
    document = parse_xml(client.get(path))
    titles = [node.text for node in document.iter() if node.tag.rpartition("}")[2] == "title"]
    assert "AB ]]> & <i>" in titles


def test_every_url_in_a_body_is_absolute(client, blog):
    make_post("linked", body="[here](#a) and ![fir](/media/fir.webp)")
    content = parse_xml(client.get("/feed.xml")).findtext(f"channel/item/{CONTENT}encoded")
    assert f'href="{HOST}/posts/linked/#a"' in content
    assert f'src="{HOST}/media/fir.webp"' in content


def test_the_base_url_of_the_site_is_used_if_it_is_set(client, blog, settings):
    settings.BASE_URL = "https://example.org"
    for path in ("/feed.xml", "/atom.xml", "/sitemap.xml", "/robots.txt"):
        content = client.get(path).content
        assert b"https://example.org/" in content
        assert HOST.encode() not in content, path


def test_a_slug_of_another_script_is_encoded_in_a_feed(client, blog):
    make_post("größe-моха")
    assert guids(client)[0] == f"{HOST}/posts/gr%C3%B6%C3%9Fe-%D0%BC%D0%BE%D1%85%D0%B0/"
