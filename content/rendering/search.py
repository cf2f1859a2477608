"""A reader's search: the words of the query, and those words marked in a text.

The words are letters and digits only: no database takes them for an operator.
"""

import re
import unicodedata
from dataclasses import dataclass
from html import escape

from content.rendering.text import shortened

LONGEST_QUERY = 200
MOST_WORDS = 8
# A shorter last word would be a prefix of too many words.
SHORTEST_PREFIX = 3

LATIN_MARKS = re.compile(r"([A-Za-z])[\u0300-\u036f]+")
SNIPPET_LENGTH = 260
# Characters of a snippet before its first marked word.
LEAD = 60
# The most words that are compared to choose a snippet.
MOST_MATCHES = 100

WORD = re.compile(r"[\w\u0300-\u036f]+")
ENDING = re.compile(r"(?:ness|ings?|ies|ied|ed|es|ly|[esy])$")
SHORTEST_STEM = 3


def split_words(text: str) -> tuple[str, ...]:
    """Split a query into lower-case words of letters, digits and marks: 8 at most, of the first 200 characters."""
    normal = unicodedata.normalize("NFC", text[:LONGEST_QUERY].lower())
    return tuple(dict.fromkeys("".join(c if is_word_character(c) else " " for c in normal).split()))[:MOST_WORDS]


def is_word_character(character: str) -> bool:
    """Whether it is a letter, mark or digit of any script."""
    return unicodedata.category(character)[0] in "LMN"


def normalise_query(text: str) -> str:
    """One spelling for all queries with the same words, so that they share a cache entry."""
    return " ".join(split_words(text))


def query_prefix(words: tuple[str, ...]) -> str:
    """The last word, as a prefix of longer words; empty if it is too short."""
    return words[-1] if words and len(words[-1]) >= SHORTEST_PREFIX else ""


def fold_accents(text: str) -> str:
    """Remove accents from Latin letters. In other scripts a mark is part of the letter."""
    if text.isascii():
        return text
    bare = LATIN_MARKS.sub(r"\1", unicodedata.normalize("NFD", text))
    return unicodedata.normalize("NFC", bare)


def stem(word: str) -> str:
    """Remove the endings of English inflection. It only chooses words to mark; the database decides what matches."""
    bare = ENDING.sub("", word).rstrip("i")
    if len(bare) > SHORTEST_STEM and bare[-1] == bare[-2]:
        bare = bare[:-1]
    return bare if len(bare) >= SHORTEST_STEM else word


@dataclass(frozen=True)
class QueryWords:
    """The words of a query, as they are compared with the words of a text."""

    stems: frozenset[str]
    prefix: str
    initials: frozenset[str]

    @classmethod
    def of(cls, words: tuple[str, ...]) -> "QueryWords":
        stems = frozenset(stem(fold_accents(word)) for word in words)
        # A prefix is the last word's: its initial is among them.
        return cls(stems, fold_accents(query_prefix(words)), frozenset(each[:1] for each in stems))

    def match(self, word: str) -> str:
        """The stem or prefix that a word of the text matches; empty for none."""
        plain = fold_accents(word.lower())
        # Most words of a text differ in the first letter.
        if plain[:1] not in self.initials:
            return ""
        if self.prefix and plain.startswith(self.prefix):
            return self.prefix
        root = stem(plain)
        return root if root in self.stems else ""


def mark_words(text: str, words: QueryWords) -> str:
    """Safe HTML: the words in `<mark>`, all else escaped."""
    parts, end = [], 0
    for found in WORD.finditer(text):
        if words.match(found[0]):
            parts += [escape(text[end : found.start()]), f"<mark>{escape(found[0])}</mark>"]
            end = found.end()
    return "".join([*parts, escape(text[end:])])


def make_snippet(text: str, words: QueryWords, length: int = SNIPPET_LENGTH) -> str:
    """About that many characters around the words, as mark_words; empty if the text has none of the words."""
    start = find_best_start(text, words, length)
    if start is None:
        return ""
    begin = max(0, start - LEAD)
    if begin:
        begin = text.find(" ", begin, start) + 1 or start
    shown = mark_words(shortened(text[begin:], length), words)
    return f"…{shown}" if begin else shown


def find_best_start(text: str, words: QueryWords, length: int) -> int | None:
    """The first start from which a snippet shows the most different words; None if there is no match."""
    matches: list[tuple[int, str]] = []
    for found in WORD.finditer(text):
        root = words.match(found[0])
        if root:
            matches.append((found.start(), root))
            if len(matches) == MOST_MATCHES:
                break
    if not matches:
        return None

    def count_words(start: int) -> int:
        return len({root for at, root in matches if start <= at < start + length - LEAD})

    return max((at for at, _ in matches), key=lambda at: (count_words(at), -at))
