"""An import invalidates only the pages that it changed, after its commit."""

from datetime import UTC, datetime

import pytest

from content.importers.wordpress import import_wordpress
from content.models import Author, Category, Post
from tests.support.blog import documents_of, sitemaps_of
from tests.support.wordpress import export, item

pytestmark = pytest.mark.django_db

NOW = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def run_import(invalidated, tmp_path):
    """Import these items; the tags that were invalidated after the commits."""

    def run(*items: str) -> set[str]:
        return invalidated(lambda: import_wordpress(export(tmp_path / "blog.xml", *items), now=NOW))

    return run


def test_a_new_post_changes_its_lists(run_import):
    tags = run_import(item(1, terms=[("category", "News")]))
    post, author, category = Post.objects.get(), Author.objects.get(), Category.objects.get()
    assert {"posts", "post-slug:post-1", f"author:{author.pk}:posts", f"category:{category.pk}:posts"} <= tags
    assert documents_of(post) | {"redirect:/2024/05/post-1/", "category-slug:news"} <= tags


def test_other_words_change_that_post_and_no_list(run_import):
    run_import(item(1), item(2))
    post = Post.objects.get(slug="post-1")
    assert run_import(item(1, content="Other"), item(2)) == {
        f"post:{post.pk}:page",
        f"post:{post.pk}:card",
        "search",
        *sitemaps_of(post),
    }


def test_a_second_run_changes_nothing(run_import):
    items = [item(1, comments=[{}]), item(2, post_type="page")]
    run_import(*items)
    assert run_import(*items) == set()


def test_a_new_comment_changes_its_thread_alone(run_import):
    run_import(item(1), item(2))
    post = Post.objects.get(slug="post-2")
    assert run_import(item(1), item(2, comments=[{"id": "1"}, {"id": "2"}])) == {f"comments:{post.pk}"}


def test_a_comment_that_waits_for_moderation_changes_nothing_for_readers(run_import):
    run_import(item(1))
    assert run_import(item(1, comments=[{"approved": "0"}])) == set()


def test_a_password_takes_the_post_out_of_its_lists(run_import):
    run_import(item(1))
    assert {"posts", "post-slug:post-1"} <= run_import(item(1, post_password="x"))
