"""Bulk publishing: one transaction, one invalidation, of exactly what changed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from content.models import Category, Post, Redirect
from content.services import publishing
from tests.support.blog import documents_of, make_post, shown_in_passing_of, sitemaps_of

pytestmark = pytest.mark.django_db


ARCHIVES = tuple(f"archive{month}" for month in ("", f":{timezone.localdate():%Y}", f":{timezone.localdate():%Y-%m}"))


@pytest.fixture
def news() -> Category:
    return Category.objects.create(slug="news", name="News")


def test_publishing_invalidates_hidden_posts_once_and_no_others(invalidated, news):
    draft, withdrawn = make_post("a", status="draft", category=news), make_post("b", status="withdrawn")
    shown = make_post("c")
    tags = invalidated(lambda: publishing.publish([draft.pk, withdrawn.pk, shown.pk]))
    assert tags == {
        *documents_of(draft), "post-slug:a", *documents_of(withdrawn), "post-slug:b",
        "posts", f"category:{news.pk}:posts", "search", *ARCHIVES, *sitemaps_of(draft),
    }  # fmt: skip


def test_a_missing_or_future_time_becomes_now_and_a_past_time_stays():
    now = timezone.now()
    long_ago = now - timedelta(days=400)
    never, later = (
        make_post("never", status="draft"),
        make_post("later", status="scheduled", published_at=now + timedelta(1)),
    )
    once = make_post("once", status="withdrawn", published_at=long_ago)
    assert publishing.publish([never.pk, later.pk, once.pk], now) == 3
    times = dict(Post.objects.values_list("slug", "published_at"))
    assert times == {"never": now, "later": now, "once": long_ago}
    assert set(Post.objects.values_list("status", flat=True)) == {"published"}


def test_a_scheduled_post_whose_time_has_come_needs_no_publishing(invalidated):
    due = make_post("due", status="scheduled", published_at=timezone.now() - timedelta(hours=1))
    assert invalidated(lambda: publishing.publish([due.pk])) == set()


def test_withdrawing_changes_only_published_and_scheduled_posts(invalidated):
    shown, draft = make_post("shown"), make_post("draft", status="draft")
    tags = invalidated(lambda: publishing.withdraw([shown.pk, draft.pk]))
    documents = documents_of(shown) | shown_in_passing_of(shown)
    assert tags == documents | {"post-slug:shown", "posts", "search", *ARCHIVES, *sitemaps_of(shown)}
    assert Post.objects.get(pk=draft.pk).status == "draft"


def test_back_to_draft(invalidated):
    post, draft = make_post("post"), make_post("draft", status="draft")
    assert publishing.back_to_draft([post.pk, draft.pk]) == 1
    assert Post.objects.get(pk=post.pk).status == "draft"


def test_nothing_chosen_invalidates_nothing(invalidated):
    for write in (publishing.publish, publishing.withdraw, publishing.back_to_draft):
        assert invalidated(lambda write=write: write([])) == set()


def test_a_published_post_is_not_hidden_behind_a_redirect_from_its_path():
    Redirect.objects.create(old_path="/posts/again/", new_path="/posts/other/")
    publishing.publish([make_post("again", status="draft").pk])
    assert not Redirect.objects.exists()
