"""The benchmark of warming counts waits, and draws the course of a run."""

import math
from datetime import timedelta

import pytest

from content.caching import MODERATE, STATIC
from tests.benchmarks.readers import TIMEOUT, Read, read_at_rate, read_of
from tests.benchmarks.waits import Second, Waits, by_second, seconds_to
from tests.benchmarks.warm.apps import shorten
from tests.benchmarks.warm.plot import write_plot
from tests.support.servers.process import free_port

HEAD = b"http/1.1 200 ok\r\ncontent-length: 0\r\ncache-status: %b\r\nx-made-at-once: 3\r\n\r\n"


def read(due: float = 0.0, *, took: float = 0.001, is_hit: bool = True, path: str = "/") -> Read:
    return Read(path, due, took, 200, is_hit=is_hit)


@pytest.mark.parametrize(
    ("cache_status", "is_hit", "from_memory", "at_once"),
    [
        (b"evergreen; hit; ttl=9", True, True, 0),
        (b'evergreen; hit; ttl=9; detail="shared"', True, False, 0),
        (b"evergreen; fwd=uri-miss; stored", False, False, 3),
    ],
)
def test_a_hit_from_memory_has_no_detail_and_a_miss_tells_how_many_pages_are_made(
    cache_status, is_hit, from_memory, at_once
):
    counted = read_of("/", 0.0, 0.001, HEAD % cache_status)
    assert (counted.is_hit, counted.from_memory, counted.at_once) == (is_hit, from_memory, at_once)


async def test_a_request_without_a_response_counts_with_the_longest_wait():
    waits = Waits(await read_at_rate(free_port(), ["/", "/a"], rate=1000))
    assert (waits.lost, waits.loads, waits.quantile(0.5)) == (2, 1.0, TIMEOUT)


def test_only_hot_addresses_count_as_hot():
    waits = Waits([read(path="/hot"), read(path="/tail", is_hit=False)], hot={"/hot"})
    assert (waits.hot_loads, waits.loads) == (0.0, 0.5)


def test_the_longest_wait_is_the_last_quantile():
    waits = Waits([read(took=number / 1000) for number in range(1, 1001)])
    assert [waits.quantile(share) for share in (0.5, 0.99, 0.999, 1.0)] == [0.5, 0.99, 0.999, 1.0]
    assert math.isnan(Waits([]).quantile(0.5))


def test_a_site_is_warm_after_the_last_second_with_too_few_hits():
    reads = [read(second + 0.5, is_hit=second not in (0, 2)) for second in range(5)]
    assert seconds_to(0.95, by_second(reads)) == 3
    assert seconds_to(0.95, by_second(reads[:3])) is None


def test_lifetimes_are_cut_and_never_made_longer():
    cut, same = shorten(STATIC, timedelta(minutes=5)), shorten(MODERATE, timedelta(days=1))
    assert (cut.ttl, cut.stale_ttl) == (timedelta(minutes=5), timedelta(minutes=5))
    assert same == MODERATE


def test_each_contender_has_a_line_in_both_panels(tmp_path):
    course = [Second(hits=0.5, p99=0.001), Second(hits=1.0, p99=40.0)]
    file = tmp_path / "new" / "warm.svg"
    write_plot({"ours": course, "a & b": course}, file)
    drawn = file.read_text()
    assert drawn.count("<polyline") == 4
    assert "a &amp; b" in drawn
