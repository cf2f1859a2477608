"""I8: no word of one reader reaches another, whatever part of a request a view reads, wherever its page is cached."""

import random

import pytest

from content.caching.fragments.rendering import private_fragments
from content.caching.metrics.events import listen
from tests.support.privacy.readers import PrivateSite, Reader, interleave, settings_of_the_site

PLACES = ["view", "edge", "fragments"]


@pytest.fixture
def site(way):
    if way == "protocol":
        pytest.skip("what is asked here is not what a connection changes")
    with settings_of_the_site:
        private_fragments.clear()
        yield PrivateSite()


@pytest.mark.parametrize("place", PLACES)
async def test_i8_no_word_of_one_reader_reaches_another(site, place):
    assert await interleave(site, place, 100, random.Random(place)) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("place", PLACES)
async def test_i8_no_word_of_one_reader_reaches_another_in_ten_thousand_pairs(site, place, seed):
    assert await interleave(site, place, 900, random.Random(f"{place} {seed}")) == []


@pytest.mark.parametrize(
    "path", ["/view/async/nothing/", "/view/sync/nothing/", "/view/late/nothing/", "/fragments/nothing/nothing/"]
)
async def test_what_reads_nothing_of_its_reader_is_shared(site, path):
    """Else the tests above would hold of a cache that stores nothing."""
    chance = random.Random(path)
    await site.ask(site.edge, path, Reader("zero", (), "10.0.0.1"))
    with listen() as events:
        for name in ("one", "two", "three"):
            reader = Reader(name, (), f"10.0.0.{chance.randrange(250)}")
            assert "the same for all" in await site.ask(site.edge, path, reader)
    made = "fragment.nothing" if path.startswith("/fragments") else "page"
    assert events["store", made, ""] == 0, events
