"""The benchmark of a cutover judges each phase beside the old release alone."""

import pytest

from tests.benchmarks.cutover.course import ALONE, NEW, PHASES, Course, Cutover
from tests.benchmarks.cutover.releases import two_releases
from tests.benchmarks.cutover.report import Summary, write_plot
from tests.benchmarks.readers import Read
from tests.benchmarks.warm_site import make_content


def reads(first: float, *, took: float = 0.001, hits: int = 100, status: int = 200) -> list[Read]:
    """A hundred within the second."""
    return [Read("/", first + n / 100, took, status, is_hit=n < hits) for n in range(100)]


def summary(*more: Read, memory: tuple[tuple[float, int], ...] = ((0.0, 100), (1.0, 150))) -> Summary:
    return Summary(Course([*reads(0.0), *more], {ALONE: 0.0, NEW: 1.0}, list(memory)))


def verdicts(found: Summary) -> list[str]:
    return [each.partition(":")[0] for each in found.verdicts() if not each.startswith(" ")]


def test_a_cutover_within_its_bounds():
    assert verdicts(summary(*reads(1.0))) == ["yes"] * 4


@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        (reads(1.0, status=503), 0),
        (reads(1.0, status=0), 0),
        ([*reads(1.0, hits=94), *reads(2.0)], 1),
        (reads(1.0, took=0.0016), 2),
    ],
)
def test_each_bound_is_judged(more, verdict):
    assert verdicts(summary(*more))[verdict] == "NO"


def test_memory_is_judged_beside_the_most_of_the_old_release_alone():
    assert verdicts(summary(*reads(1.0), memory=((0.0, 100), (0.5, 110), (1.5, 221))))[3] == "NO"


def test_a_read_counts_for_the_phase_in_which_it_was_due(tmp_path):
    found = summary(*reads(1.0, hits=50))
    assert (len(found.by_phase[ALONE]), len(found.by_phase[NEW])) == (100, 100)
    assert (found.least_hits(ALONE), found.least_hits(NEW)) == (1.0, 0.5)
    assert (found.memory(ALONE), found.memory(NEW), found.larger) == (100, 150, 1.5)
    assert found.table().row_count == 2
    write_plot(found.course, tmp_path / "new.svg")
    assert (tmp_path / "new.svg").read_text().count("<polyline") == 3


@pytest.mark.slow
def test_a_run_in_miniature(tmp_path):
    paths = make_content(tmp_path / "site", 8)
    with two_releases(tmp_path / "site", tmp_path / "next") as releases:
        course = Cutover(releases, paths, rate=30, seconds=3, edits=True).run()
    assert [*course.phases] == [*PHASES]
    assert Summary(course).errors == []
    assert all(Summary(course).by_phase.values())
    assert "entries are fresh" in course.prepared
    assert Summary(course).memory(ALONE) > 0
