"""I18: a release that returns takes nothing that was stored while another release alone named the changes."""

import pytest
from redis.exceptions import RedisError

from content.caching.engines import engine_of
from content.caching.ordering.tag_index import Kind
from content.caching.release import digest_of
from content.caching.watch import declaration, presence
from content.caching.watch.presence import AWAY_AFTER, MAX_NOTES, has_run, note_presence
from tests.support.watched import Product

pytestmark = pytest.mark.parametrize("alias", ["redis"], indirect=True)
LONG_AGO = int(AWAY_AFTER.total_seconds()) + 10


@pytest.fixture(autouse=True)
def watch_product(monkeypatch) -> None:
    watches: dict[str, declaration.Watch] = {}
    for module in (declaration, presence):
        monkeypatch.setattr(module, "watches", watches)
    declaration.watch(Product, documents={"page": ["name"]}, coarse=["product-slugs"])


@pytest.fixture
def notes(alias):
    """The hash of notes: its client, its key and the time of its server."""
    log = engine_of("default").ordering.log
    with log.server.sync_client() as client:
        yield client, f"{{{log.prefix}:declarations}}", int(client.time()[0])


def own_declarations() -> str:
    return digest_of(declaration.digest_of_watches())


def has_invalidated_all() -> bool:
    index = engine_of("default").ordering.tag_index
    return all(index.last_position(Kind.INVALIDATE, tag) > (0, 0) for tag in ("product:*", "product-slugs"))


@pytest.mark.parametrize(
    ("own", "other", "invalidates"),
    [
        (None, None, False),
        (None, 5, False),
        (5, 0, False),
        (LONG_AGO, None, False),
        (LONG_AGO, LONG_AGO + 60, False),
        (LONG_AGO, 5, True),
        (LONG_AGO, LONG_AGO - 5, True),
    ],
    ids=[
        "the first of all",
        "a new one beside another",
        "both run",
        "alone, after a night",
        "the other ended before",
        "the other runs",
        "the other ran meanwhile",
    ],
)
def test_a_release_that_was_away_while_another_ran_invalidates_all(notes, own, other, invalidates):
    client, key, now = notes
    for name, age in ((own_declarations(), own), ("another", other)):
        if age is not None:
            client.hset(key, name, now - age)
    assert note_presence(is_caught_up=True) is invalidates
    assert has_invalidated_all() is invalidates
    assert int(client.hget(key, own_declarations())) >= now
    assert note_presence(is_caught_up=True) is False


def test_a_server_does_not_renew_the_note_of_a_relay(notes):
    """Servers that start again and again would hide that no relay runs."""
    client, key, now = notes
    client.hset(key, mapping={own_declarations(): now - 50, "another": now})
    assert note_presence(is_caught_up=False) is False
    assert int(client.hget(key, own_declarations())) == now - 50


@pytest.mark.parametrize("ages", [{}, {"own": LONG_AGO, "another": 0}], ids=["the first", "one that returns"])
def test_a_server_notes_its_release_where_it_takes_nothing_old(notes, ages):
    client, key, now = notes
    for name, age in ages.items():
        client.hset(key, own_declarations() if name == "own" else name, now - age)
    note_presence(is_caught_up=False)
    assert int(client.hget(key, own_declarations())) >= now


def test_other_declarations_are_another_release(notes, monkeypatch):
    first = own_declarations()
    monkeypatch.setitem(declaration.watches, "watched.product", None)
    del declaration.watches["watched.product"]
    declaration.watch(Product, documents={"page": ["name"], "card": ["name"]})
    assert own_declarations() != first


def test_what_no_release_wrote_counts_as_long_ago(notes):
    client, key, now = notes
    client.hset(key, own_declarations(), "1e300")
    client.hset(key, b"\xff", "no time")
    assert note_presence(is_caught_up=True) is False
    client.hset(key, own_declarations(), "1e300")
    client.hset(key, "another", now)
    assert note_presence(is_caught_up=True) is True


def test_old_notes_are_forgotten(notes):
    client, key, now = notes
    client.hset(key, mapping={f"{number}": now - number for number in range(1, MAX_NOTES + 50)})
    note_presence(is_caught_up=True)
    assert client.hlen(key) == MAX_NOTES + 1
    assert client.hexists(key, own_declarations())
    assert client.hexists(key, "1")


def test_a_log_that_does_not_answer_is_left_for_the_next_call(notes, monkeypatch):
    client, key, now = notes
    own = own_declarations()
    client.hset(key, mapping={own: now - LONG_AGO, "another": now})

    def refuse(tags):
        raise RedisError("away")

    monkeypatch.setattr(presence, "invalidate_sync", refuse)
    assert note_presence(is_caught_up=True) is False
    assert int(client.hget(key, own)) == now - LONG_AGO, "what was missed is not forgotten"


def test_a_release_has_run_once_a_process_of_it_has_noted_it(notes):
    assert not has_run()
    note_presence(is_caught_up=False)
    assert has_run()


def test_a_release_may_have_run_if_a_log_does_not_answer(notes, monkeypatch):
    def refuse(log):
        raise RedisError("away")

    monkeypatch.setattr(presence, "_has_note", refuse)
    assert has_run()


def test_columns_that_are_watched_without_a_document_are_declared(alias, monkeypatch):
    """Two releases that watch different ones must not take each other's marks for their own."""
    first = own_declarations()
    monkeypatch.delitem(declaration.watches, "watched.product")
    declaration.watch(Product, documents={"page": ["name"]}, coarse=["product-slugs"], columns=["views"])
    assert own_declarations() != first
