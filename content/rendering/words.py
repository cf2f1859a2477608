"""A reader's query as words: what is compared, and nothing that a database could take for an order."""

import re
import unicodedata

LONGEST_QUERY = 200
MOST_WORDS = 8
# Of a last word that is shorter, nearly everything would be the beginning.
SHORTEST_BEGINNING = 3

LATIN_MARKS = re.compile(r"([A-Za-z])[\u0300-\u036f]+")


def words_of(text: str) -> tuple[str, ...]:
    """Up to 8 words of the first 200 characters, in lower case, each once; only letters, digits and their marks."""
    known = unicodedata.normalize("NFC", text[:LONGEST_QUERY].lower())
    return tuple(dict.fromkeys("".join(c if is_of_a_word(c) else " " for c in known).split()))[:MOST_WORDS]


def is_of_a_word(character: str) -> bool:
    """Letters, marks and digits of any script; a word of marks alone is one that nobody wrote, and finds nothing."""
    return unicodedata.category(character)[0] in "LMN"


def normalised(text: str) -> str:
    """One spelling for all queries that ask the same."""
    return " ".join(words_of(text))


def beginning(words: tuple[str, ...]) -> str:
    """What the last word may be the beginning of; empty if it is too short to say."""
    return words[-1] if words and len(words[-1]) >= SHORTEST_BEGINNING else ""


def folded(text: str) -> str:
    """Without accents on Latin letters; in other scripts a mark is part of the letter."""
    if text.isascii():
        return text
    bare = LATIN_MARKS.sub(r"\1", unicodedata.normalize("NFD", text))
    return unicodedata.normalize("NFC", bare)
