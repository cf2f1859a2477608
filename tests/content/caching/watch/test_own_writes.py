"""The writer's next read is new, for any number of rows, even if another process relays at that moment."""

import threading

import pytest
from django.db import connections, transaction

from content.caching.engines import engine_of
from content.caching.ordering.stream import LogStream
from content.caching.ordering.tag_index import Kind
from content.caching.watch import own_writes, relay
from content.caching.watch.models import WatchedChange
from tests.support.watched import Product, products

pytestmark = pytest.mark.parametrize("alias", ["redis"], indirect=True)


def take_as_another_process(connection) -> None:
    """The work of its relay between the commit and our look: it appends, notes that, and this process is behind."""
    log = engine_of("default").ordering.log
    for row in WatchedChange.objects.using("own").filter(epoch=""):
        LogStream(log.server, log.prefix).append(Kind.INVALIDATE, ["product:*"], f"other-{row.pk}")
        WatchedChange.objects.using("own").filter(pk=row.pk).update(epoch=relay.current_epoch())


def test_what_another_process_has_relayed_is_known_when_the_call_returns(name, product, monkeypatch):
    """This process does not read the log until it asks how far the log goes."""
    log = engine_of("default").ordering.log
    asked, relay_now = threading.Event(), own_writes._relay_now
    poll, last_position = log.reader.stream.poll, log.stream.last_position
    monkeypatch.setattr(log.reader.stream, "poll", lambda *place: [asked.wait(5), poll(*place)][1])
    monkeypatch.setattr(log.stream, "last_position", lambda: [last_position(), asked.set()][0])
    monkeypatch.setattr(
        own_writes, "_relay_now", lambda connection: [take_as_another_process(connection), relay_now(connection)]
    )
    try:
        products().update(name="new")
        assert name.get_sync(product.pk) == "new"
    finally:
        asked.set()


def test_rule_1_nothing_is_appended_before_the_commit(name, product):
    def last() -> tuple[int, int]:
        return engine_of("default").ordering.tag_index.last_position(Kind.INVALIDATE, f"product:{product.pk}:page")

    before = last()
    with transaction.atomic("own"):
        products().update(name="new")
        assert last() == before
    assert last() > before


def test_more_rows_than_one_run_takes(name, product, monkeypatch):
    monkeypatch.setattr(relay, "ROWS_A_RUN", 5)
    with transaction.atomic("own"):
        for number in range(12):
            products().create(slug=f"p{number}", name="x")
        products().filter(pk=product.pk).update(name="new")
    assert not WatchedChange.objects.using("own").filter(epoch="").exists()
    assert name.get_sync(product.pk) == "new"


def test_a_hook_of_the_writers_own_reads_what_it_wrote(name, product):
    seen: list[str] = []
    with transaction.atomic("own"):
        transaction.on_commit(lambda: seen.append(name.get_sync(product.pk)), using="own")
        products().update(name="new")
    assert seen == ["new"]


def test_a_hook_that_raises_keeps_no_change_back(name, product):
    def fail() -> None:
        raise ZeroDivisionError

    def write() -> None:
        with transaction.atomic("own"):
            transaction.on_commit(fail, using="own")
            products().update(name="new")

    with pytest.raises(ZeroDivisionError):
        write()
    assert name.get_sync(product.pk) == "new"


def test_a_statement_that_returns_rows_is_committed_before_its_change_is_appended(
    alias, database, product, monkeypatch
):
    seen, relay_now = [], own_writes._relay_now

    def look_and_relay(connection) -> None:
        other = connection.copy()
        with other.cursor() as cursor:
            cursor.execute("SELECT name FROM watched_product")
            seen.append(cursor.fetchone())
        other.close()
        relay_now(connection)

    monkeypatch.setattr(own_writes, "_relay_now", look_and_relay)
    with connections["own"].cursor() as cursor:
        cursor.execute("UPDATE watched_product SET name = 'new' RETURNING slug")
    assert seen == [("new",)]


def test_rows_that_a_statement_returns_are_all_there(alias, database):
    """On SQLite they are fetched before the change is appended."""
    products().bulk_create(Product(slug=f"p{number}", name="old") for number in range(5))
    with connections["own"].cursor() as cursor:
        cursor.execute("UPDATE watched_product SET name = 'new' RETURNING slug")
        slugs = [cursor.fetchone(), *cursor.fetchmany(2), *cursor]
        assert sorted(slugs) == [(f"p{number}",) for number in range(5)]
        assert cursor.fetchone() is None
        cursor.execute("SELECT count(*) FROM watched_product")
        assert cursor.fetchone() == (5,)
