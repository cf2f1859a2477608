"""The places and counts of lists are what posts and their links say, whoever writes and however."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import PositiveSmallIntegerField
from django.utils import timezone

from content.models import Author, Authorship, Category, ListCount, ListedPost, Post, Tag, list_tables
from tests.support.blog import make_blog, make_post

pytestmark = pytest.mark.django_db

MAY = datetime(2018, 5, 20, 12, tzinfo=UTC)
PLACES_OF_EACH = 5


def tables() -> tuple[list[tuple], list[tuple]]:
    places = ListedPost.objects.values_list("kind", "term", "post_id", "published_at")
    counts = ListCount.objects.exclude(posts=0).values_list("kind", "term", "month", "posts")
    return sorted(places), sorted(counts)


def tables_are_right() -> bool:
    kept = tables()
    list_tables.rebuild(connection)
    return kept == tables()


def by_cursor(sql: str, *parameters: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


WRITES: dict[str, Callable[[list[Post]], object]] = {
    "saved": lambda posts: setattr(posts[0], "published_at", MAY) or posts[0].save(),
    "withdrawn by update": lambda posts: Post.objects.filter(pk__in=[posts[0].pk, posts[3].pk]).update(
        status="withdrawn"
    ),
    "protected by update": lambda posts: Post.objects.filter(pk=posts[0].pk).update(password="x"),
    "made a page": lambda posts: Post.objects.filter(pk=posts[0].pk).update(kind="page"),
    "moved by bulk_update": lambda posts: (
        [setattr(post, "published_at", MAY) for post in posts] and Post.objects.bulk_update(posts, ["published_at"])
    ),
    "a word changed": lambda posts: Post.objects.update(title="Another"),
    "created by bulk_create": lambda posts: Post.objects.bulk_create(
        [Post(slug="a", status="published", published_at=MAY), Post(slug="b", status="draft")]
    ),
    "deleted": lambda posts: posts[0].delete(),
    "deleted at once": lambda posts: Post.objects.filter(pk__lt=posts[9].pk).delete(),
    "tags set": lambda posts: posts[0].tags.set([Tag.objects.create(slug="new", name="New")]),
    "tags cleared": lambda posts: posts[0].tags.clear(),
    "a tag's posts cleared": lambda posts: Tag.objects.get().posts.clear(),
    "a tag deleted": lambda posts: Tag.objects.all().delete(),
    "a category deleted": lambda posts: Category.objects.first().delete(),
    "an author deleted": lambda posts: Author.objects.first().delete(),
    "an author exchanged": lambda posts: Authorship.objects.filter(post=posts[0], position=0).update(
        author=Author.objects.create(slug="carol", name="Carol")
    ),
    "by SQL": lambda posts: by_cursor(
        "UPDATE content_post SET status = 'scheduled', published_at = %s", MAY.replace(tzinfo=None).isoformat(" ")
    ),
    "deleted by SQL": lambda posts: by_cursor("DELETE FROM content_post_tags"),
}


@pytest.mark.parametrize("write", WRITES)
def test_every_write_is_counted(write):
    posts = make_blog()
    assert ListedPost.objects.count() == len(posts) * PLACES_OF_EACH
    assert tables_are_right()
    WRITES[write](posts)
    assert tables_are_right()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no replicas")
def test_a_write_in_the_role_of_a_replica_is_counted():
    posts = make_blog()
    by_cursor("SET LOCAL session_replication_role = replica")
    Post.objects.filter(pk=posts[0].pk).update(status="withdrawn")
    by_cursor("SET LOCAL session_replication_role = origin")
    assert ListedPost.objects.count() == (len(posts) - 1) * PLACES_OF_EACH
    assert tables_are_right()


def test_the_check_sees_a_write_that_is_not_counted():
    posts = make_blog(3)
    ListedPost.objects.filter(post=posts[0], kind="tag").delete()
    assert not tables_are_right()


def test_a_scheduled_post_has_its_places_and_a_draft_has_none():
    make_post("soon", status="scheduled", published_at=timezone.now() + timedelta(days=1))
    make_post("draft", status="draft", published_at=timezone.now())
    make_post("about", kind="page")
    assert [(kind, post) for kind, _, post, _ in tables()[0]] == [
        ("all", Post.objects.get(slug="soon").pk),
        ("pages", Post.objects.get(slug="about").pk),
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL changes a column in its place")
def test_a_table_that_a_migration_made_anew_is_counted_again():
    make_post("before")
    count = Post._meta.get_field("word_count")
    smaller = PositiveSmallIntegerField(default=0, db_default=0)
    smaller.set_attributes_from_name("word_count")
    smaller.model = Post
    with connection.schema_editor() as editor:
        editor.alter_field(Post, count, smaller)
    Post.objects.bulk_create([Post(slug="between", status="published", published_at=MAY)])
    assert ListedPost.objects.count() == 1
    call_command("migrate", verbosity=0)
    assert ListedPost.objects.count() == 2
    make_post("after")
    assert tables_are_right()
