"""Lines over the seconds of a run as an SVG: one panel below the other, the same colours in all."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, GAP = 900, 240, 60, 140, 30, 60
# Told apart by readers who see no red or no green (Okabe and Ito).
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
# Milliseconds at the ends of a logarithmic panel.
SHORTEST, LONGEST = 0.1, 100_000.0
SHARES = {share: f"{share:.0%}" for share in (0.0, 0.5, 1.0)}

# Seconds since the beginning, and a height as a share of the panel's.
Point = tuple[float, float]


@dataclass(frozen=True)
class Panel:
    """`ticks`: by height, their labels. `lines`: by name, their points. A name has the same colour in all panels."""

    title: str
    ticks: Mapping[float, str]
    lines: Mapping[str, Sequence[Point]] = field(default_factory=dict)


def draw(panels: Sequence[Panel], seconds: float, file: Path, marks: Iterable[tuple[float, str]] = ()) -> None:
    """`marks`: seconds and labels of upright lines through all panels. Raises OSError if it cannot be written."""
    names = list(dict.fromkeys(name for panel in panels for name in panel.lines))
    colors = {name: COLORS[number % len(COLORS)] for number, name in enumerate(names)}
    bottom = TOP + len(panels) * (HEIGHT + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{bottom}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        text(LEFT, bottom - GAP + 20, "0 s"),
        text(WIDTH - RIGHT, bottom - GAP + 20, f"{seconds:g} s", "end"),
        *(text(WIDTH - RIGHT + 12, TOP + 14 + 18 * n, name, color=colors[name]) for n, name in enumerate(names)),
    ]
    for at, label in marks:
        parts += [
            f'<path d="M{abscissa(at, seconds):.1f} {TOP}V{bottom - GAP}" stroke="#999999" stroke-dasharray="3"/>',
            text(abscissa(at, seconds), bottom - GAP + 36, label, "middle"),
        ]
    for number, panel in enumerate(panels):
        top = TOP + number * (HEIGHT + GAP)
        parts += frame(panel, top)
        parts += [line(points, seconds, top, colors[name]) for name, points in panel.lines.items()]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([*parts, "</svg>\n"]))


def waits_panel(title: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> Panel:
    """A logarithmic panel. Takes points in seconds and milliseconds."""
    ticks = {height_of(10**power): f"{10**power:g}" for power in range(-1, 6)}
    return Panel(title, ticks, {name: [(at, height_of(ms)) for at, ms in line] for name, line in lines.items()})


def height_of(milliseconds: float) -> float:
    """The share of a logarithmic panel's height."""
    bounded = min(max(milliseconds, SHORTEST), LONGEST)
    return math.log(bounded / SHORTEST) / math.log(LONGEST / SHORTEST)


def frame(panel: Panel, top: float) -> list[str]:
    parts = [text(LEFT, top - 10, panel.title)]
    for share, label in panel.ticks.items():
        y = top + HEIGHT * (1 - share)
        parts += [
            f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>',
            text(LEFT - 6, y + 4, label, "end"),
        ]
    return parts


def line(points: Sequence[Point], seconds: float, top: float, color: str) -> str:
    drawn = " ".join(f"{abscissa(at, seconds):.1f},{top + HEIGHT * (1 - share):.1f}" for at, share in points)
    return f'<polyline points="{drawn}" fill="none" stroke="{color}" stroke-width="1.5"/>'


def abscissa(at: float, seconds: float) -> float:
    return LEFT + (WIDTH - RIGHT - LEFT) * at / max(seconds, 1e-9)


def text(x: float, y: float, content: str, anchor: str = "start", color: str = "#333333") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{escape(content)}</text>'
