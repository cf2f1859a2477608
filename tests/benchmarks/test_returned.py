"""The benchmark of warming replays the log of reads."""

import pytest

from content.caching.warm_plan import SPARES, WarmPlan
from tests.benchmarks.readers import Read, read_of
from tests.benchmarks.site.paths import draw_paths
from tests.benchmarks.warm.contenders import CONTENDERS, running
from tests.benchmarks.warm.returned import Returned, compare, measure_return, replay
from tests.benchmarks.warm.runs import run
from tests.benchmarks.warm.versions import Version, read_versions
from tests.benchmarks.warm_site import make_content

HEAD = b"http/1.1 200 ok\r\nx-version: 7-1\r\ncache-status: %b\r\n\r\n"
ENDED_AT = 1000.0
HOT, SITE = WarmPlan.HOT.value, WarmPlan.SITE.value


def version(
    name: str, key: str = "page:a", *, mark: int = HOT, made_at: float = 1.0, until: float = 2000.0
) -> Version:
    return Version(name, key, made_at, mark, 0.5, until)


def read(name: str) -> Read:
    return Read("/", 0.0, 0.001, 200, is_hit=True, fresh_version=name)


@pytest.mark.parametrize(
    ("cache_status", "found"),
    [
        (b'evergreen; hit; ttl=0; key="k"', "7-1"),
        (b'evergreen; hit; ttl=-1; key="k"', ""),
        (b'evergreen; hit; ttl=-1; key="k"; detail="expired"', ""),
        (b'evergreen; fwd=uri-miss; stored; ttl=9; key="k"', ""),
        (b'evergreen; hit; fwd=stale; fwd-status=304; ttl=9; key="k"', ""),
    ],
)
def test_only_a_fresh_hit_is_a_read_of_a_version(cache_status, found):
    assert read_of("/", 0.0, 0.001, HEAD % cache_status).fresh_version == found


def test_a_version_counts_once_and_one_that_nobody_read_only_when_it_has_ended():
    versions = [
        version("read", made_at=1.0),
        version("replaced", made_at=2.0),
        version("newest", made_at=3.0),
        version("expired", "page:b", until=ENDED_AT),
    ]
    assert replay([read("read"), read("read"), read("")], versions, ENDED_AT)["hot"] == Returned(4, 1, 2, 0.0)


def test_versions_count_for_the_plan_that_warmed_them_unless_they_were_never_fresh():
    versions = [
        version("site", mark=SITE + SPARES),
        version("a reader's", mark=0),
        version("parts", mark=WarmPlan.PARTS.value),
        version("stale", made_at=5.0, until=5.0),
    ]
    found = replay([read(each.version) for each in versions], versions, ENDED_AT)
    assert found == {"hot": Returned(), "site": Returned(1, 1, 0, 0.5)}


def test_a_share_is_of_those_that_were_read_or_have_ended():
    assert Returned(warmed=10, read=3, unread=1).share == 0.75
    assert Returned(warmed=10).share == 1.0


def test_without_a_file_nothing_was_noted(tmp_path):
    assert read_versions(tmp_path / "versions") == []


@pytest.mark.slow
def test_the_replay_of_a_run_in_miniature_equals_what_the_site_counts(tmp_path):
    paths = make_content(tmp_path / "original", 8)
    drawn = draw_paths(paths, 300)
    with running(CONTENDERS["workers"], tmp_path / "original", tmp_path / "site", paths, 300) as site:
        course = run(site, drawn, 30, None, 6)
        reads = [*course.reads, *course.beside_withdrawals, *course.edited]
        counted, replayed, _ = measure_return(site.environment, reads, site.versions)
    assert "DIFFERS" not in compare(counted, replayed), (counted, replayed)
    assert sum(each.read for each in counted.values()) > 0
