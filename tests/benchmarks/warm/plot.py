"""The course of the runs as an SVG: the share of hits and the p99, second by second, a line for each contender."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.benchmarks.plot import SHARES, Panel, draw, waits_panel
from tests.benchmarks.waits import Second


def write_plot(courses: Mapping[str, Sequence[Second]], file: Path) -> None:
    """Raises OSError if the file cannot be written."""
    hits = {name: list(enumerate(each.hits for each in seconds)) for name, seconds in courses.items()}
    waits = {name: list(enumerate(each.p99 * 1000 for each in seconds)) for name, seconds in courses.items()}
    panels = [
        Panel("hits, share of the requests of a second", SHARES, hits),
        waits_panel("p99 of a second, ms", waits),
    ]
    draw(panels, max((len(seconds) for seconds in courses.values()), default=1), file)
