"""What was found, shown: the part of a text where the words stand closest, and the words marked."""

import re
from dataclasses import dataclass
from html import escape

from content.rendering.text import shortened
from content.rendering.words import beginning, folded

SNIPPET_LENGTH = 260
# Characters before the first marked word.
LEAD = 60
# Places that are weighed for a snippet; a text that has more is about the word anywhere.
MOST_PLACES = 100

WORD = re.compile(r"[\w\u0300-\u036f]+")
ENDING = re.compile(r"(?:ness|ings?|ies|ied|ed|es|ly|[esy])$")
SHORTEST_STEM = 3


def stem(word: str) -> str:
    """A word without the endings of English inflection, for the eye alone: what is found is the database's word."""
    bare = ENDING.sub("", word)
    if len(bare) > SHORTEST_STEM and bare[-1] == bare[-2]:
        bare = bare[:-1]
    return bare.rstrip("i") if len(bare) >= SHORTEST_STEM else word


@dataclass(frozen=True)
class Wanted:
    """The words of a query, as they are looked for in a text."""

    stems: frozenset[str]
    beginning: str

    @classmethod
    def of(cls, words: tuple[str, ...]) -> "Wanted":
        return cls(frozenset(stem(folded(word)) for word in words), folded(beginning(words)))

    def stem_in(self, word: str) -> str:
        """Which of them a word of the text stands for; empty for none."""
        known = folded(word.lower())
        if self.beginning and known.startswith(self.beginning):
            return self.beginning
        root = stem(known)
        return root if root in self.stems else ""


def marked(text: str, wanted: Wanted) -> str:
    """Safe HTML: the words in `<mark>`, all else escaped."""
    parts, end = [], 0
    for place in WORD.finditer(text):
        if wanted.stem_in(place[0]):
            parts += [escape(text[end : place.start()]), f"<mark>{escape(place[0])}</mark>"]
            end = place.end()
    return "".join([*parts, escape(text[end:])])


def snippet(text: str, wanted: Wanted, length: int = SNIPPET_LENGTH) -> str:
    """As `marked`, of about that many characters around the words; empty if none of them is there."""
    start = best_place(text, wanted, length)
    if start is None:
        return ""
    begin = max(0, start - LEAD)
    if begin:
        begin = text.find(" ", begin, start) + 1 or start
    shown = marked(shortened(text[begin:], length), wanted)
    return f"…{shown}" if begin else shown


def best_place(text: str, wanted: Wanted, length: int) -> int | None:
    """Where to begin, to show the most of the words; the first such place."""
    places: list[tuple[int, str]] = []
    for place in WORD.finditer(text):
        root = wanted.stem_in(place[0])
        if root:
            places.append((place.start(), root))
            if len(places) == MOST_PLACES:
                break
    if not places:
        return None

    def shown_from(start: int) -> int:
        return len({root for at, root in places if start <= at < start + length - LEAD})

    return max((at for at, _ in places), key=lambda at: (shown_from(at), -at))
