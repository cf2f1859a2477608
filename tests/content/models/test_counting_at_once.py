"""Writers of the same lists on PostgreSQL wait for each other no longer than a commit takes."""

from collections.abc import Iterator

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from content.models import Category, ListCount
from tests.support.blog import make_post

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]
PUBLISH = "UPDATE content_post SET status = 'published', published_at = now() WHERE slug = %s"


@pytest.fixture
def writers() -> Iterator[list[psycopg.Connection]]:
    """Two, who would rather fail than wait."""
    database = settings.DATABASES["default"]
    where = {"host": database["HOST"], "port": database["PORT"], "user": database["USER"]}
    found = [psycopg.connect(dbname=connection.settings_dict["NAME"], **where) for _ in range(2)]
    for writer in found:
        writer.execute("SET lock_timeout = '2s'")
        writer.commit()
    yield found
    for writer in found:
        writer.close()


def counts() -> dict[tuple[str, int], int]:
    return {(each.kind, each.term): each.posts for each in ListCount.objects.filter(month=0)}


def test_two_transactions_write_posts_of_two_categories_in_opposite_order(writers):
    categories = [Category.objects.create(slug=slug, name=slug) for slug in ("a", "b")]
    for writer in "12":
        for category in categories:
            make_post(f"{category.slug}{writer}", status="draft", category=category)
    first, second = writers
    for slug, writer in (("a1", first), ("b2", second), ("b1", first), ("a2", second)):
        writer.execute(PUBLISH, [slug])
    assert counts() == {}
    first.commit()
    second.commit()
    assert counts() == {("all", 0): 4, **{("category", category.pk): 2 for category in categories}}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM content_listdifference")
        assert cursor.fetchone() == (0,)


def test_rolled_back_writes_are_not_counted(writers):
    make_post("a", status="draft")
    make_post("b", status="draft")
    writer, _ = writers
    writer.execute(PUBLISH, ["a"])
    writer.execute("SAVEPOINT half")
    writer.execute(PUBLISH, ["b"])
    writer.execute("ROLLBACK TO half")
    writer.commit()
    assert counts() == {("all", 0): 1}
    writer.execute(PUBLISH, ["b"])
    writer.rollback()
    assert counts() == {("all", 0): 1}
