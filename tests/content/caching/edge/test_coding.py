"""Pages in brotli, zstd and gzip: made once behind the readers, chosen by what a client accepts."""

import gzip
from dataclasses import replace

import brotli
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from content.caching.edge import SHARED_CACHE
from content.caching.edge.codings import HOT
from content.caching.edge.encoder import BEST, QUICK
from content.caching.edge.request import RequestFields
from tests.support.edge import Origin, Response, Site, wait_for_encoder

OFFERED = ("br", "zstd", "gzip")
TEXT = b"<p>Warm and fresh, the same words again and again.</p>" * 100
HTML = {"cache-control": "max-age=600", "content-type": "text/html; charset=utf-8", "etag": '"a"'}
DECODED = {"br": brotli.decompress, "zstd": zstd.decompress, "gzip": gzip.decompress}


def site_of(headers: dict[str, str] | None = None, body: bytes = TEXT) -> Site:
    return Site(Origin(HTML | (headers or {}), body=body), replace(SHARED_CACHE, codings=OFFERED))


async def warm(site: Site, accepts: str) -> Response:
    """Made by the first request, coded behind the second, and in that coding with the third."""
    for _ in range(2):
        await site.ask(headers={"accept-encoding": accepts})
        await wait_for_encoder(site)
    return await site.ask(headers={"accept-encoding": accepts})


@pytest.mark.parametrize("coding", OFFERED)
async def test_a_page_is_compressed_once_for_all_clients_that_accept_it(coding):
    site = site_of()
    answer = await warm(site, coding)
    assert (answer["content-encoding"], answer["vary"]) == (coding, "Accept-Encoding")
    assert answer["content-length"] == str(len(answer.body))
    assert len(answer.body) < len(TEXT) / 2
    assert DECODED[coding](answer.body) == TEXT
    assert answer.is_hit
    assert site.origin.count == 1


async def test_a_client_that_accepts_no_coding_gets_the_plain_page_with_vary():
    site = site_of()
    await warm(site, "br")
    for headers in ({}, {"accept-encoding": "identity"}, {"accept-encoding": "br;q=0, deflate"}):
        answer = await site.ask(headers=headers)
        assert (answer["content-encoding"], answer["vary"], answer.body) == (None, "Accept-Encoding", TEXT)


async def test_the_first_response_of_unknown_length_has_tags_too():
    answer = await Site(Origin(HTML, chunks=[TEXT]), replace(SHARED_CACHE, codings=OFFERED)).ask()
    assert (answer.body, answer["vary"]) == (TEXT, "Accept-Encoding")


async def test_each_coding_has_a_strong_tag_of_its_own_and_is_known_by_it():
    site = site_of()
    tag = (await warm(site, "br"))["etag"]
    assert tag == f'"a-br{QUICK["br"]}"'
    for known in (tag, '"a"', 'W/"a"', f'"x", {tag}'):
        answer = await site.ask(headers={"accept-encoding": "br", "if-none-match": known})
        assert (answer.status, answer.body, answer["vary"]) == (304, b"", "Accept-Encoding")
        assert answer["etag"] == ('"a"' if "a" in known and "br" not in known else tag)
    # A client that no longer accepts the coding gets a whole response.
    assert (await site.ask(headers={"if-none-match": tag})).status == 200


async def test_a_weak_tag_is_the_same_in_all():
    site = site_of({"etag": 'W/"a"'})
    assert (await warm(site, "gzip"))["etag"] == 'W/"a"'


async def test_a_hot_page_is_coded_once_more_at_its_best():
    site = site_of()
    await warm(site, "br")
    for _ in range(HOT + 1):
        await site.ask(headers={"accept-encoding": "br"})
    await wait_for_encoder(site)
    answer = await site.ask(headers={"accept-encoding": "br"})
    assert answer["etag"] == f'"a-br{BEST["br"]}"'
    assert brotli.decompress(answer.body) == TEXT


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "image/png"}, TEXT),
        ({"content-encoding": "gzip"}, TEXT),
        ({"cache-control": "max-age=600, no-transform"}, TEXT),
        ({"content-digest": "sha-256=:AAAA:"}, TEXT),
        ({}, b"short"),
    ],
    ids=["no text", "coded", "no-transform", "digest", "short"],
)
async def test_what_is_not_to_be_coded_goes_out_as_it_is(headers, body):
    site = site_of(headers, body)
    answer = await warm(site, "br")
    assert (answer["content-encoding"], answer["vary"], answer.body) == (headers.get("content-encoding"), None, body)


async def test_a_range_is_one_of_the_page_as_it_is():
    site = site_of()
    await warm(site, "br")
    answer = await site.ask(headers={"accept-encoding": "br", "range": "bytes=3-6"})
    assert (answer.status, answer.body, answer["etag"]) == (206, TEXT[3:7], '"a"')
    assert answer["content-encoding"] is None


async def test_what_is_coded_counts_as_memory():
    site = site_of()
    await site.ask()
    await site.ask()
    before = site.edge.engine.memory.bytes
    answer = await warm(site, "br")
    assert site.edge.engine.memory.bytes >= before + len(answer.body)


async def test_other_names_in_vary_stay():
    site = site_of({"vary": "Accept-Language"})
    assert (await warm(site, "br"))["vary"] == "Accept-Language, Accept-Encoding"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("gzip, br", ("br", "gzip")),
        ("gzip;q=1.0, br;q=0.5", ("gzip", "br")),
        ("*", OFFERED),
        ("*;q=0.5, br;q=0", ("zstd", "gzip")),
        ("X-GZIP", ("gzip",)),
        ("identity;q=0.8, br;q=0.5, gzip", ("gzip",)),
        ("identity;q=0, br", ("br",)),
        ("br;q=nonsense, gzip;q=2", ()),
        ("", ()),
    ],
)
def test_rfc9110_section_12_5_3_by_weight_then_by_our_order(said, found):
    assert RequestFields([(b"accept-encoding", said.encode())]).choose_codings(OFFERED) == found


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=200))
def test_whatever_a_client_says_it_gets_what_is_on_offer(said):
    found = RequestFields([(b"accept-encoding", said.encode("latin-1"))]).choose_codings(OFFERED)
    assert len(set(found)) == len(found)
    assert set(found) <= set(OFFERED)
