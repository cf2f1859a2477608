"""The outbox is relayed in spite of crashes, bad rows and concurrent relays."""

import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import DatabaseError, connections

from content.caching.engines import engine_of
from content.caching.errors import NotAppended
from content.caching.ordering.tag_index import Kind
from content.caching.watch import declaration, outbox, own_writes, relay
from content.caching.watch.models import PendingChanges, WatchedChange
from tests.support.wait import wait_until
from tests.support.watched import Product

pytestmark = pytest.mark.parametrize("alias", ["redis"], indirect=True)


def rows():
    return WatchedChange.objects.using("own")


def write(**values) -> WatchedChange:
    return rows().create(**{"model": "watched.product", "changes": '[[7, null, {"slug": "a"}, []]]'} | values)


def last(tag: str):
    return engine_of("default").ordering.tag_index.last_position(Kind.INVALIDATE, tag)


@pytest.mark.parametrize(
    "poison",
    [
        {"changes": "no JSON"},
        {"changes": "[[1]]"},
        {"changes": '[["x", null, {}, []]]'},
        {"changes": "{}", "writer": "somebody"},
        {"model": "watched.nothing"},
    ],
)
def test_i15_a_row_that_cannot_be_read_is_set_aside_and_starves_no_other(alias, database, poison):
    bad, good = write(**poison), write()
    rows().filter(pk=bad.pk).update(writer="")
    assert relay.relay_waiting(database) == 2
    assert rows().get(pk=bad.pk).failure
    assert not rows().get(pk=good.pk).failure
    assert last("product:7:page") > (0, 0)
    if poison.get("model") is None:
        assert last("product:*") > (0, 0), "which rows it named is not known"


def test_i15_a_tag_function_that_raises_ends_all_of_its_model(alias, database, monkeypatch):
    watch = declaration.watches["watched.product"]
    broken = declaration.Watch(**{**vars(watch), "tags": lambda changes: 1 / 0})
    monkeypatch.setitem(declaration.watches, "watched.product", broken)
    row = write()
    assert relay.relay_waiting(database) == 1
    assert "ZeroDivisionError" in rows().get(pk=row.pk).failure
    assert last("product:*") > (0, 0)


def test_a_log_that_refuses_keeps_the_row(alias, database, monkeypatch):
    def refuse(tags):
        raise NotAppended("away")

    row = write()
    monkeypatch.setattr(relay, "invalidate_sync", refuse)
    assert relay.relay_waiting(database) == 0
    assert rows().get(pk=row.pk).epoch == ""
    monkeypatch.undo()
    # The fixture's own patches are undone too, so name what the row needs.
    assert rows().filter(epoch="").count() == 1


def test_rule_12_a_row_whose_epoch_has_ended_is_appended_again(alias, database):
    row = write()
    relay.relay_waiting(database)
    rows().filter(pk=row.pk).update(epoch="of-a-server-that-is-gone")
    assert relay.relay_waiting(database) == 1
    assert rows().get(pk=row.pk).epoch.startswith(relay.current_epoch())


def test_rule_12_a_row_is_marked_with_the_epochs_of_any_number_of_logs(alias, database, monkeypatch):
    logs = [SimpleNamespace(tag_index=SimpleNamespace(epoch=f"{number}:" + "e" * 80)) for number in range(5)]
    row = write()
    monkeypatch.setattr(relay, "orderings", lambda cache: logs)
    assert relay.relay_waiting(database) == 1
    assert rows().get(pk=row.pk).epoch == relay.current_epoch()
    logs[4].tag_index.epoch = "another"
    assert relay.relay_waiting(database) == 1


def test_rule_12_processes_that_follow_different_logs_leave_each_others_rows(alias, database, monkeypatch):
    """Each appends a row to its own logs, and none appends it again."""
    logs = [SimpleNamespace(tag_index=SimpleNamespace(epoch=f"{number}:" + "e" * 80)) for number in range(3)]
    processes = [logs[:1], logs[1:], logs[:2]]
    write()

    def relay_as(process) -> int:
        monkeypatch.setattr(relay, "orderings", lambda cache: process)
        return relay.relay_waiting(database)

    assert [relay_as(process) for process in processes] == [1, 1, 0]
    assert [relay_as(process) for process in processes] == [0, 0, 0]
    logs[1].tag_index.epoch = "another"
    assert [relay_as(process) for process in processes] == [0, 1, 0]


def test_i18_a_release_with_other_declarations_appends_its_own_tags(alias, database, monkeypatch):
    """Those of the release that wrote say nothing to its entries."""
    watch = declaration.watches["watched.product"]
    other = declaration.Watch(**{**vars(watch), "tags": lambda changes: [f"shelf:{each.pk}" for each in changes]})
    write()
    releases = [watch, other]

    def relay_as(release) -> int:
        monkeypatch.setitem(declaration.watches, "watched.product", release)
        return relay.relay_waiting(database)

    assert [relay_as(release) for release in releases] == [1, 1]
    assert last("shelf:7") > (0, 0)
    assert [relay_as(release) for release in releases] == [0, 0]


def relay_as(monkeypatch, **changed) -> int:
    """The rows that a release with another declaration of products relays, once more than the one before."""
    watch = declaration.Watch(**{**vars(declaration.watches["watched.product"]), **changed})
    monkeypatch.setitem(declaration.watches, "watched.product", watch)
    return relay.relay_waiting("own")


def test_i18_a_release_appends_no_tags_that_another_has_appended_for_that_row(alias, database, monkeypatch):
    """Pages of both would end a second time, within a second after each edit."""
    write()
    relay.relay_waiting(database)
    before = last("product:7:page")
    assert relay_as(monkeypatch, coarse=("products",)) == 1
    assert last("product:7:page") == before
    assert relay.relay_waiting(database) == 0


def test_i18_that_holds_for_a_statement_that_wrote_many_rows(alias, database, monkeypatch):
    """An import just before an upgrade would end all its pages again."""
    if connections[database].vendor == "sqlite":
        pytest.skip("SQLite has a row of the outbox for each, and notes fewer tags")
    Product.objects.using(database).bulk_create(Product(slug=f"p{number}") for number in range(300))
    tag = f"product:{Product.objects.using(database).latest('pk').pk}:page"
    while relay.relay_waiting(database):
        pass
    before = last(tag)
    while relay_as(monkeypatch, coarse=("products",)):
        pass
    assert last(tag) == before > (0, 0)


def test_more_tags_than_are_noted_are_appended_again(alias, database, monkeypatch):
    monkeypatch.setattr(outbox, "MAX_TAGS", 10)
    write()
    relay.relay_waiting(database)
    before = last("product:7:page")
    assert relay_as(monkeypatch, coarse=("products",)) == 1
    assert last("product:7:page") > before


@pytest.mark.parametrize("above", [True, False])
def test_the_tags_that_a_run_reads_are_bounded(alias, database, monkeypatch, above):
    write()
    relay.relay_waiting(database)
    monkeypatch.setattr(outbox, "MAX_CHARACTERS", 100 if above else 1000)
    rows().update(tags="x" * 101)
    assert outbox.read_appended_elsewhere(connections[database], ["another,"], 9)[0].appended == (
        "" if above else "x" * 101
    )


@pytest.mark.parametrize(
    "appended",
    ['{"logs": "another", "tags": ["product:7:page", "product:7:card", "product-slug:a"]}', "no JSON", "{}", ""],
    ids=["by another log", "unreadable", "incomplete", "unknown"],
)
def test_i18_tags_that_the_log_may_lack_are_appended(alias, database, monkeypatch, appended):
    row = write()
    relay.relay_waiting(database)
    before = last("product:7:page")
    rows().filter(pk=row.pk).update(tags=appended)
    assert relay_as(monkeypatch, coarse=("products",)) == 1
    assert last("product:7:page") > before


def test_rule_20_a_release_with_one_tag_more_appends_all_together(alias, database, monkeypatch):
    """The weak tag first and the strong one later would leave a page with the old document (rule 20)."""
    write()
    relay.relay_waiting(database)
    before = last("product:7:page")
    assert relay_as(monkeypatch, tags=lambda changes: ["product-slug:a", "one-more"]) == 1
    assert last("one-more") == last("product:7:page") > before


def test_i18_tags_of_another_row_do_not_count(alias, database, monkeypatch):
    """That row may have been relayed before this one was committed."""
    known, row = write(), write()
    relay.relay_waiting(database)
    rows().filter(pk=row.pk).update(tags="")
    before = last("product:7:page")
    assert relay_as(monkeypatch, coarse=("products",)) == 2
    assert last("product:7:page") > before
    assert rows().filter(pk=known.pk, tags__contains="product:7:page").exists()


def test_more_rows_than_are_named_one_by_one_are_one_change_of_all(alias, database, monkeypatch):
    monkeypatch.setattr(relay, "MAX_ROWS", 3)
    for number in range(4):
        write(changes=f'[[{number}, null, {{"slug": "p{number}"}}, []]]')
        write(changes='[[1, null, {"slug": "p1"}, []]]')
    assert relay.relay_waiting(database) == 8
    assert last("product:*") > (0, 0)
    assert last("product:1:page") == (0, 0)


def test_too_much_text_is_read_as_a_change_of_all_rows(alias, database, monkeypatch):
    monkeypatch.setattr(outbox, "MAX_CHARACTERS", 100)
    for number in range(4):
        write(changes=f'[[{number}, null, {{"slug": "p{number}"}}, []]]')
    assert relay.relay_waiting(database) == 4
    assert last("product:1:page") > (0, 0)
    assert last("product:3:page") == (0, 0)
    assert last("product:*") > (0, 0)


def test_rule_5_a_row_has_the_tags_of_its_old_and_its_new_state(alias, database):
    write(changes='[[7, {"slug": "old"}, {"slug": "new"}, ["slug"]]]')
    assert relay.relay_waiting(database) == 1
    assert last("product-slug:old") > (0, 0)
    assert last("product-slug:new") > (0, 0)


def test_rule_12_a_row_has_the_epoch_from_before_its_append(alias, database, monkeypatch):
    """Else one whose epoch ends at that moment would count as appended in the next."""
    append, before = relay.invalidate_sync, relay.current_epoch()

    def append_and_lose(tags):
        append(tags)
        monkeypatch.setattr(relay, "current_epoch", lambda: "the-next")

    monkeypatch.setattr(relay, "invalidate_sync", append_and_lose)
    row = write()
    assert relay.relay_waiting(database) == 1
    assert rows().get(pk=row.pk).epoch == before


def test_rule_1_a_row_is_taken_whose_number_is_lower_than_one_that_was_taken(alias, database):
    """Transactions do not commit in the order of their numbers."""
    for number in (100, 50):
        row = write(pk=number, changes=f'[[{number}, null, {{"slug": "a"}}, []]]')
        assert relay.relay_waiting(database) == 1
        assert last(f"product:{number}:page") > (0, 0)
        assert rows().get(pk=row.pk).epoch


def test_a_relay_that_hangs_keeps_no_other_from_later_rows(alias, database, monkeypatch):
    if connections[database].vendor == "sqlite":
        pytest.skip("SQLite locks no rows")
    monkeypatch.setattr(relay, "ROWS_A_RUN", 5)
    for number in range(10):
        write(changes=f'[[{number}, null, {{"slug": "p{number}"}}, []]]')
    append, hanging, go_on = relay.invalidate_sync, threading.Event(), threading.Event()

    def hang(tags):
        if not hanging.is_set():
            hanging.set()
            go_on.wait(20)
        append(tags)

    def run() -> None:
        try:
            relay.relay_waiting(database)
        finally:
            connections.close_all()

    monkeypatch.setattr(relay, "invalidate_sync", hang)
    first, second = threading.Thread(target=run), threading.Thread(target=run)
    first.start()
    try:
        assert hanging.wait(10)
        second.start()
        second.join(10)
        assert not second.is_alive()
        assert rows().filter(epoch="").count() == 5
    finally:
        go_on.set()
        first.join(20)
        second.join(20)
    assert not rows().filter(epoch="").exists()


def test_rows_of_a_relay_that_hangs_are_taken_after_a_time(alias, database, monkeypatch):
    if connections[database].vendor == "sqlite":
        pytest.skip("SQLite locks no rows")
    longest = relay.LONGEST_APPEND
    monkeypatch.setattr(relay, "LONGEST_APPEND", timedelta(seconds=1))
    write()
    append, hanging, go_on, errors = relay.invalidate_sync, threading.Event(), threading.Event(), []

    def hang(tags):
        if threading.current_thread() is first:
            hanging.set()
            go_on.wait(20)
        append(tags)

    def run() -> None:
        try:
            relay.relay_waiting(database)
        except DatabaseError as error:
            errors.append(error)
        finally:
            connections.close_all()

    monkeypatch.setattr(relay, "invalidate_sync", hang)
    first = threading.Thread(target=run)
    first.start()
    try:
        assert hanging.wait(10)
        # The others have the time that a busy machine takes.
        monkeypatch.setattr(relay, "LONGEST_APPEND", longest)
        wait_until(lambda: not relay.relay_waiting(database) and not rows().filter(epoch="").exists(), "it is taken")
    finally:
        go_on.set()
        first.join(20)
    assert len(errors) == 1


def test_a_row_of_a_living_writer_is_left_to_it(alias, database, monkeypatch):
    monkeypatch.setattr(relay, "WRITERS_TIME", timedelta(minutes=1))
    row = write(writer="another")
    assert relay.relay_waiting(database) == 0
    assert relay.relay_own(database, "another") == 1
    assert rows().get(pk=row.pk).epoch


def test_a_relay_that_hangs_keeps_no_writer(alias, database, monkeypatch):
    """It holds the writer's rows locked, and may for ten seconds."""
    if connections[database].vendor == "sqlite":
        pytest.skip("SQLite locks no rows")
    append, hanging, go_on, done = relay.invalidate_sync, threading.Event(), threading.Event(), threading.Event()

    def hang(tags):
        if threading.current_thread() is first:
            hanging.set()
            go_on.wait(20)
        append(tags)

    def run(relay_rows) -> None:
        try:
            relay_rows()
        finally:
            connections.close_all()

    monkeypatch.setattr(relay, "invalidate_sync", hang)
    monkeypatch.setattr(relay, "WRITERS_TIME", timedelta(0))
    write(writer="another")
    first = threading.Thread(target=run, args=[lambda: relay.relay_waiting(database)])
    second = threading.Thread(target=run, args=[lambda: [relay.relay_own(database, "another"), done.set()]])
    first.start()
    try:
        assert hanging.wait(10)
        second.start()
        assert done.wait(5)
        assert last("product:7:page") > (0, 0)
    finally:
        go_on.set()
        first.join(20)
        second.join(20)
    assert not rows().filter(epoch="").exists()


def test_what_was_appended_long_ago_is_deleted(alias, database):
    old, failed, waiting = write(epoch="done"), write(epoch="done", failure="unreadable"), write()
    rows().update(created_at=relay.Now() - relay.KEPT * 2)
    assert relay.prune(database) == 1
    assert set(rows().values_list("pk", flat=True)) == {failed.pk, waiting.pk}
    rows().update(created_at=relay.Now() - relay.KEPT_FAILED * 2)
    relay.prune(database)
    assert set(rows().values_list("pk", flat=True)) == {waiting.pk}, "what waits is never deleted"
    assert old.pk


def test_a_row_is_kept_after_its_append_however_long_its_transaction_was(alias, database):
    row = write()
    rows().update(created_at=relay.Now() - relay.KEPT * 2)
    relay.relay_waiting(database)
    assert relay.prune(database) == 0
    rows().update(appended_at=relay.Now() - relay.KEPT * 2)
    assert relay.prune(database) == 1
    assert row.pk


def test_many_relays_at_once_append_each_row(alias, database):
    for number in range(60):
        write(changes=f'[[{number}, null, {{"slug": "p{number}"}}, []]]')

    def run() -> None:
        try:
            while relay.relay_waiting(database):
                pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(3 if connections[database].vendor == "postgresql" else 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not rows().filter(epoch="").exists()
    assert all(last(f"product-slug:p{number}") > (0, 0) for number in range(60))


def test_sqlite_names_rows_again_once_the_relay_has_been(alias, database):
    """The counter falls by what was relayed; changes that no trigger named meanwhile are one coarse change."""
    if connections[database].vendor != "sqlite":
        pytest.skip("PostgreSQL counts the rows of a statement")
    counters = PendingChanges.objects.using(database)
    counters.create(model="watched.product", number=5000)
    write()
    assert relay.relay_waiting(database) == 2
    assert counters.get(model="watched.product").number == 0
    assert rows().filter(changes='"*"').exclude(epoch="").count() == 1
    Product.objects.using(database).create(slug="a", name="a")
    assert '"a"' in rows().order_by("pk").last().changes


def test_a_child_process_has_a_name_of_its_own(alias, database):
    before = own_writes.writer
    own_writes._rename_in_child()
    assert own_writes.writer != before
