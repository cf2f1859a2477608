"""Codings are stored with their page: what one process has compressed, no other compresses again."""

import threading
from dataclasses import replace

import brotli
import msgspec
import pytest

from content.caching import expire, invalidate
from content.caching.edge import SHARED_CACHE, encoder
from content.caching.edge.codings import PageCodings
from content.caching.edge.encoder import BEST, QUICK
from content.caching.edge.page import Coded, Page, url_key
from content.caching.edge.page_store import StoredPage, read_stored_value
from content.caching.edge.stored_codings import add_codings, read_codings
from content.caching.errors import Unreadable
from content.caching.lua import REPLACE
from tests.support.caches import with_a_log
from tests.support.edge import Origin, Response, Site, wait_for_tasks

OFFERED = ("br", "zstd", "gzip")
TEXT = b"<p>Warm and fresh, the same words again and again.</p>" * 100
OTHER = b"<p>Another text, of other words, and of another length.</p>" * 90
HTML = {
    "cache-control": "max-age=600, stale-while-revalidate=600",
    "content-type": "text/html; charset=utf-8",
    "etag": '"a"',
    "cache-tag": "text",
}
URL = "http://site/"
BROTLI = {"accept-encoding": "br"}

pytestmark = with_a_log


class Encodings:
    """The codings and levels that this process has made. With a closed gate each one waits."""

    def __init__(self, monkeypatch) -> None:
        self.made: list[tuple[str, int]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.encode = encoder.encode
        monkeypatch.setattr(encoder, "encode", self)

    def __call__(self, coding: str, level: int, body: bytes) -> bytes:
        assert self.gate.wait(20)
        self.made.append((coding, level))
        return self.encode(coding, level, body)


@pytest.fixture
def encodings(monkeypatch) -> Encodings:
    return Encodings(monkeypatch)


@pytest.fixture
def site(alias, clock, encodings) -> Site:
    site = Site(Origin(HTML, body=TEXT), replace(SHARED_CACHE, codings=OFFERED), cache=alias)
    site.edge.engine.clock = clock
    site.forward = clock.forward
    return site


def begin_another_process(site: Site) -> None:
    """Its memory is empty."""
    site.edge.engine.memory.clear()


async def ask(site: Site) -> Response:
    answer = await site.ask(headers=BROTLI)
    await wait_for_tasks(site)
    return answer


async def find_stored(site: Site) -> StoredPage:
    """The page as a process finds it that has nothing in memory."""
    begin_another_process(site)
    stored = await site.edge.page_store.lookup(url_key(URL))
    assert stored is not None
    return stored


async def test_a_second_process_serves_a_coding_without_encoding(site, encodings):
    await ask(site)
    assert sorted(encodings.made) == sorted(QUICK.items())
    begin_another_process(site)
    for _ in range(2):
        answer = await ask(site)
        assert (answer["content-encoding"], answer["etag"], answer.is_hit) == ("br", f'"a-br{QUICK["br"]}"', True)
        assert answer["content-length"] == str(len(answer.body))
        assert brotli.decompress(answer.body) == TEXT
    assert len(encodings.made) == len(QUICK)


async def test_a_page_that_was_just_stored_is_not_read_to_add_its_codings(site, monkeypatch):
    tier, calls = site.edge.engine.shared.tier, list[str]()

    def record(name: str) -> None:
        call = getattr(tier, name)

        async def recording(*arguments):
            calls.append(name)
            return await call(*arguments)

        monkeypatch.setattr(tier, name, recording)

    for name in ("lookup", "store", "replace"):
        record(name)
    await ask(site)
    assert calls[calls.index("store") :] == ["store", "replace"]
    assert {each.coding for each in (await find_stored(site)).value.codings} == set(OFFERED)


async def test_no_reader_and_no_process_waits_for_a_coding(site, encodings):
    encodings.gate.clear()
    assert (await site.ask(headers=BROTLI)).body == TEXT
    for _ in range(50):
        begin_another_process(site)
        answer = await site.ask(headers=BROTLI)
        if answer.is_hit:
            break
    assert (answer.body, answer["content-encoding"], site.origin.count) == (TEXT, None, 1)
    encodings.gate.set()
    await wait_for_tasks(site)
    begin_another_process(site)
    assert (await ask(site))["content-encoding"] == "br"


async def test_a_process_that_has_the_plain_page_takes_the_stored_coding(site, encodings, monkeypatch):
    """It read the page before another process had stored the codings."""
    monkeypatch.setattr(PageCodings, "add_soon", lambda *arguments: None)
    await ask(site)
    stored = await site.edge.page_store.lookup(url_key(URL))
    coded = Coded("br", QUICK["br"], encodings.encode("br", QUICK["br"], TEXT))
    assert await add_codings(site.edge.engine, url_key(URL), stored.header, [coded])
    await ask(site)
    assert (await ask(site))["content-encoding"] == "br"
    assert encodings.made == []


async def test_best_codings_reach_every_process(site, encodings):
    await ask(site)
    assert await site.edge.origin.codings.improve(url_key(URL))
    assert sorted(encodings.made[3:]) == sorted(BEST.items())
    begin_another_process(site)
    for _ in range(110):
        answer = await ask(site)
    assert answer["etag"] == f'"a-br{BEST["br"]}"'
    assert brotli.decompress(answer.body) == TEXT
    assert await site.edge.origin.codings.improve(url_key(URL))
    assert len(encodings.made) == 6


async def test_a_page_that_is_warmed_has_its_codings_when_that_is_reported(site, encodings):
    assert await site.edge.make(site.scope("/", {})) == 200
    assert {coded.coding for coded in (await find_stored(site)).value.codings} == set(OFFERED)


async def test_there_is_nothing_to_improve_where_no_page_is(site):
    assert not await site.edge.origin.codings.improve(url_key("http://site/nothing/"))


async def test_a_page_made_again_with_the_same_body_keeps_its_codings(site, encodings):
    await ask(site)
    await site.edge.origin.codings.improve(url_key(URL))
    site.forward(1)
    await expire(["text"])
    await ask(site)
    begin_another_process(site)
    answer = await ask(site)
    assert (answer["etag"], site.origin.count) == (f'"a-br{BEST["br"]}"', 2)
    assert len(encodings.made) == 6


async def test_codings_of_an_old_page_never_reach_a_newer_one(site, encodings):
    encodings.gate.clear()
    await site.ask(headers=BROTLI)
    old = await find_stored(site)
    site.origin.body = OTHER
    site.forward(1)
    await invalidate(["text"])
    assert (await site.ask(headers=BROTLI)).body == OTHER
    encodings.gate.set()
    await wait_for_tasks(site)
    coded = Coded("br", BEST["br"], brotli.compress(TEXT))
    assert not await add_codings(site.edge.engine, url_key(URL), old.header, [coded])
    stored = await find_stored(site)
    assert stored.value.body == OTHER
    assert await read_codings(site.edge.engine, url_key(URL), stored.header)
    assert await read_codings(site.edge.engine, url_key(URL), old.header) == ()
    assert {brotli.decompress(each.body) for each in stored.value.codings if each.coding == "br"} <= {OTHER}


async def test_a_page_stored_between_the_read_and_the_write_stays(site, monkeypatch):
    await ask(site)
    old, tier = await find_stored(site), site.edge.engine.shared.tier
    send = tier.replace

    async def replace_late(key, before, after):
        monkeypatch.setattr(tier, "replace", send)
        site.origin.body = OTHER
        site.forward(1)
        await invalidate(["text"])
        await ask(site)
        return await send(key, before, after)

    monkeypatch.setattr(tier, "replace", replace_late)
    coded = Coded("br", BEST["br"], brotli.compress(TEXT))
    assert not await add_codings(site.edge.engine, url_key(URL), old.header, [coded])
    assert (await find_stored(site)).value.body == OTHER


async def test_a_coding_lives_no_longer_than_its_page(site, alias):
    await ask(site)
    tier, stored = site.edge.engine.shared.tier, await find_stored(site)
    full_key = tier.cache.full_key(url_key(URL), None)
    await tier.cache.write("PEXPIRE", full_key, 5000)
    coded = Coded("br", BEST["br"], brotli.compress(TEXT))
    assert await add_codings(site.edge.engine, url_key(URL), stored.header, [coded])
    assert 0 < await tier.cache.write("PTTL", full_key) <= 5000
    await tier.cache.write("DEL", full_key)
    assert not await tier._execute("EVAL", REPLACE, 1, full_key, "0" * 40, b"anything")
    assert await tier.cache.write("EXISTS", full_key) == 0


@pytest.mark.parametrize(
    "coded",
    [
        Coded("br", 7, b"x"),
        Coded("br", -5, b"x"),
        Coded("evil\r\nx: y", 5, b"x"),
        Coded("identity", 0, b"x"),
        Coded("br", 5, b""),
        Coded("br", 5, b"x" * (len(TEXT) + 1)),
    ],
    ids=["level", "negative level", "line end", "unknown", "empty", "longer than the page"],
)
async def test_i9_a_coding_that_no_encoder_makes_is_sent_to_nobody(site, coded):
    await site.ask()
    stored = await find_stored(site)
    await add_codings(site.edge.engine, url_key(URL), stored.header, [coded])
    begin_another_process(site)
    for _ in range(4):
        answer = await ask(site)
        assert answer["x"] is None
        assert (brotli.decompress(answer.body) if answer["content-encoding"] == "br" else answer.body) == TEXT
    # It keeps no good one away.
    assert answer["content-encoding"] == "br"


async def test_i9_a_page_without_the_field_is_read_and_one_with_too_many_codings_is_not(site):
    await ask(site)
    page = (await find_stored(site)).value
    values = msgspec.to_builtins(page, builtin_types=(bytes,))
    assert read_stored_value(msgspec.msgpack.encode(values[:-1])) == msgspec.structs.replace(page, codings=())
    many = tuple(Coded(f"c{number}", 1, b"x") for number in range(9))
    with pytest.raises(Unreadable):
        read_stored_value(msgspec.msgpack.encode(msgspec.structs.replace(page, codings=many)))
    assert isinstance(page, Page)
