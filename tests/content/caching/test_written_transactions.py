"""Reads in a transaction that has written, on SQLite and on PostgreSQL, whose BEGIN passes no execute wrapper."""

import threading
from collections.abc import Iterator

import dj_database_url
import pytest
from django.db import connections, transaction
from django.http import HttpResponse
from django.template import engines
from django.test import RequestFactory

from content.caching import RARE, Resource
from content.caching.edge import cache_page
from content.caching.transactions import has_written, watch_connections


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path, django_db_blocker) -> Iterator[str]:
    """An alias with a table of one row, whose name is "old"."""
    url = request.getfixturevalue("postgres_server") if request.param == "postgresql" else f"sqlite:///{tmp_path}/db"
    connections.settings["own"] = connections.configure_settings({"default": {}, "own": dj_database_url.parse(url)})[
        "own"
    ]
    watch_connections()
    with django_db_blocker.unblock():
        execute("DROP TABLE IF EXISTS item")
        execute("CREATE TABLE item (name VARCHAR(50))")
        execute("INSERT INTO item VALUES ('old')")
        yield "own"
        execute("DROP TABLE item")
        connections["own"].close()
    del connections["own"]
    del connections.settings["own"]


def execute(sql: str) -> list:
    with connections["own"].cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def name() -> str:
    return execute("SELECT name FROM item")[0][0]


def write(value: str) -> None:
    execute(f"UPDATE item SET name = '{value}'")


loads: list[str] = []


def load() -> str:
    loads.append(name())
    return loads[-1]


@pytest.fixture
def item(alias, database) -> Resource:
    loads.clear()
    return Resource("item", load=load, policy=RARE, tags=lambda: ("item",))


only_redis = pytest.mark.parametrize("alias", ["redis"], indirect=True)
pytestmark = only_redis


def atomic(**options) -> transaction.Atomic:
    return transaction.atomic(using="own", **options)


def is_noted(work) -> bool:
    """Whether `work` counts as a write in a transaction that also reads."""
    with atomic():
        name()
        work()
        return has_written()


def test_rule_15_only_the_transaction_that_wrote_goes_past_the_cache(item):
    item.get_sync()
    assert is_noted(lambda: write("new"))
    item.invalidate_sync()
    item.get_sync()
    assert not has_written()
    loads.clear()
    for _ in range(3):
        with atomic():
            name()
            assert item.get_sync() == "new"
    assert loads == []


def test_a_decorated_function_enters_one_block_again_and_again(item):
    @transaction.atomic(using="own")
    def work(value: str) -> bool:
        if value:
            write(value)
        name()
        return has_written()

    assert [work("one"), work(""), work("two"), work("")] == [True, False, True, False]


def test_a_savepoint_that_is_rolled_back_leaves_the_rest_written(item):
    with atomic():
        write("kept")
        with atomic():
            write("undone")
            transaction.set_rollback(True, using="own")
        assert has_written()
        assert item.get_sync() == "kept"
        with atomic():
            assert has_written()
    assert not has_written()


def test_what_is_rolled_back_ends_it_as_well(item):
    with atomic():
        write("undone")
        transaction.set_rollback(True, using="own")
    assert not has_written()
    assert not is_noted(lambda: None)


def test_an_error_ends_it_as_well(item):
    @atomic()
    def work() -> None:
        write("undone")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert not is_noted(lambda: None)


def test_hooks_that_run_on_commit_read_from_cache(item):
    item.get_sync()
    seen = []
    with atomic():
        write("new")
        transaction.on_commit(lambda: seen.append(has_written()), using="own")
    assert seen == [False]


def test_by_hand_without_autocommit(item):
    transaction.set_autocommit(False, using="own")
    write("new")
    assert has_written()
    transaction.commit(using="own")
    transaction.set_autocommit(True, using="own")
    assert not has_written()


def test_rule_15_reads_within_loaders_go_past_it_too(alias, item):
    async def load_whole() -> str:
        return f"async {await item.get()} {await item.get_many([()])}"

    def load_sync() -> str:
        return f"sync {item.get_sync()}"

    whole, other = (Resource(f"whole-{each.__name__}", load=each, policy=RARE) for each in (load_whole, load_sync))
    assert (whole.get_sync(), other.get_sync()) == ("async old {(): 'old'}", "sync old")
    with atomic():
        write("new")
        assert (whole.get_sync(), other.get_sync()) == ("async new {(): 'new'}", "sync new")
        assert (whole.refresh_sync(), other.refresh_sync()) == ("async new {(): 'new'}", "sync new")
        item.set_sync("new")
        transaction.set_rollback(True, using="own")
    assert (whole.get_sync(), other.get_sync()) == ("async old {(): 'old'}", "sync old")
    assert item.get_sync() == "old"


def test_what_was_made_of_what_is_not_committed_is_not_stored(item, alias):
    """The transaction has ended when the whole is stored, but the uncommitted part carries no tags."""

    def load_whole() -> str:
        with atomic():
            write("new")
            found = item.get_sync()
            transaction.set_rollback(True, using="own")
        return found

    whole = Resource("whole", load=load_whole, policy=RARE)
    assert whole.get_sync() == "new"
    loads.clear()
    whole.get_sync()
    assert loads == ["new"], "it is made again"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_loader_that_writes_stores_nothing(item, alias):
    """On SQLite it would run on a connection of its own, and commit."""

    def load_whole() -> str:
        write("new")
        return name()

    whole = Resource("whole", load=load_whole, policy=RARE)
    with atomic():
        assert whole.get_sync() == "new"
        transaction.set_rollback(True, using="own")
    calls = []
    other = Resource("whole", load=lambda_of(calls), policy=RARE)
    assert other.get_sync() == "loaded"
    assert calls == [1]


def lambda_of(calls: list):
    def load_again() -> str:
        calls.append(1)
        return "loaded"

    return load_again


def test_pages_of_a_transaction_that_has_written_are_not_stored(item, alias):
    writes = []

    @cache_page(60, tags=["item"], cache="default")
    def view(request) -> HttpResponse:
        if writes:
            write(writes.pop())
        return HttpResponse(name())

    def get(path: str) -> bytes:
        return view(RequestFactory().get(path)).content

    assert get("/a/") == b"old"
    with atomic():
        writes.append("new")
        assert get("/b/") == b"new"
        assert get("/a/") == b"new", "nor are pages read from it"
        assert get("/c/") == b"new"
        transaction.set_rollback(True, using="own")
    assert [get(path) for path in ("/a/", "/b/", "/c/")] == [b"old"] * 3


def test_fragments_of_a_transaction_that_has_written_are_not_stored(item, alias):
    template = engines["django"].from_string(
        '{% load fragments %}{% fragment "f" ttl=60 tags="item" %}{{ name }}{% endfragment %}'
    )
    with atomic():
        write("new")
        assert template.render({"name": name}) == "new"
        transaction.set_rollback(True, using="own")
    assert template.render({"name": name}) == "old"
    with atomic():
        write("new")
        assert template.render({"name": name}) == "new"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_def_loader_opens_no_session_of_its_own(item):
    pids = {execute("SELECT pg_backend_pid()")[0][0]}

    def load_pid(number: int) -> int:
        return int(execute("SELECT pg_backend_pid()")[0][0])

    pid = Resource("pid", load=load_pid, policy=RARE)
    with atomic():
        pids |= {pid.get_sync(number) for number in range(10)}
    pids |= {pid.get_sync(number) for number in range(10, 20)}
    assert len(pids) == 1


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_rule_15_a_snapshot_from_before_is_not_loaded_from(item):
    """In REPEATABLE READ a transaction sees what was committed when it began to read."""
    connections["own"].close()
    connections.settings["own"]["OPTIONS"]["isolation_level"] = 3
    del connections["own"]
    watch_connections()
    with atomic():
        assert name() == "old"
        write_elsewhere("new")
        item.invalidate_sync()
        item.get_sync()
    assert item.get_sync() == "new"


def write_elsewhere(value: str) -> None:
    """Write on another connection, and commit."""

    def work() -> None:
        write(value)
        connections["own"].close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
