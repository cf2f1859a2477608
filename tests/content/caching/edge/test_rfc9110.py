"""Conditions and ranges (RFC 9110), HEAD from a stored GET, and what a 304 says."""

import pytest

from content.caching.edge.rules.fields import http_date, parse_date
from tests.support.edge import Origin, Site

THEN = 1_690_000_000
NOW = http_date(1_700_000_000)
HEADERS = {
    "cache-control": "max-age=60",
    "etag": '"a"',
    "last-modified": http_date(THEN),
    "x-name": "x",
    "vary": "foo",
}
MINUTE = {"cache-control": "max-age=60"}


async def warm(headers=None, body=b"0123456789") -> Site:
    site = Site(Origin(headers=HEADERS if headers is None else headers, body=body))
    await site.ask()
    return site


@pytest.mark.parametrize(
    ("request_headers", "status"),
    [
        ({"if-none-match": '"a"'}, 304),
        ({"if-none-match": 'W/"a"'}, 304),
        ({"if-none-match": '"b", "a"'}, 304),
        ({"if-none-match": '"b,", W/"a"'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"b"'}, 200),
        ({"if-none-match": '"A"'}, 200),
        ({"if-modified-since": http_date(THEN)}, 304),
        ({"if-modified-since": http_date(THEN + 1)}, 304),
        ({"if-modified-since": http_date(THEN - 1)}, 200),
        ({"if-modified-since": "then"}, 200),
        # If-None-Match takes precedence (section 13.2.2).
        ({"if-none-match": '"b"', "if-modified-since": http_date(THEN)}, 200),
        ({"if-none-match": '"a"', "if-modified-since": http_date(THEN - 1)}, 304),
    ],
)
async def test_section_13_conditions(request_headers, status):
    site = await warm()
    answer = await site.ask(headers=request_headers)
    assert answer.status == status
    assert answer.is_hit


@pytest.mark.parametrize("condition", [{"if-none-match": '"a"'}, {"if-none-match": "*"}, {"if-modified-since": NOW}])
@pytest.mark.parametrize("status", [301, 404, 410, 500])
async def test_section_13_2_1_what_is_no_success_is_told_whatever_the_client_has(condition, status):
    site = Site(Origin(headers=HEADERS, status=status))
    await site.ask()
    answer = await site.ask(headers=condition)
    assert (answer.status, answer.is_hit) == (status, True)


async def test_section_13_2_2_what_only_the_origin_can_judge_is_not_judged():
    site = await warm()
    assert (await site.ask(headers={"if-match": '"zzz"'})).status == 200


async def test_section_15_4_5_what_a_304_carries():
    site = await warm()
    answer = await site.ask(headers={"if-none-match": '"a"'})
    assert answer.body == b""
    assert [answer[name] for name in ("etag", "vary", "cache-control", "age", "x-name")] == [
        '"a"',
        "foo",
        "max-age=60",
        "0",
        "x",
    ]
    assert answer["content-length"] is answer["last-modified"] is None


@pytest.mark.parametrize(
    ("wanted", "status", "part", "said"),
    [
        ("bytes=0-1", 206, b"01", "bytes 0-1/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=5-99", 206, b"56789", "bytes 5-9/10"),
        ("BYTES=0-0", 206, b"0", "bytes 0-0/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=5-2", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("lines=0-1", 200, b"0123456789", None),
        ("bytes=a-b", 200, b"0123456789", None),
        ("bytes=99999999999999999999999-", 200, b"0123456789", None),
    ],
)
async def test_section_14_parts_of_a_stored_whole(wanted, status, part, said):
    site = await warm()
    answer = await site.ask(headers={"range": wanted})
    assert (answer.status, answer.body, answer["content-range"]) == (status, part, said)
    assert answer["content-length"] == str(len(part))
    assert site.origin.count == 1


@pytest.mark.parametrize(
    ("validator", "status"),
    [('"a"', 206), ('"b"', 200), ('W/"a"', 200), (http_date(THEN), 206), (http_date(THEN + 1), 200), ("?", 200)],
)
async def test_section_13_1_5_if_range(validator, status):
    site = await warm()
    assert (await site.ask(headers={"range": "bytes=0-1", "if-range": validator})).status == status


async def test_section_5_6_7_an_impossible_date_causes_no_error():
    site = await warm()
    never = {"if-modified-since": "Sat, 01 Jan 0000 00:00:00 GMT"}
    assert (await site.ask(headers=never)).status == 200
    site.origin.headers = MINUTE | {"expires": never["if-modified-since"], "date": never["if-modified-since"]}
    assert (await site.ask("/other", headers=never)).status == 200


async def test_section_9_3_2_head_from_a_stored_get():
    site = await warm()
    answer = await site.ask(method="HEAD")
    assert (answer.body, answer["content-length"], answer.is_hit) == (b"", "10", True)
    assert (await site.ask(method="HEAD", headers={"if-none-match": '"a"'})).status == 304


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784111777),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784111777),
        ("Sun Nov  6 08:49:37 1994", 784111777),
        ("sun, 06 nov 1994 08:49:37 gmt", 784111777),
        ("Sun, 06 Nov 1994 08:49:37 UTC", None),
        ("Sun 06 Nov 1994 08:49:37 GMT", None),
        ("Sun, 6 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 25:49:37 GMT", None),
        ("Sun, 06 Nov 0000 08:49:37 GMT", None),
        ("Wed, 30 Feb 1994 08:49:37 GMT", None),
        ("Tue, 29 Feb 2000 00:00:00 GMT", 951782400),
        ("0", None),
        ("", None),
    ],
)
def test_section_5_6_7_dates(text, seconds):
    assert parse_date(text) == seconds


def test_section_5_6_7_two_digits_of_a_year_are_never_far_ahead():
    assert parse_date("Sunday, 06-Nov-94 08:49:37 GMT", 1_700_000_000) == 784111777
    assert http_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize("wanted", ["bytes=-5", "bytes=0-", "bytes=0-0", "bytes=3-"])
async def test_section_14_a_range_of_an_empty_page_is_the_empty_page(wanted):
    site = Site(Origin(body=b""))
    await site.ask()
    answer = await site.ask(headers={"range": wanted})
    assert (answer.status, answer.body, answer["content-range"]) == (200, b"", None)
