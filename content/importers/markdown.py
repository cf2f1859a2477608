"""Regions of Markdown text: prose, raw HTML and code. Each is converted in its own way."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from enum import Enum, auto
from functools import cache
from itertools import accumulate

from markdown_it import MarkdownIt

BACKTICKS = re.compile(r"(?<!\\)`+")
HTML_CODE = re.compile(r"<(pre|code)\b[^>]*>.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
BLOCK = re.compile(
    r"<(/?)(?:div|blockquote|figure|section|aside|article|table|thead|tbody|tfoot|tr|td|th|dl|dd)\b", re.IGNORECASE
)
FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
LIST_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s")
INDENTED = re.compile(r"\n[ \t]*\n(?: {4}|[ \t]*\t)[ \t]*\S")
TOKEN_TYPES = {"fence", "code_block", "html_block", "inline"}
END = 1 << 62


class Region(Enum):
    PROSE = auto()
    HTML = auto()
    CODE = auto()


class Regions:
    """The regions of one text, by offset. The parser that renders a text also finds its blocks."""

    def __init__(self, text: str) -> None:
        self.spans: list[tuple[int, int, Region]] = []
        starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
        for token in block_parser().parse(text):
            if token.map is None or token.type not in TOKEN_TYPES:
                continue
            start, end = (min(starts[line], len(text)) for line in token.map)
            if token.type in ("fence", "code_block"):
                self.spans.append((start, end, Region.CODE))
            else:
                self.spans += split_block(text, start, end, is_html=token.type == "html_block")
        self.spans.sort(key=lambda span: span[:2])
        self.starts = [start for start, _, _ in self.spans]

    def at(self, offset: int) -> Region:
        return self.find(offset)[2]

    def pieces(self, start: int, end: int) -> Iterator[tuple[int, int, Region]]:
        """The text between two offsets, split where the region changes."""
        while start < end:
            _, until, region = self.find(start)
            yield start, min(until, end), region
            start = min(until, end)

    def find(self, offset: int) -> tuple[int, int, Region]:
        index = bisect_right(self.starts, offset) - 1
        if index >= 0 and offset < self.spans[index][1]:
            return self.spans[index]
        following = self.starts[index + 1] if index + 1 < len(self.starts) else END
        return offset, max(following, offset + 1), Region.PROSE


@cache
def block_parser() -> MarkdownIt:
    """A parser of blocks alone: code spans in a paragraph are found here, which is much faster."""
    return MarkdownIt("commonmark", {"html": True}).enable("table").disable("inline")


def split_block(text: str, start: int, end: int, *, is_html: bool) -> list[tuple[int, int, Region]]:
    """The code in a paragraph or in raw HTML, and the HTML around it; in order, without overlaps."""
    codes = [match.span() for match in HTML_CODE.finditer(text, start, end)]
    if not is_html:
        codes = drop_overlaps([*codes, *find_code_spans(text, start, end)])
        return [(first, last, Region.CODE) for first, last in codes]
    spans = []
    for first, last in codes:
        spans += [(start, first, Region.HTML), (first, last, Region.CODE)]
        start = last
    return [span for span in [*spans, (start, end, Region.HTML)] if span[0] < span[1]]


def drop_overlaps(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans in order, without those that begin inside another."""
    kept: list[tuple[int, int]] = []
    for span in sorted(spans):
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return kept


def find_code_spans(text: str, start: int, end: int) -> list[tuple[int, int]]:
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


def remove_html_indent(text: str) -> str:
    """The text without indentation after a blank line inside an HTML block, except in lists and fences.

    CommonMark renders such lines as code; the generators did not.
    """
    if not INDENTED.search(text) or not BLOCK.search(text):
        return text
    lines: list[str] = []
    depth, fence, after_blank, in_list = 0, "", False, False
    for line in text.split("\n"):
        marker = FENCE.match(line)
        if marker and (not fence or marker[1].startswith(fence)):
            fence = "" if fence else marker[1]
        elif not fence:
            if depth and after_blank and not in_list:
                line = line.lstrip(" \t")
            in_list = bool(LIST_ITEM.match(line)) or (in_list and depth > 0)
            if depth or line.lstrip().startswith("<"):
                depth = max(0, depth + sum(-1 if match[1] else 1 for match in BLOCK.finditer(line)))
        after_blank = not line.strip()
        lines.append(line)
    return "\n".join(lines)
