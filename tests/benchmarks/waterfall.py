"""A trace as an SVG: a row for each span, or for siblings that follow each other, from its start to its end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from tests.support.collector import RecordedSpan, Spans

WIDTH, LABELS, RIGHT, TOP, ROW = 940, 350, 70, 64, 19
# Colours by the kind of process, told apart without red and green (Okabe and Ito), on a light and a dark ground.
COLORS = {"web": "#3b8fd6", "worker": "#d9822b"}
STYLE = """
.ground { fill: #ffffff } .text { fill: #1f2328 } .quiet { fill: #59636e } .line { stroke: #d1d9e0 }
@media (prefers-color-scheme: dark) {
  .ground { fill: #0d1117 } .text { fill: #f0f6fc } .quiet { fill: #9198a1 } .line { stroke: #3d444d }
}
"""
# Leaves that follow each other are one row, if they have one of these names.
MERGED = ("SELECT", "lookup")
LONGEST_LABEL = 44


@dataclass(frozen=True)
class Row:
    """One span, or several siblings of the same sort. `depth`: below the root."""

    spans: tuple[RecordedSpan, ...]
    depth: int

    @property
    def label(self) -> str:
        first = self.spans[0]
        name = first.name.partition(" ")[0] if len(self.spans) > 1 else first.name
        text = f"{len(self.spans)} times {name}" if len(self.spans) > 1 else name
        return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"

    @property
    def seconds(self) -> float:
        return sum(span.seconds for span in self.spans)

    @property
    def role(self) -> str:
        return self.spans[0].process.partition(" ")[0]


def rows_of(spans: Spans, root: RecordedSpan, depth: int = 0) -> Iterator[Row]:
    """The root and what is below it, in the order of their starts."""
    yield Row((root,), depth)
    waiting: list[RecordedSpan] = []
    for span in sorted(spans.children_of(root), key=lambda each: each.begun):
        sort = next((name for name in MERGED if span.name.startswith(name)), None)
        is_leaf = sort is not None and not spans.children_of(span)
        if waiting and not (is_leaf and waiting[0].name.startswith(str(sort)) and same_process(span, waiting[0])):
            yield Row(tuple(waiting), depth + 1)
            waiting = []
        if is_leaf:
            waiting.append(span)
        else:
            yield from rows_of(spans, span, depth + 1)
    if waiting:
        yield Row(tuple(waiting), depth + 1)


def same_process(one: RecordedSpan, other: RecordedSpan) -> bool:
    return one.process == other.process


def draw(title: str, spans: Spans, root: RecordedSpan, file: Path) -> None:
    """Draw the trace. Raises OSError if the file cannot be written."""
    rows = list(rows_of(spans, root))
    begun = min(span.begun for row in rows for span in row.spans)
    length = max(span.ended for row in rows for span in row.spans) - begun
    bottom = TOP + ROW * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 14}" width="{WIDTH}" '
        f'height="{bottom + 14}" font-family="sans-serif" font-size="12" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        '<rect class="ground" width="100%" height="100%"/>',
        text(12, 24, title, size=15),
        *legend(rows),
        *axis(length, bottom),
    ]
    for number, row in enumerate(rows):
        parts += draw_row(row, TOP + ROW * number, begun, length)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([*parts, "</svg>\n"]))


def legend(rows: Sequence[Row]) -> Iterator[str]:
    roles = list(dict.fromkeys(row.role for row in rows))
    for number, role in enumerate(roles):
        x = 12 + 120 * number
        yield f'<rect x="{x}" y="38" width="12" height="12" rx="2" fill="{COLORS[role]}"/>'
        yield text(x + 18, 48, f"{role} process", kind="quiet")


def axis(length: float, bottom: float) -> Iterator[str]:
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = LABELS + share * (WIDTH - LABELS - RIGHT)
        yield f'<path class="line" d="M{x:.1f} {TOP - 8}V{bottom}"/>'
        yield text(x, TOP - 14, in_milliseconds(share * length), "middle", kind="quiet")


def draw_row(row: Row, top: float, begun: float, length: float) -> Iterator[str]:
    scale = (WIDTH - LABELS - RIGHT) / length
    yield text(12 + 14 * row.depth, top + 13, row.label)
    end = 0.0
    for span in row.spans:
        x, wide = LABELS + (span.begun - begun) * scale, max(1.5, span.seconds * scale)
        end = max(end, x + wide)
        yield f'<rect x="{x:.1f}" y="{top + 3}" width="{wide:.1f}" height="12" rx="2" fill="{COLORS[row.role]}"/>'
    yield text(end + 5, top + 13, in_milliseconds(row.seconds), kind="quiet")


def in_milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def text(x: float, y: float, words: str, anchor: str = "start", *, kind: str = "text", size: int = 12) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"'
    return f'<text class="{kind}" {place}>{escape(words)}</text>'
