"""An import invalidates what it changed, after its commit, and nothing beside it."""

from datetime import UTC, datetime

import pytest

from content.importers.wordpress import import_wordpress
from content.models import Author, Category, Post
from tests.support.blog import sitemaps_of
from tests.support.wordpress import export, item

pytestmark = pytest.mark.django_db

NOW = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def imported(invalidated, tmp_path):
    """Import these items; the tags that were invalidated after the commits."""

    def run(*items: str) -> set[str]:
        return invalidated(lambda: import_wordpress(export(tmp_path / "blog.xml", *items), now=NOW))

    return run


def test_a_new_post_changes_its_lists(imported):
    tags = imported(item(1, terms=[("category", "News")]))
    post, author, category = Post.objects.get(), Author.objects.get(), Category.objects.get()
    assert {"posts", "post-slug:post-1", f"author:{author.pk}:posts", f"category:{category.pk}:posts"} <= tags
    assert {f"post:{post.pk}", "redirect:/2024/05/post-1/", "category-slug:news"} <= tags


def test_other_words_change_that_post_and_no_list(imported):
    imported(item(1), item(2))
    post = Post.objects.get(slug="post-1")
    assert imported(item(1, content="Other"), item(2)) == {
        f"post:{post.pk}",
        "post-slug:post-1",
        "search",
        *sitemaps_of(post),
    }


def test_a_second_run_changes_nothing(imported):
    items = [item(1, comments=[{}]), item(2, post_type="page")]
    imported(*items)
    assert imported(*items) == set()


def test_a_new_comment_changes_its_thread_alone(imported):
    imported(item(1), item(2))
    post = Post.objects.get(slug="post-2")
    assert imported(item(1), item(2, comments=[{"id": "1"}, {"id": "2"}])) == {f"comments:{post.pk}"}


def test_a_comment_that_waits_for_moderation_changes_nothing_for_readers(imported):
    imported(item(1))
    assert imported(item(1, comments=[{"approved": "0"}])) == set()


def test_a_password_takes_the_post_out_of_its_lists(imported):
    imported(item(1))
    assert {"posts", "post-slug:post-1"} <= imported(item(1, post_password="x"))
