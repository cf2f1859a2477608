"""The headings of a body that lead into it, as its contents name them."""

import html
import re
from typing import NamedTuple

from content.rendering.text import plain_text

HEADING = re.compile(r'<h([23])(?: [a-z-]+="[^"]*")*? id="([^"]+)"[^<>]*>(.*?)</h\1>', re.DOTALL)


class Heading(NamedTuple):
    """`level` is 2 or 3; `anchor` its id, `title` its words, both unescaped."""

    level: int
    anchor: str
    title: str


def outline(markup: str) -> list[Heading]:
    """Of a body that is laid out: headings of the two highest levels that can be led to and say something."""
    found = (
        Heading(int(level), html.unescape(anchor), plain_text(inside))
        for level, anchor, inside in HEADING.findall(markup)
    )
    return [heading for heading in found if heading.title]
