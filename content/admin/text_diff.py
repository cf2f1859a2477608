"""Two texts side by side: common lines, and between them the lines that differ, with different words marked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from django.utils.html import format_html, format_html_join

# Bounds on the time of a comparison: lines of both texts, and pairs of words in the lines that differ.
MOST_LINES = 4_000
MOST_PAIRS = 1_000_000
# More common lines in a row are folded.
SHOWN_LINES = 4
WORD = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True)
class Block:
    """Common lines, in `same`; or the different lines of each side, as text or as safe HTML."""

    same: str = ""
    theirs: str = ""
    mine: str = ""

    @property
    def folded(self) -> int:
        """The number of folded lines."""
        lines = self.same.count("\n") + 1
        return lines if lines > SHOWN_LINES else 0


def side_by_side(theirs: str, mine: str) -> list[Block]:
    """Compare two texts. Beyond the bounds, words are not marked, or all lines that differ form one block."""
    left, right = theirs.split("\n"), mine.split("\n")
    pairs = MOST_PAIRS
    blocks = []
    for begin, end, other_begin, other_end, is_same in find_stretches(left, right):
        removed, added = join_lines(left[begin:end]), join_lines(right[other_begin:other_end])
        if is_same:
            blocks.append(Block(same=removed))
            continue
        words, other_words = WORD.findall(removed), WORD.findall(added)
        pairs -= len(words) * len(other_words)
        shown = mark_changes(words, other_words) if pairs >= 0 else (removed, added)
        blocks.append(Block(theirs=shown[0], mine=shown[1]))
    return blocks


def join_lines(lines: Sequence[str]) -> str:
    """Join lines, without blank lines around them, unless all are blank."""
    text = "\n".join(lines)
    return text.strip("\n") or text


def find_stretches(left: Sequence[str], right: Sequence[str]) -> list[tuple[int, int, int, int, bool]]:
    """Slices of both sides in order, and whether they are equal. Common ends are skipped before the costly diff."""
    shortest = min(len(left), len(right))
    head = next((at for at in range(shortest) if left[at] != right[at]), shortest)
    rest = shortest - head
    tail = next((at for at in range(rest) if left[-1 - at] != right[-1 - at]), rest)
    left_end, right_end = len(left) - tail, len(right) - tail
    if left_end - head + right_end - head > MOST_LINES:
        middle = [(head, left_end, head, right_end, False)]
    else:
        matcher = SequenceMatcher(None, left[head:left_end], right[head:right_end])
        middle = [
            (a + head, b + head, c + head, d + head, kind == "equal") for kind, a, b, c, d in matcher.get_opcodes()
        ]
    first, last = (0, head, 0, head, True), (left_end, len(left), right_end, len(right), True)
    return [each for each in (first, *middle, last) if each[:4] != (each[0], each[0], each[2], each[2])]


def mark_changes(left: Sequence[str], right: Sequence[str]) -> tuple[str, str]:
    """Both sides as HTML, with <mark> around words that the other side lacks, but not around spaces."""
    sides: tuple[list[str], list[str]] = ([], [])
    for begin, end, other_begin, other_end, is_same in find_stretches(left, right):
        for side, words in ((sides[0], left[begin:end]), (sides[1], right[other_begin:other_end])):
            text = "".join(words)
            core = text.strip()
            before, _, after = text.partition(core) if core else (text, "", "")
            side.append(text if is_same or not core else format_html("{}<mark>{}</mark>{}", before, core, after))
    theirs, mine = (format_html_join("", "{}", ([text] for text in side)) for side in sides)
    return theirs, mine
