"""Conditional requests for pages that are not stored reach the application (RFC 9110, section 13)."""

import pytest

from content.caching.edge import Profile
from tests.support.edge import Origin, Site

WHOLE = Profile(explicit_only=True, makes_whole=True, personal_cookies=frozenset({"sessionid"}))
YESTERDAY = "Mon, 13 Nov 2023 00:00:00 GMT"


def site_with(headers, **options):
    return Site(Origin({"cache-control": "no-store", **headers}), WHOLE, **options)


@pytest.mark.parametrize("known", ['"a"', 'W/"a"', '"b", "a"', "*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_section_13_who_has_what_is_not_kept_is_told_so(known, method):
    site = site_with({"etag": '"a"', "x-more": "1"})
    answer = await site.ask(headers={"if-none-match": known}, method=method)
    assert (answer.status, answer.body, answer["etag"], answer["x-more"]) == (304, b"", '"a"', "1")
    assert answer["content-length"] is None


@pytest.mark.parametrize("known", ['"b"', '"a', "a", ""])
async def test_section_13_who_has_another_gets_it(known):
    answer = await site_with({"etag": '"a"'}).ask(headers={"if-none-match": known})
    assert (answer.status, answer.body) == (200, b"hello")


async def test_section_13_a_date_counts_without_a_tag():
    site = site_with({"last-modified": YESTERDAY, "etag": '"a"'})
    assert (await site.ask(headers={"if-modified-since": YESTERDAY})).status == 304
    assert (await site.ask(headers={"if-modified-since": "Sun, 12 Nov 2023 00:00:00 GMT"})).status == 200
    assert (await site.ask(headers={"if-modified-since": YESTERDAY, "if-none-match": '"b"'})).status == 200


async def test_section_13_somebodys_own_page_too():
    site = Site(Origin({"cache-control": "private", "etag": '"a"'}), WHOLE)
    answer = await site.ask(headers={"cookie": "sessionid=1", "if-none-match": '"a"'})
    assert answer.status == 304


@pytest.mark.parametrize("status", [201, 404, 500])
async def test_section_13_only_what_went_well_is_known(status):
    site = Site(Origin({"cache-control": "no-store", "etag": '"a"'}, status=status), WHOLE)
    assert (await site.ask(headers={"if-none-match": '"a"'})).status == status
