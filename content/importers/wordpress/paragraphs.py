"""Paragraphs by blank lines, as WordPress makes them when it shows a text that was typed without."""

import re

from content.importers.wordpress.code import KEPT

BLANK_LINES = re.compile(r"\n[ \t\xa0]*(?:\n[ \t\xa0]*)+")
KEEPS_LINES = re.compile(r"<(?:pre|code|script|style|textarea|svg)\b", re.IGNORECASE)
# An address alone on its line is an invitation to show what is there.
LONE_ADDRESS = re.compile(r"^[ \t]*(https?://[^\s<>\"']+)[ \t]*$", re.MULTILINE)


def with_paragraphs(text: str) -> str:
    """A `<p>` at every blank line outside of code.

    That is enough for an HTML parser: it ends the paragraph before, opens again what spans both, and leaves empty
    ones wherever a block or a list follows, which whoever reads the tree drops.
    """
    pieces, at = [], 0
    for match in KEPT.finditer(text):
        pieces += [marked(text[at : match.start()]), match[0]]
        at = match.end()
    return "".join([*pieces, marked(text[at:])])


def marked(text: str) -> str:
    linked = LONE_ADDRESS.sub(r'<a href="\1">\1</a>', text)
    return BLANK_LINES.sub("<p>", linked)
