"""Pages, counts and neighbours equal those computed from all posts, and many take as few queries as one."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from asgiref.sync import async_to_sync
from django.db import connection, transaction
from django.utils import timezone

from content import resources
from content.caching.queries import count_queries
from content.documents import microseconds
from content.models import Author, Authorship, Category, Post, Tag
from content.selectors import lists as selectors
from content.selectors import matches, search
from tests.support.blog import make_post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_cache")]

SIZE = 7


@pytest.fixture(scope="module")
def posts_of_years(django_db_setup, django_db_blocker) -> Iterator[list[Post]]:
    """Written once. Each test begins a transaction of its own inside this one."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_posts_of_years()
        transaction.set_rollback(True)


@pytest.fixture
def years(posts_of_years, db) -> list[Post]:
    return posts_of_years


def make_posts_of_years() -> list[Post]:
    """Posts over six years, some of them at the same moment, scheduled or withdrawn."""
    rng, now = Random(7), timezone.now()
    categories = [Category.objects.create(slug=f"c{n}", name=f"C{n}") for n in range(3)]
    tags = [Tag.objects.create(slug=f"t{n}", name=f"T{n}") for n in range(8)]
    author = Author.objects.create(slug="ann", name="Ann")
    posts = []
    for number in range(220):
        published_at = now - timedelta(days=rng.randrange(2000), hours=1)
        if number % 5 == 0 and posts:
            published_at = posts[-1].published_at
        is_scheduled = number % 20 == 3
        posts.append(
            Post(
                slug=f"p{number}",
                title=f"P {number}",
                status="scheduled" if is_scheduled else ("withdrawn" if number % 20 == 7 else "published"),
                published_at=now + timedelta(days=1 + number) if is_scheduled else published_at,
                category=rng.choice(categories),
            )
        )
    posts = Post.objects.bulk_create(posts)
    through = Post.tags.through
    through.objects.bulk_create(through(post=post, tag=tag) for post in posts for tag in rng.sample(tags, 2))
    Authorship.objects.bulk_create(Authorship(post=post, author=author) for post in posts[::3])
    return posts


def in_order(by: str = "all", pk: int = 0) -> list[int]:
    """The ids of a list, computed without the list tables."""
    field = {"category": "category", "tag": "tags", "author": "authors"}.get(by)
    public = Post.objects.public(timezone.now()).posts().order_by("-published_at", "-pk")
    return list((public.filter(**{field: pk}) if field else public).values_list("pk", flat=True))


def lists() -> list[tuple[str, int]]:
    terms = [("category", Category), ("tag", Tag), ("author", Author)]
    return [("all", 0), *((kind, pk) for kind, model in terms for pk in model.objects.values_list("pk", flat=True))]


def load(resource, *keys):
    found = async_to_sync(resource.run_loader)(keys, None)
    return {key: result.value for key, result in found.items() if result.absence is None}


def test_every_page_of_every_list_has_the_right_posts(years):
    for by, pk in lists():
        expected = in_order(by, pk)
        pages = -(-len(expected) // SIZE)
        keys = [(by, pk, page, SIZE) for page in range(1, pages + 2)]
        found = load(resources.listing, *keys)
        assert [one for key in keys[:-1] for one in found[key].ids] == expected
        assert keys[-1] not in found
        assert {(document.total, document.pages) for document in found.values()} == {(len(expected), pages)}


def test_windows_have_every_post_once(years, monkeypatch):
    for size in (1000, 9):
        monkeypatch.setattr(selectors, "WINDOW", size)
        for by, pk in lists():
            periods = async_to_sync(selectors.load_periods)(by, pk).periods
            found = async_to_sync(selectors.load_windows)([(by, pk, each.number, each.part) for each in periods])
            assert [len(document.ids) for document in found.values()] == [each.posts for each in periods]
            assert [one for document in found.values() for one in document.ids] == in_order(by, pk)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Pacific/Auckland", "America/St_Johns"])
def test_months_follow_the_time_zone_of_the_site(years, settings, zone):
    settings.TIME_ZONE = zone
    for hours in (-13, -5, -1, 0, 1, 5, 13):
        make_post(f"edge{hours}", published_at=datetime(2021, 3, 1, tzinfo=UTC) + timedelta(hours=hours))
    public = Post.objects.public(timezone.now()).posts()
    expected: dict[tuple[int, int], list[datetime]] = {}
    for at in public.values_list("published_at", flat=True):
        there = at.astimezone(ZoneInfo(zone))
        expected.setdefault((there.year, there.month), []).append(at)
    archive = load(resources.archive, (0,))[(0,)]
    assert {(each.year, each.month): (each.posts, each.newest) for each in archive.months} == {
        month: (len(times), max(times)) for month, times in expected.items()
    }
    of_year = load(resources.archive, (2021,), (2022,))
    assert of_year[(2021,)].months == load(resources.archive, (2021,))[(2021,)].months


def test_neighbours_are_next_to_each_other_in_the_list(years):
    order = in_order()
    for place, document in zip(order, load(resources.neighbours, *((pk,) for pk in order)).values(), strict=True):
        index = order.index(place)
        assert document.next == (order[index - 1] if index else None)
        assert document.previous == (order[index + 1] if index + 1 < len(order) else None)


def test_counts_exclude_scheduled_posts_until_their_time(years, moved_clock):
    def count_by_selector() -> dict[str, int]:
        sidebar = load(resources.sidebar, ())[()]
        return {term.slug: term.posts for term in (*sidebar.categories, *sidebar.tags)}

    def count_all_posts() -> dict[str, int]:
        terms = [("category", row) for row in Category.objects.all()] + [("tag", row) for row in Tag.objects.all()]
        return {row.slug: len(in_order(kind, row.pk)) for kind, row in terms}

    before = count_all_posts()
    assert count_by_selector() == before
    moved_clock(timedelta(days=400).total_seconds())
    assert count_by_selector() == count_all_posts() != before


def lists_at_once() -> list[tuple[int, int, int]]:
    """Combinations of a category, a tag and an author; 0 for any."""
    category, tag, author = (model.objects.order_by("pk")[0].pk for model in (Category, Tag, Author))
    return [(0, 0, 0), (category, 0, 0), (0, tag, 0), (category, tag, 0), (category, tag, author)]


@pytest.mark.parametrize("common", [0, 1_000_000])
def test_posts_are_the_same_read_for_common_words_or_looked_up(years, monkeypatch, common):
    monkeypatch.setattr(search, "COMMON", common)
    slugs = dict(Post.objects.values_list("pk", "title"))
    for text in ("p", "p 17", "sedge"):
        for pks in lists_at_once():
            sets = [
                set(in_order(kind, pk)) for kind, pk in zip(("category", "tag", "author"), pks, strict=True) if pk
            ]
            has_words = [pk for pk in in_order() if set(text.split()) <= set(slugs[pk].lower().split())]
            expected = [pk for pk in has_words if all(pk in each for each in sets)]
            document = load(resources.matches, (text, *pks))[(text, *pks)]
            assert list(document.ids) == expected
            assert list(document.times) == [microseconds(Post.objects.get(pk=pk).published_at) for pk in expected]
        found = async_to_sync(search.find_best)({text: tuple(text.split())})[text]
        assert len(found) == min(len(has_words), search.MOST_FOUND + 1)
        assert set(found) <= set(has_words)


def test_common_words_have_a_bound(years, monkeypatch):
    monkeypatch.setattr(search, "MOST_FOUND", 5)
    monkeypatch.setattr(matches, "MOST_WITH_WORDS", 5)
    found = load(resources.search, ("p", 1, 10))[("p", 1, 10)]
    assert (len(found.hits), found.total, found.is_more) == (5, 5, True)
    everything = in_order()
    newest = everything if connection.vendor == "postgresql" else sorted(everything, reverse=True)
    document = load(resources.matches, ("p", 0, 0, 0))[("p", 0, 0, 0)]
    assert sorted(document.ids) == sorted(newest[:5])
    assert list(document.times) == sorted(document.times, reverse=True)


KINDS = ("tag", "category", "author")
MANY = {
    "listing": lambda posts: [(by, pk, page, SIZE) for by, pk in lists() for page in (1, 2, 3)],
    "neighbours": lambda posts: [(post.pk,) for post in posts[:90]],
    "related": lambda posts: [(post.pk,) for post in posts[:90]],
    "post_card": lambda posts: [(post.pk,) for post in posts[:90]],
    "post": lambda posts: [("post", post.slug) for post in posts[:90]],
    "withdrawn": lambda posts: [("post", post.slug) for post in posts[:90]],
    "comments": lambda posts: [(post.pk,) for post in posts[:90]],
    "category": lambda posts: [("c0",), ("c1",), ("none",)],
    "tag": lambda posts: [("t0",), ("t1",), ("none",)],
    "author": lambda posts: [("ann",), ("none",)],
    "redirect": lambda posts: [("/a/",), ("/b/",)],
    "archive": lambda posts: [(2022,), (2023,), (1999,)],
    "periods": lambda posts: lists(),
    "window": lambda posts: [(by, pk, year, 0) for by, pk in lists() for year in (2022, 2023)],
    "sitemap_part": lambda posts: [(1,), (2,)],
    "sitemap_terms": lambda posts: [(kind, number) for number in (1, 2) for kind in KINDS],
    "directory_index": lambda posts: [(kind,) for kind in KINDS],
    "search": lambda posts: [(text, page, SIZE) for text in ("p", "p 1", "sedge") for page in (1, 2, 99)],
    "matches": lambda posts: [(text, *pks) for text in ("p", "", "p 17", "sedge") for pks in lists_at_once()],
    "directory": lambda posts: [(kind, start) for kind in KINDS for start in ("", "c1", "t3", "z")],
}


@pytest.mark.parametrize("name", MANY)
def test_loading_many_equals_loading_each_and_takes_no_more_queries(years, name):
    resource, keys = resources.BY_NAME[name], MANY[name](years)
    alone = {}
    for key in keys:
        alone |= load(resource, key)
    with count_queries() as few:
        load(resource, *keys[:2])
    with count_queries() as many:
        together = load(resource, *keys)
    assert together == alone
    assert many.count <= few.count + 1
