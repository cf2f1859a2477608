"""Two texts side by side: the lines that both have, and between them those that differ, with their words marked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from django.utils.html import format_html, format_html_join

# Bounds of the time that a comparison takes: lines of both texts, and pairs of words of all lines that differ.
MOST_LINES = 4_000
MOST_PAIRS = 1_000_000
# Common lines shown whole; more are folded.
SHOWN_LINES = 4
WORD = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True)
class Block:
    """Common lines, in `same`; or the lines of each side, as text or as HTML that is safe."""

    same: str = ""
    theirs: str = ""
    mine: str = ""

    @property
    def folded(self) -> int:
        """How many lines are folded."""
        lines = self.same.count("\n") + 1
        return lines if lines > SHOWN_LINES else 0


def side_by_side(theirs: str, mine: str) -> list[Block]:
    """Past the bounds, lines that differ are not marked word by word, or stand as one block."""
    left, right = theirs.split("\n"), mine.split("\n")
    pairs = MOST_PAIRS
    blocks = []
    for begin, end, other_begin, other_end, is_same in stretches(left, right):
        removed, added = text_of(left[begin:end]), text_of(right[other_begin:other_end])
        if is_same:
            blocks.append(Block(same=removed))
            continue
        words, other_words = WORD.findall(removed), WORD.findall(added)
        pairs -= len(words) * len(other_words)
        shown = marked(words, other_words) if pairs >= 0 else (removed, added)
        blocks.append(Block(theirs=shown[0], mine=shown[1]))
    return blocks


def text_of(lines: Sequence[str]) -> str:
    """Blank lines around a paragraph say nothing, unless they are all there is."""
    text = "\n".join(lines)
    return text.strip("\n") or text


def stretches(left: Sequence[str], right: Sequence[str]) -> list[tuple[int, int, int, int, bool]]:
    """Slices of both sides in order, and whether they are the same. The ends in common cost next to nothing."""
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


def marked(left: Sequence[str], right: Sequence[str]) -> tuple[str, str]:
    """Both as HTML; words that the other side does not have stand in <mark>, without the space around them."""
    sides: tuple[list[str], list[str]] = ([], [])
    for begin, end, other_begin, other_end, is_same in stretches(left, right):
        for side, words in ((sides[0], left[begin:end]), (sides[1], right[other_begin:other_end])):
            text = "".join(words)
            core = text.strip()
            before, _, after = text.partition(core) if core else (text, "", "")
            side.append(text if is_same or not core else format_html("{}<mark>{}</mark>{}", before, core, after))
    theirs, mine = (format_html_join("", "{}", ([text] for text in side)) for side in sides)
    return theirs, mine
