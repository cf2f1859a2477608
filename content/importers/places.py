"""Where in a Markdown text there is code, where raw HTML, and where prose: each is changed in its own way."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from enum import Enum, auto
from functools import cache
from itertools import accumulate

from markdown_it import MarkdownIt

BACKTICKS = re.compile(r"(?<!\\)`+")
HTML_CODE = re.compile(r"<(pre|code)\b[^>]*>.*?</\1\s*>", re.IGNORECASE | re.DOTALL)


class Place(Enum):
    PROSE = auto()
    HTML = auto()
    CODE = auto()


class Places:
    """The places of one text, by offset. Blocks are told apart by the same parser that renders them."""

    def __init__(self, text: str) -> None:
        self.marks: list[tuple[int, int, Place]] = []
        starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
        for token in block_parser().parse(text):
            if token.map is None or token.type not in KINDS:
                continue
            start, end = (min(starts[line], len(text)) for line in token.map)
            if token.type in ("fence", "code_block"):
                self.marks.append((start, end, Place.CODE))
            else:
                self.marks += inner_marks(text, start, end, is_html=token.type == "html_block")
        self.marks.sort(key=lambda mark: mark[:2])
        self.starts = [mark[0] for mark in self.marks]

    def at(self, offset: int) -> Place:
        return self.found(offset)[2]

    def pieces(self, start: int, end: int) -> Iterator[tuple[int, int, Place]]:
        """What lies between two offsets, cut where the place changes."""
        while start < end:
            _, until, place = self.found(start)
            yield start, min(until, end), place
            start = min(until, end)

    def found(self, offset: int) -> tuple[int, int, Place]:
        index = bisect_right(self.starts, offset) - 1
        if index >= 0 and offset < self.marks[index][1]:
            return self.marks[index]
        following = self.starts[index + 1] if index + 1 < len(self.starts) else END
        return offset, max(following, offset + 1), Place.PROSE


KINDS = {"fence", "code_block", "html_block", "inline"}
END = 1 << 62


@cache
def block_parser() -> MarkdownIt:
    """Blocks alone: what is inside a paragraph is looked at here, and much faster."""
    return MarkdownIt("commonmark", {"html": True}).enable("table").disable("inline")


def inner_marks(text: str, start: int, end: int, *, is_html: bool) -> list[tuple[int, int, Place]]:
    """Code inside of a paragraph or of raw HTML, and the HTML around it; in order, none over another."""
    codes = [match.span() for match in HTML_CODE.finditer(text, start, end)]
    if not is_html:
        codes = apart([*codes, *code_spans(text, start, end)])
        return [(first, last, Place.CODE) for first, last in codes]
    marks = []
    for first, last in codes:
        marks += [(start, first, Place.HTML), (first, last, Place.CODE)]
        start = last
    return [mark for mark in [*marks, (start, end, Place.HTML)] if mark[0] < mark[1]]


def apart(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, without those that begin inside of another."""
    kept: list[tuple[int, int]] = []
    for span in sorted(spans):
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return kept


def code_spans(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """CommonMark 6.1: from a run of backticks to the next run of the same length."""
    runs = [match.span() for match in BACKTICKS.finditer(text, start, end)]
    later: dict[int, list[int]] = {}
    for index in range(len(runs) - 1, -1, -1):
        later.setdefault(runs[index][1] - runs[index][0], []).append(index)
    spans, index = [], 0
    while index < len(runs):
        first, after = runs[index]
        same = later[after - first]
        while same and same[-1] <= index:
            same.pop()
        if same:
            spans.append((first, runs[same[-1]][1]))
            index = same[-1]
        index += 1
    return spans
