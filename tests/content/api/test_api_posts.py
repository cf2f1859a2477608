"""Lists of posts through the API: filters, order, and pages that lose nothing."""

from datetime import timedelta

import pytest
from django.utils import timezone

from content.caching.queries import count_queries
from content.models import Post, Tag
from tests.support.blog import make_post

pytestmark = pytest.mark.django_db

POSTS = "/api/v1/posts/"
HIDDEN = {"draft": {"status": "draft"}, "secret": {"password": "x"}, "gone": {"status": "withdrawn"}}


def slugs(client, path):
    answer = client.get(path)
    assert answer.status_code == 200, answer.content
    return [item["slug"] for item in answer.json()["items"]]


def every_page(client, path, between=lambda found: None):
    """All slugs, by following `next`; `between` is called after each page, with all that came."""
    found = []
    while path:
        answer = client.get(path).json()
        found += [item["slug"] for item in answer["items"]]
        path = answer["next"]
        between(found)
    return found


def test_posts_come_newest_first_or_oldest_first(client, blog):
    assert slugs(client, POSTS) == [f"post-{number}" for number in range(20)]
    assert slugs(client, f"{POSTS}?ordering=oldest&limit=2") == ["post-24", "post-23"]


@pytest.mark.parametrize("limit", [1, 2, 7, 24, 25, 100])
@pytest.mark.parametrize("ordering", ["newest", "oldest"])
def test_pages_have_every_post_once(client, blog, limit, ordering):
    found = every_page(client, f"{POSTS}?limit={limit}&ordering={ordering}")
    newest = [f"post-{number}" for number in range(25)]
    assert found == (newest if ordering == "newest" else newest[::-1])


@pytest.mark.parametrize("ordering", ["newest", "oldest"])
def test_no_post_comes_twice_or_is_missed_while_others_are_published_and_withdrawn(
    client, blog, django_capture_on_commit_callbacks, ordering
):
    """Those that are public all the time come exactly once, also where the last one of a page goes."""
    gone = []

    def happens(found):
        assert len(gone) < 10, "it never ends"
        gone.append(found[-1])
        with django_capture_on_commit_callbacks(execute=True):
            make_post(f"new-{len(gone)}", published_at=timezone.now())
            last = Post.objects.get(slug=found[-1])
            last.status = "withdrawn"
            last.save()

    found = every_page(client, f"{POSTS}?limit=5&ordering={ordering}", happens)
    assert len(found) == len(set(found))
    assert {f"post-{number}" for number in range(25)} <= set(found)


def test_posts_of_the_same_moment_keep_their_order_across_pages(client, blog):
    moment = timezone.now() - timedelta(days=10)
    for number in range(9):
        make_post(f"same-{number}", published_at=moment)
    found = every_page(client, f"{POSTS}?limit=2")
    assert len(found) == len(set(found)) == 34


def test_filters_go_together(client, blog):
    blog[2].tags.add(Tag.objects.create(slug="red", name="Red"))
    assert slugs(client, f"{POSTS}?category=news&limit=3") == ["post-0", "post-2", "post-4"]
    assert slugs(client, f"{POSTS}?tag=red") == ["post-2"]
    assert slugs(client, f"{POSTS}?tag=red&category=news&author=ann") == ["post-2"]
    assert slugs(client, f"{POSTS}?tag=red&category=notes") == []
    assert client.get(f"{POSTS}?author=ann").json()["total"] == 25


def test_a_range_of_dates_has_its_first_moment_and_not_its_last(client, blog):
    since, until = (blog[number].published_at.isoformat().replace("+", "%2B") for number in (6, 3))
    assert slugs(client, f"{POSTS}?since={since}&until={until}") == ["post-4", "post-5", "post-6"]
    assert slugs(client, f"{POSTS}?since={since}&until={until}&ordering=oldest&limit=2") == ["post-6", "post-5"]
    assert slugs(client, f"{POSTS}?since=2999-01-01") == []
    assert client.get(f"{POSTS}?until=1999-01-01").json() == {"items": [], "total": 0, "next": None}
    assert slugs(client, f"{POSTS}?since={until}&until={since}") == []


def test_total_counts_all_pages(client, blog):
    assert client.get(f"{POSTS}?limit=1&category=news").json()["total"] == 13


def test_only_the_requested_fields_are_returned(client, blog):
    assert client.get(f"{POSTS}?fields=title,slug&limit=1").json()["items"] == [{"title": "Post 0", "slug": "post-0"}]
    assert client.get(f"{POSTS}post-1/?fields=html").json() == {"html": "<p>Body of post-1.</p>\n"}
    assert "fields=title%2Cslug" in client.get(f"{POSTS}?fields=title,slug&limit=1").json()["next"]


def test_any_filter_is_answered_from_lists_that_are_cached_once(client, blog):
    """A hundred new combinations: no query, and no new entry."""
    client.get(f"{POSTS}?category=news&tag=green&limit=100")
    client.get(f"{POSTS}?limit=100")
    with count_queries() as queries:
        for hours in range(100):
            since = (timezone.now() - timedelta(hours=hours)).date()
            answer = client.get(f"{POSTS}?since={since}&limit={hours % 100 + 1}&category=news&tag=green")
            assert answer.status_code == 200
            assert answer.headers["Evergreen-Cache-Control"] == "no-store"
    assert queries.statements == []


def test_a_scheduled_post_is_in_no_list_before_its_time(client, blog):
    make_post("soon", status="scheduled", published_at=timezone.now() + timedelta(hours=1))
    assert "soon" not in slugs(client, f"{POSTS}?limit=100")
    assert client.get(f"{POSTS}soon/").status_code == 404


def test_a_post_that_is_not_public_is_nowhere(client, blog):
    for slug, fields in HIDDEN.items():
        make_post(slug, **fields)
        assert client.get(f"{POSTS}{slug}/").status_code == (410 if slug == "gone" else 404)
        assert slug not in slugs(client, f"{POSTS}?limit=100")


def test_an_edit_is_in_the_next_answer(client, blog, django_capture_on_commit_callbacks):
    client.get(f"{POSTS}post-3/")
    client.get(POSTS)
    with django_capture_on_commit_callbacks(execute=True):
        blog[3].title = "Quite another title"
        blog[3].save()
    assert client.get(f"{POSTS}post-3/").json()["title"] == "Quite another title"
    assert client.get(POSTS).json()["items"][3]["title"] == "Quite another title"
