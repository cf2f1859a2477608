"""The index covers posts that are older than it, and survives migrations of its table."""

import pytest
from asgiref.sync import async_to_sync
from django.core.management import call_command
from django.db import connection
from django.db.models import CharField
from django.utils import timezone

from content.models import Post
from content.selectors.search import find_best
from tests.support.blog import make_post

pytestmark = pytest.mark.django_db(transaction=True)


def search(text: str) -> set[str]:
    found = async_to_sync(find_best)({text: tuple(text.split())})[text]
    return set(Post.objects.filter(pk__in=found).values_list("slug", flat=True))


def test_posts_that_were_there_before_the_index_are_in_it():
    make_post("moss", title="Green", body="Of *moss* & <b>fern</b>.")
    try:
        call_command("migrate", "content", "0003_comments", verbosity=0)
    finally:
        call_command("migrate", verbosity=0)
    assert search("moss fern") == search("green") == {"moss"}
    assert search("em") == set()
    make_post("later", title="Moss")
    assert search("moss") == {"moss", "later"}


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL changes a column in its place")
def test_a_table_that_a_migration_made_anew_is_watched_again():
    make_post("before", title="Moss")
    title = Post._meta.get_field("title")
    wider = CharField(max_length=301)
    wider.set_attributes_from_name("title")
    wider.model = Post
    with connection.schema_editor() as editor:
        editor.alter_field(Post, title, wider)
    unwatched = Post(slug="between", title="Moss", status="published", published_at=timezone.now())
    Post.objects.bulk_create([unwatched])
    assert search("moss") == {"before"}
    call_command("migrate", verbosity=0)
    assert search("moss") == {"before", "between"}
    Post.objects.filter(slug="before").update(title="Fern")
    assert search("moss") == {"between"}
