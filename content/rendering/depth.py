"""A bound on what an HTML parser has to do: its time grows with depth times length, its memory may as well."""

import re
from collections import Counter

from content.rendering.errors import BodyTooLarge

DEEPEST = 200
MOST_REOPENED = 200_000

TAG = re.compile(r"<(/?)([a-z][a-z0-9-]*)", re.IGNORECASE)
# These need no end tag: the next of their kind ends them.
UNNESTED = {
    "a",
    "br",
    "hr",
    "img",
    "input",
    "col",
    "p",
    "li",
    "dt",
    "dd",
    "td",
    "th",
    "tr",
    "tbody",
    "thead",
    "tfoot",
}
# Left open, these are opened again in every block that follows (HTML, 13.2.4.3).
FORMATTING = {"b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"}


def check_depth(markup: str) -> None:
    """Raises BodyTooLarge. Counted without building a tree, and never less than the parser will find."""
    opened: Counter[str] = Counter()
    depth = formatting = reopened = 0
    for tag in TAG.finditer(markup):
        name = tag[2].lower()
        step = 0 if name in UNNESTED else 1
        if tag[1]:
            # An end tag of what is not open ends nothing.
            step = -min(step, opened[name])
        else:
            reopened += formatting
        opened[name] += step
        depth += step
        formatting += step if name in FORMATTING else 0
        if depth > DEEPEST or reopened > MOST_REOPENED:
            raise BodyTooLarge(f"Its HTML is nested more than {DEEPEST} deep: close the elements that it opens.")
