"""Names that a wrong one may stand for."""

from collections.abc import Iterable
from difflib import get_close_matches

MOST = 3
# Characters. Comparing takes the square of it.
LONGEST = 120


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Up to three known names that are nearly that one, the nearest first."""
    return get_close_matches(name[:LONGEST], [each for each in known if len(each) <= LONGEST], MOST)


def in_words(names: list[str]) -> str:
    """A sentence with these names, with a space before it. Empty without one."""
    return f" Did you mean {' or '.join(names)}?" if names else ""
