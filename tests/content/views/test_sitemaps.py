"""The sitemap, by the protocol of sitemaps.org."""

import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from content import feeds, resources
from content.caching.queries import count_queries
from content.caching.watch.models import WatchedChange
from content.documents import site as parts
from content.models import Author, Post, Tag
from tests.support.blog import make_post
from tests.support.parse import SITEMAP, locations, parse_time, parse_xml

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_cache")]

HOST = "http://testserver"
MAY = datetime(2018, 5, 20, tzinfo=UTC)


@pytest.fixture
def small(monkeypatch):
    """Ten keys a part, and thirty addresses a file."""
    monkeypatch.setattr(parts, "KEYS_A_PART", 10)
    monkeypatch.setattr(feeds, "MOST_URLS", 30)


def changes(response) -> dict[str, str | None]:
    nodes = [node for node in parse_xml(response) if node.tag in (f"{SITEMAP}url", f"{SITEMAP}sitemap")]
    return {node.findtext(f"{SITEMAP}loc").removeprefix(HOST): node.findtext(f"{SITEMAP}lastmod") for node in nodes}


def test_a_small_site_has_one_file_with_each_public_url(client, blog):
    make_post("about", kind="page")
    make_post("may", published_at=MAY)
    response = client.get("/sitemap.xml")
    assert response["Content-Type"] == "application/xml; charset=utf-8"
    assert parse_xml(response).tag == f"{SITEMAP}urlset"
    listed = changes(response)
    assert set(listed) >= {
        "/", "/archive/", "/archive/2018/", "/archive/2018/05/", "/popular/", "/trending/", "/about/",
        "/posts/may/", "/categories/news/", "/categories/notes/", "/tags/green/", "/authors/ann/",
        *(f"/posts/post-{number}/" for number in range(25)),
    }  # fmt: skip
    assert len(set(listed)) == len(locations(response))
    for path, changed in listed.items():
        assert changed is None or parse_time(changed)
        assert client.get(path).status_code == 200, path
    assert parse_time(listed["/archive/2018/05/"]) == MAY
    assert parse_time(listed["/"]) == max(
        parse_time(changed) for path, changed in listed.items() if path.startswith("/archive")
    )


def test_a_second_read_does_no_sql(client, blog, small):
    for path in ("/sitemap.xml", "/sitemap-0.xml", f"/sitemap-{parts.part_of(blog[0].pk)}.xml"):
        assert client.get(path).status_code == 200
        with count_queries() as queries:
            client.get(path)
        assert queries.statements == [], path


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "draft"},
        {"status": "withdrawn"},
        {"password": "secret"},
        {"status": "scheduled", "published_at": timezone.now() + timedelta(days=1)},
    ],
)
def test_a_post_that_is_not_public_is_not_in_the_sitemap(client, blog, fields):
    make_post("hidden-thing", tags=[Tag.objects.create(slug="hidden-tag", name="Hidden")], **fields)
    assert b"hidden" not in client.get("/sitemap.xml").content


def test_an_edit_before_publication_counts_at_publication(client):
    make_post("early", published_at=MAY, updated_at=MAY - timedelta(days=30))
    assert parse_time(changes(client.get("/sitemap.xml"))["/posts/early/"]) == MAY


def test_past_the_bound_an_index_names_the_parts_and_the_parts_name_each_url(client, blog, small):
    response = client.get("/sitemap.xml")
    assert parse_xml(response).tag == f"{SITEMAP}sitemapindex"
    listed = [path for part in locations(response) for path in locations(client.get(part.removeprefix(HOST)))]
    assert len(set(listed)) == len(listed)
    assert {f"{HOST}/posts/post-{number}/" for number in range(25)} <= set(listed)
    assert f"{HOST}/tags/green/" in listed
    numbers = {parts.part_of(post.pk) for post in blog}
    assert locations(response) == [f"{HOST}/sitemap-{number}.xml" for number in (0, *sorted(numbers))]


def test_a_part_is_one_query_by_primary_key(client, blog, small):
    number = parts.part_of(blog[0].pk)
    for path in ("/sitemap.xml", "/sitemap-0.xml"):
        client.get(path)
    with count_queries() as queries:
        client.get(f"/sitemap-{number}.xml")
    assert queries.count == 1


@pytest.mark.parametrize("number", ["00", "01", "99999", "999999999", "9999999999999", "-1", "a", "1.5"])
def test_an_empty_part_is_404(client, blog, small, number):
    response = client.get(f"/sitemap-{number}.xml")
    assert (response if response.status_code != 301 else client.get(response["Location"])).status_code == 404


def test_a_change_invalidates_only_its_own_part(client, blog, small, monkeypatch, django_capture_on_commit_callbacks):
    loaded = []
    load = resources.sitemap_part.load

    async def counting(number):
        loaded.append(number)
        return await load(number)

    monkeypatch.setattr(resources.sitemap_part, "load", counting)
    everything = [f"/sitemap-{number}.xml" for number in sorted({parts.part_of(post.pk) for post in blog})]
    for path in everything:
        client.get(path)
    loaded.clear()
    WatchedChange.objects.all().delete()
    with django_capture_on_commit_callbacks(execute=True):
        blog[0].updated_at = MAY.replace(year=2030)
        blog[0].save()
    for path in everything:
        client.get(path)
    assert loaded == [parts.part_of(blog[0].pk)]
    number = parts.part_of(blog[0].pk)
    assert changes(client.get(f"/sitemap-{number}.xml"))["/posts/post-0/"] == "2030-05-20T00:00:00Z"
    assert changes(client.get("/sitemap.xml"))[f"/sitemap-{number}.xml"] == "2030-05-20T00:00:00Z"


def test_a_new_author_of_an_old_post_is_in_the_sitemap(client, blog, django_capture_on_commit_callbacks):
    client.get("/sitemap.xml")
    with django_capture_on_commit_callbacks(execute=True):
        blog[3].authorships.create(author=Author.objects.create(slug="carol", name="Carol"))
    assert f"{HOST}/authors/carol/" in locations(client.get("/sitemap.xml"))


def test_a_scheduled_post_joins_the_sitemap_at_its_time(client, blog, moved_clock):
    make_post("soon", status="scheduled", published_at=timezone.now() + timedelta(minutes=10))
    assert f"{HOST}/posts/soon/" not in locations(client.get("/sitemap.xml"))
    moved_clock(601)
    assert f"{HOST}/posts/soon/" in locations(client.get("/sitemap.xml"))


def test_an_empty_site_has_a_sitemap(client):
    assert locations(client.get("/sitemap.xml")) == [
        f"{HOST}{path}" for path in ("/", "/popular/", "/trending/", "/archive/")
    ]


@pytest.mark.slow
def test_50_001_posts_are_listed_in_parts_in_bounded_memory(client):
    rows = (
        Post(slug=f"post-{number}", title="T", status="published", published_at=MAY, updated_at=MAY)
        for number in range(50_001)
    )
    Post.objects.bulk_create(rows, batch_size=5000)
    index = client.get("/sitemap.xml")
    assert parse_xml(index).tag == f"{SITEMAP}sitemapindex"
    count = 0
    for part in locations(index):
        cache.clear()
        tracemalloc.start()
        response = client.get(part.removeprefix(HOST))
        assert tracemalloc.get_traced_memory()[1] < 24 * 1024 * 1024
        tracemalloc.stop()
        count += len(locations(response))
        assert len(response.content) < 4 * 1024 * 1024
    assert count >= 50_001
