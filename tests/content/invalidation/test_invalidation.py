"""A change invalidates the tags of what it changed, before and after, and no others."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from content.caching.errors import NotAppended
from content.caching.watch import relay
from content.models import Author, Authorship, Category, Post, Redirect, SiteConfig, Tag
from tests.support.blog import documents_of, sitemaps_of

pytestmark = pytest.mark.django_db

MAY = datetime(2018, 5, 31, 23, 30, tzinfo=UTC)


@pytest.fixture
def news() -> Category:
    return Category.objects.create(slug="news", name="News")


@pytest.fixture
def post(news) -> Post:
    return Post.objects.create(slug="hello", title="Hello", body="Body", category=news, status="published")


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def test_other_words_change_the_post_and_no_list(invalidated, post):
    post.title = "Other"
    assert invalidated(post.save) == {f"post:{post.pk}:page", f"post:{post.pk}:card", "search"}


@pytest.mark.parametrize(("status", "number"), [("published", 0), ("withdrawn", 1)])
def test_only_a_post_that_moves_needs_a_query_for_its_lists(invalidated, post, status, number):
    post.title, post.status = "Other", status
    with CaptureQueriesContext(connection) as queries:
        invalidated(post.save)
    assert len([query for query in queries if "post_tags" in query["sql"] or "authorship" in query["sql"]]) == number


def test_a_longer_body_changes_the_page_alone(invalidated, post):
    """The card shows its beginning and its reading time, and both come out the same."""
    post.body = "Body" + " word" * 100
    post.save()
    post.body += " word"
    assert invalidated(post.save) == {f"post:{post.pk}:page", "search"}


def test_a_new_beginning_changes_no_card_that_has_an_excerpt(invalidated, post):
    post.excerpt = "An excerpt"
    post.save()
    post.body = "Another beginning"
    assert invalidated(post.save) == {f"post:{post.pk}:page", "search"}


def test_a_longer_reading_time_changes_the_card(invalidated, post):
    post.body = "Body" + " word" * 2000
    post.save()
    post.body += " word" * 2000
    assert invalidated(post.save) == {f"post:{post.pk}:page", f"post:{post.pk}:card", "search"}


def test_a_new_slug_invalidates_the_old_and_the_new_address(invalidated, post):
    post.slug = "goodbye"
    tags = invalidated(post.save)
    assert {"post-slug:hello", "post-slug:goodbye", f"post:{post.pk}:page", f"post:{post.pk}:card"} <= tags
    assert not {"posts", f"post:{post.pk}:listing"} & tags, "lists hold ids"


def test_rule_5_a_post_that_moves_changes_the_lists_of_both_categories(invalidated, post, news):
    other = Category.objects.create(slug="other", name="Other")
    post.category = other
    tags = invalidated(post.save)
    assert {f"category:{news.pk}:posts", f"category:{other.pk}:posts", "posts"} <= tags


def test_withdrawing_a_post_changes_the_lists_it_was_in(invalidated, post, news):
    tag = Tag.objects.create(slug="a", name="A")
    post.tags.add(tag)
    post.status = "withdrawn"
    assert {"posts", f"category:{news.pk}:posts", f"tag:{tag.pk}:posts"} <= invalidated(post.save)


def test_a_draft_is_in_no_list_and_in_no_search(invalidated, news):
    draft = Post.objects.create(slug="draft", title="Draft", category=news)
    draft.category = None
    tags = invalidated(draft.save)
    assert tags == documents_of(draft) | {"post-slug:draft"}


def test_a_post_is_in_the_archive_of_its_month_by_the_sites_time(invalidated, post, settings):
    settings.TIME_ZONE = "Europe/Berlin"
    post.published_at = MAY
    assert {"archive", "archive:2018", "archive:2018-06"} <= invalidated(post.save)
    post.status = "withdrawn"
    assert {"archive", "archive:2018", "archive:2018-06"} <= invalidated(post.save)


def test_the_time_zone_of_the_writer_is_not_asked(invalidated, post):
    post.published_at = MAY
    with timezone.override("Asia/Tokyo"):
        assert {"archive:2018-05"} <= invalidated(post.save)


def test_another_category_leaves_archive_and_sitemap_alone(invalidated, post):
    post.category = None
    assert not {tag for tag in invalidated(post.save) if tag.startswith(("archive", "sitemap"))}


def test_a_new_time_of_change_ends_the_sitemaps_part_and_no_list(invalidated, post):
    post.updated_at = timezone.now()
    assert invalidated(post.save) == {
        f"post:{post.pk}:page", "search", *sitemaps_of(post),
    }  # fmt: skip


def test_a_page_is_in_the_sitemap_and_in_no_archive(invalidated):
    page = Post(slug="about", title="About", kind="page", status="published")
    tags = invalidated(page.save)
    assert tags == documents_of(page) | {"post-slug:about", "pages", "search", *sitemaps_of(page)}


def test_a_deleted_post_leaves_its_lists(invalidated, post, news):
    pk = post.pk
    assert {f"post:{pk}:page", "posts", f"category:{news.pk}:posts"} <= invalidated(post.delete)


@pytest.mark.parametrize(
    "change",
    [
        {"status": "withdrawn"},
        {"status": "draft"},
        {"password": "secret"},
        {"published_at": MAY + timedelta(days=30_000)},
        {"kind": "page"},
    ],
    ids=["withdrawn", "draft", "password", "another time", "page"],
)
def test_a_hidden_post_is_shown_nowhere_not_even_in_passing(invalidated, post, change):
    for name, value in change.items():
        setattr(post, name, value)
    assert {f"~post:{post.pk}:card", f"~post:{post.pk}:page"} <= invalidated(post.save)


@pytest.mark.parametrize("change", [{"title": "Other"}, {"category": None}, {"slug": "other"}, {"language": "de"}])
def test_a_changed_post_is_shown_in_passing_until_it_is_made_again(invalidated, post, change):
    for name, value in change.items():
        setattr(post, name, value)
    assert not {tag for tag in invalidated(post.save) if tag.startswith("~")}


def test_a_deleted_category_is_shown_nowhere(invalidated, news):
    assert {f"~category:{news.pk}", "~terms"} <= invalidated(news.delete)


def test_tags_put_on_taken_off_and_cleared(invalidated, post):
    one, two = (Tag.objects.create(slug=name, name=name) for name in ("one", "two"))
    assert {f"post:{post.pk}:card", f"tag:{one.pk}:posts"} <= invalidated(lambda: post.tags.add(one))
    assert {f"tag:{one.pk}:posts", f"tag:{two.pk}:posts"} <= invalidated(lambda: post.tags.set([two]))
    assert {f"post:{post.pk}:card", f"tag:{two.pk}:posts"} <= invalidated(post.tags.clear)
    assert {f"post:{post.pk}:card", f"tag:{two.pk}:posts"} <= invalidated(lambda: two.posts.add(post))
    assert {f"post:{post.pk}:card", f"tag:{two.pk}:posts"} <= invalidated(two.posts.clear)


def test_authors_come_and_go(invalidated, post):
    author = Author.objects.create(slug="ann", name="Ann")
    expected = documents_of(post) | {f"author:{author.pk}:posts", "authors"}
    by = Authorship(post=post, author=author)
    assert invalidated(by.save) == expected
    assert invalidated(by.delete) == expected


def test_a_new_name_changes_the_row_and_not_its_list(invalidated, news):
    news.name = "Newer"
    assert invalidated(news.save) == {f"category:{news.pk}", "category-slug:news", "terms"}


def test_site_and_redirects(invalidated):
    assert invalidated(SiteConfig(title="Mine").save) == {"site"}
    moved = Redirect(old_path="/old/", new_path="/new/")
    assert invalidated(moved.save) == {"redirect:/old/"}
    moved.old_path = "/older/"
    assert invalidated(moved.save) == {"redirect:/old/", "redirect:/older/"}


def test_rule_1_nothing_is_invalidated_before_the_commit_nor_after_a_rollback(monkeypatch, post):
    seen: set[str] = set()
    monkeypatch.setattr(relay, "invalidate_sync", seen.update)
    with transaction.atomic():
        post.save()
        assert not seen
        transaction.set_rollback(True)
    assert not seen


@pytest.mark.parametrize(
    "write",
    [
        lambda post: Post.objects.filter(pk=post.pk).update(title="Other"),
        lambda post: Post.objects.bulk_update([Post(pk=post.pk, title="Other")], ["title"]),
        lambda post: execute("UPDATE content_post SET title = 'Other'"),
    ],
    ids=["update", "bulk_update", "cursor"],
)
def test_a_write_without_signals_is_seen_like_a_save(invalidated, post, write):
    assert invalidated(lambda: write(post)) == {f"post:{post.pk}:page", f"post:{post.pk}:card", "search"}


def test_a_write_to_too_many_rows_ends_all_that_shows_posts(invalidated, news, monkeypatch):
    Post.objects.bulk_create(Post(slug=f"p{number}", title="P", status="draft") for number in range(1001))
    tags = invalidated(lambda: Post.objects.update(title="Other"))
    assert {"post:*", "resource:post", "~resource:post_card", "resource:listing", "resource:search"} <= tags
    assert "resource:category" not in tags


def test_a_scheduled_post_is_announced_to_its_lists(invalidated, news):
    soon = timezone.now() + timedelta(hours=1)
    post = Post(slug="soon", title="Soon", category=news, status="scheduled", published_at=soon)
    assert {"posts", f"category:{news.pk}:posts"} <= invalidated(post.save)


def test_a_cache_out_of_reach_does_not_undo_the_write(monkeypatch, post, django_capture_on_commit_callbacks):
    def away(tags):
        raise NotAppended("Redis is away")

    monkeypatch.setattr(relay, "invalidate_sync", away)
    post.title = "Written all the same"
    with django_capture_on_commit_callbacks(execute=True):
        post.save()
    post.refresh_from_db()
    assert post.title == "Written all the same"
