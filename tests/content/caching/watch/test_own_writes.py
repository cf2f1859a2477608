"""The writer's next read is new, for any number of rows, even if another process relays at that moment."""

import threading

import pytest
from django.db import connections, transaction
from django.db.models.sql.compiler import SQLCompiler, SQLUpdateCompiler
from psycopg.sql import SQL, Identifier, Literal

from content.caching import RARE, Resource
from content.caching.engines import engine_of
from content.caching.ordering.stream import LogStream
from content.caching.ordering.tag_index import Kind
from content.caching.watch import own_writes, relay
from content.caching.watch.models import WatchedChange
from content.caching.watch.postgresql import REPORT
from tests.support.watched import Product

pytestmark = pytest.mark.parametrize("alias", ["redis"], indirect=True)


def products():
    return Product.objects.using("own")


@pytest.fixture
def product(database) -> Product:
    return products().create(slug="a", name="old")


@pytest.fixture
def name(alias, product) -> Resource:
    """The product's name as its page shows it."""

    def load(pk: int) -> str:
        return products().get(pk=pk).name

    resource = Resource("own_name", load=load, policy=RARE, tags=lambda pk: (f"product:{pk}:page", "product:*"))
    assert resource.get_sync(product.pk) == "old"
    return resource


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


def last(product: Product) -> tuple[int, int]:
    """Where the log ended the product's page."""
    return engine_of("default").ordering.tag_index.last_position(Kind.INVALIDATE, f"product:{product.pk}:page")


def execute(sql) -> None:
    with connections["own"].cursor() as cursor:
        cursor.execute(sql)


def skip_unless_postgresql() -> None:
    if connections["own"].vendor != "postgresql":
        pytest.skip("only on PostgreSQL")


def test_rule_1_nothing_is_appended_before_the_commit(name, product):
    before = last(product)
    with transaction.atomic("own"):
        products().update(name="new")
        assert last(product) == before
    assert last(product) > before


def test_rule_1_nothing_is_appended_before_a_commit_that_django_does_not_know(name, product):
    before = last(product)
    execute("BEGIN")
    execute("UPDATE watched_product SET name = 'new'")
    assert last(product) == before
    execute("COMMIT")
    assert last(product) > before
    assert name.get_sync(product.pk) == "new"


def test_a_transaction_by_hand_is_known_when_autocommit_is_back(name, product):
    before = last(product)
    transaction.set_autocommit(False, using="own")
    try:
        products().update(name="new")
        assert last(product) == before
        transaction.commit(using="own")
        assert name.get_sync(product.pk) == "new", "past the cache"
        transaction.commit(using="own")
    finally:
        transaction.set_autocommit(True, using="own")
    assert last(product) > before
    assert name.get_sync(product.pk) == "new"


WRITE = "UPDATE watched_product SET name = 'new'"


def test_a_function_that_select_calls_is_a_write(name, product):
    skip_unless_postgresql()
    execute(f"CREATE OR REPLACE FUNCTION write() RETURNS void LANGUAGE sql AS $$ {WRITE} $$")
    execute("SELECT write()")
    assert name.get_sync(product.pk) == "new"


def test_a_statement_that_psycopg_composes_is_a_write(name, product):
    skip_unless_postgresql()
    execute(SQL("UPDATE {} SET name = {}").format(Identifier("watched_product"), Literal("new")))
    assert name.get_sync(product.pk) == "new"


def test_copy_in_a_transaction_is_a_write(alias, database):
    """Django's cursors do not see it."""
    skip_unless_postgresql()

    def load() -> int:
        return products().count()

    count = Resource("count", load=load, policy=RARE, tags=lambda: ("product-slug:copied",))
    assert count.get_sync() == 0
    statement = "COPY watched_product (slug, name, text, views) FROM STDIN"
    with transaction.atomic("own"), connections["own"].cursor() as cursor, cursor.copy(statement) as copy:
        copy.write_row(("copied", "a", "", 0))
    assert count.get_sync() == 1


def test_only_a_writer_with_a_name_hears_of_its_writes(alias, database, product, monkeypatch):
    """Other programs hear nothing. A connection that a pool hands out again hears each write once."""
    skip_unless_postgresql()
    heard, noted = [], []
    connections["own"].connection.add_notice_handler(lambda message: heard.append(message.message_primary))
    monkeypatch.setattr(own_writes, "_note_write", noted.append)
    own_writes._follow(connection=connections["own"])
    execute(WRITE)
    assert heard == [REPORT]
    assert noted == [connections["own"]]
    execute("SELECT set_config('evergreen.writer', '', false)")
    execute("UPDATE watched_product SET name = 'newer'")
    assert heard == [REPORT]


@pytest.mark.parametrize("statement", [WRITE, f"/* by hand */ -- really\n {WRITE}"])
def test_a_driver_that_hands_on_no_messages_has_its_statements_read(name, product, statement, monkeypatch):
    """As psycopg 2 and SQLite have."""
    monkeypatch.setattr(own_writes, "_REPORTS", "_none")
    monkeypatch.setattr(own_writes, "REPORT", "")
    execute(statement)
    assert name.get_sync(product.pk) == "new"


def test_single_rows_of_a_transaction_are_appended_together(name, product, monkeypatch):
    append, appended = relay.invalidate_sync, []
    monkeypatch.setattr(relay, "invalidate_sync", lambda tags: [appended.append(tags), append(tags)])
    with transaction.atomic("own"):
        for number in range(600):
            products().create(slug=f"p{number}", name="x")
        products().filter(pk=product.pk).update(name="new")
    assert not WatchedChange.objects.using("own").filter(epoch="").exists()
    assert name.get_sync(product.pk) == "new"
    (tags,) = appended
    assert f"product:{product.pk}:page" in tags
    assert "product:*" not in tags


def test_a_commit_builds_no_query_of_the_orm(alias, database, product, monkeypatch):
    """Two of them would take longer than all else that a write of one row costs."""
    built = []
    for compiler in (SQLCompiler, SQLUpdateCompiler):
        build = compiler.as_sql
        monkeypatch.setattr(compiler, "as_sql", lambda *given, build=build: [built.append(given), build(*given)][1])
    execute("UPDATE watched_product SET name = 'new'")
    assert WatchedChange.objects.using("own").filter(epoch=relay.current_epoch()).exists()
    assert len(built) == 1, "the one of the line before"


def test_more_rows_than_a_writer_relays_one_by_one(name, product, monkeypatch):
    """The rest is relayed later, and counts as a change of all rows until then."""
    monkeypatch.setattr(relay, "ROWS_A_RUN", 5)
    with transaction.atomic("own"):
        for number in range(12):
            products().create(slug=f"p{number}", name="x")
        products().filter(pk=product.pk).update(name="new")
    assert WatchedChange.objects.using("own").filter(epoch="").count() == 8
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
