"""Reads in a transaction that has written are neither stored nor shared."""

import pytest
from django.core.cache import cache
from django.db import connection, transaction

from content import resources
from content.caching import NotThere
from content.caching.metrics.events import listen, total
from content.caching.transactions import has_written
from content.models import Category

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def news():
    cache.clear()
    yield Category.objects.create(slug="news", name="News")
    cache.clear()


def name_of(slug: str = "news") -> str:
    return resources.category.get_sync(slug).name


def run_and_roll_back(work) -> None:
    with transaction.atomic():
        work()
        transaction.set_rollback(True)


def test_rule_15_reads_after_a_write_see_it_and_store_nothing(news):
    assert name_of() == "News"

    def work():
        Category.objects.filter(pk=news.pk).update(name="Changed")
        assert name_of() == "Changed"
        assert resources.category.refresh_sync("news").name == "Changed"
        assert resources.category.get_many_sync(["news", "none"])["news"].name == "Changed"

    run_and_roll_back(work)
    assert name_of() == "News"


def test_rule_15_nor_is_what_does_not_exist_yet_remembered(news):
    def work():
        Category.objects.create(slug="new", name="New")
        assert name_of("new") == "New"

    run_and_roll_back(work)
    with pytest.raises(NotThere):
        name_of("new")


def test_a_transaction_that_has_only_read_reads_from_cache(news):
    name_of()
    with transaction.atomic(), listen() as events:
        assert Category.objects.count() == 1
        assert not has_written()
        name_of()
    assert total(events, "load") == 0


def test_after_the_transaction_reads_are_cached_again(news):
    with transaction.atomic():
        news.name = "Changed"
        news.save()
        assert has_written()
    assert not has_written()
    assert name_of() == "Changed"
    with listen() as events:
        name_of()
    assert total(events, "load") == 0


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE content_category SET name = 'Raw'",
        "  update content_category set name = 'Raw'",
        "/* why */ UPDATE content_category SET name = 'Raw'",
        "-- why\nUPDATE content_category SET name = 'Raw'",
        "WITH x AS (SELECT 1) UPDATE content_category SET name = 'Raw'",
    ],
)
def test_raw_sql_counts_as_a_write(news, sql):
    name_of()

    def work():
        with connection.cursor() as cursor:
            cursor.execute(sql)
        assert name_of() == "Raw"

    run_and_roll_back(work)
    assert name_of() == "News"
