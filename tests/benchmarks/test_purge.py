"""The benchmark of purges says when all is fresh again, and draws both courses."""

import argparse

import pytest

from tests.benchmarks.purge import __main__ as purge
from tests.benchmarks.purge.looks import HOT, SITE, Look, seconds_to
from tests.benchmarks.purge.report import Course, list_waits, table_of_purges, write_plot
from tests.benchmarks.readers import Read
from tests.benchmarks.rounds import console
from tests.benchmarks.warm_site import make_content


def looks(*shares: tuple[float, float], name: str = HOT) -> list[Look]:
    return [Look(at, name, round(share * 100), 100) for at, share in shares]


def reads(*dues: float, is_hit: bool = True) -> list[Read]:
    return [Read("/", due, 0.001, 200, is_hit=is_hit) for due in dues]


@pytest.mark.parametrize(
    ("shares", "seconds"),
    [
        (((1.0, 0.0), (2.0, 1.0), (3.0, 0.5), (4.0, 0.99), (5.0, 1.0)), 4.0),
        (((1.0, 1.0), (2.0, 1.0)), 0.0),
        (((1.0, 1.0), (2.0, 0.98)), None),
    ],
)
def test_all_is_back_after_the_last_look_that_found_too_little(shares, seconds):
    assert seconds_to(0.99, looks(*shares)) == seconds


def test_readers_before_and_after_the_purge_are_counted_apart(tmp_path):
    course = Course(
        reads(-1.5, -0.5) + reads(0.5, is_hit=False) + reads(1.5),
        looks((-1.0, 1.0), (0.5, 0.2), (1.0, 1.0)) + looks((-1.0, 1.0), (0.8, 0.5), name=SITE),
    )
    with console.capture() as captured:
        console.print(table_of_purges({"soft": course}))
    rows = [line.split() for line in captured.get().splitlines()]
    assert ["before", "the", "soft", "purge", "2", "0", "0.00%"] in [row[:7] for row in rows]
    assert ["after", "it", "2", "1", "50.00%"] in [row[:5] for row in rows]
    assert rows[-1][-3:] == ["1.0", "s", "not"]
    assert list(list_waits(course)) == ["/ (no response) 0.5 s after the purge"]
    file = tmp_path / "new" / "purge.svg"
    write_plot({"soft": course, "hard": course}, file)
    assert file.read_text().count("<polyline") == 6


@pytest.mark.slow
def test_a_run_in_miniature(tmp_path, monkeypatch):
    monkeypatch.setattr(purge, "LEAD", 6)
    monkeypatch.setattr(purge, "BEFORE", 2)
    paths = make_content(tmp_path / "site", 8)
    options = argparse.Namespace(rate=20, seconds=12)
    courses = {kind: purge.measure(kind, tmp_path / "site", tmp_path / kind, paths, options) for kind in purge.KINDS}
    for course in courses.values():
        assert not any(read.is_lost for read in course.reads)
        assert course.reads[0].due < 0 < course.reads[-1].due
        looks_at_hot = course.of_set(HOT)
        assert [look.share for look in looks_at_hot if look.at < 0][-1] > 0.9
        assert min(look.share for look in looks_at_hot if look.at > 0) < 0.5
    assert list(list_waits(courses["soft"])) == []
    assert not all(read.is_hit for read in courses["hard"].reads)
