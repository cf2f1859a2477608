"""The course of the runs as an SVG: the share of hits and the p99, second by second, a line for each contender."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from tests.benchmarks.warm.waits import Second

WIDTH, HEIGHT, LEFT, RIGHT, TOP, GAP = 900, 240, 60, 140, 30, 60
# Told apart by readers who see no red or no green (Okabe and Ito).
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
# Milliseconds at the ends of the lower panel, which is logarithmic.
SHORTEST, LONGEST = 0.1, 100_000.0


def write_plot(courses: Mapping[str, Sequence[Second]], file: Path) -> None:
    """Raises OSError if the file cannot be written."""
    length = max((len(seconds) for seconds in courses.values()), default=1)
    below = TOP + HEIGHT + GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{below + HEIGHT + GAP}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        *panel("hits, share of the requests of a second", TOP, {share: f"{share:.0%}" for share in (0, 0.5, 1)}),
        *panel("p99 of a second, ms", below, {height_of(10**power): f"{10**power:g}" for power in range(-1, 6)}),
        text(LEFT, below + HEIGHT + 20, "0 s"),
        text(WIDTH - RIGHT, below + HEIGHT + 20, f"{length} s", "end"),
    ]
    for number, (name, seconds) in enumerate(courses.items()):
        color = COLORS[number % len(COLORS)]
        parts += [
            line([second.hits for second in seconds], length, TOP, color),
            line([height_of(second.p99 * 1000) for second in seconds], length, below, color),
            text(WIDTH - RIGHT + 12, TOP + 14 + 18 * number, name, color=color),
        ]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([*parts, "</svg>\n"]))


def height_of(milliseconds: float) -> float:
    """The share of the panel's height."""
    bounded = min(max(milliseconds, SHORTEST), LONGEST)
    return math.log(bounded / SHORTEST) / math.log(LONGEST / SHORTEST)


def panel(title: str, top: float, ticks: Mapping[float, str]) -> list[str]:
    parts = [text(LEFT, top - 10, title)]
    for share, label in ticks.items():
        y = top + HEIGHT * (1 - share)
        parts += [
            f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>',
            text(LEFT - 6, y + 4, label, "end"),
        ]
    return parts


def line(shares: Sequence[float], length: int, top: float, color: str) -> str:
    """The values of seconds, as shares of the panel's height."""
    step = (WIDTH - RIGHT - LEFT) / max(1, length - 1)
    points = " ".join(
        f"{LEFT + number * step:.1f},{top + HEIGHT * (1 - share):.1f}" for number, share in enumerate(shares)
    )
    return f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.5"/>'


def text(x: float, y: float, content: str, anchor: str = "start", color: str = "#333333") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{escape(content)}</text>'
