"""Attributes that kramdown, Hugo and Zola write into prose: `{: .wide}`, `## Heading {#its-id}`."""

import re
from collections import Counter

from content.rendering import slugify

ONE = r"(?:[.#][\w:.-]+|[\w-]+=(?:\"[^\"\n]*\"|'[^'\n]*'|[\w.-]+)|toc)"
INLINE = re.compile(rf"[ \t]*\{{:?[ \t]*{ONE}(?:[ \t]+{ONE}){{0,20}}[ \t]*\}}")
HEADING = re.compile(r"^( {0,3}#{1,6}[ \t]+)([^\n{]*?)[ \t]*\{#([\w:.-]+)[^}\n]*\}[ \t]*$", re.MULTILINE)


def without_attributes(text: str, dropped: Counter[str]) -> str:
    if "{" not in text:
        return text
    text = HEADING.sub(anchored, text)

    def drop(match: re.Match[str]) -> str:
        dropped["attributes"] += 1
        return ""

    return INLINE.sub(drop, text)


def anchored(match: re.Match[str]) -> str:
    """Links to a heading's own id keep working."""
    before, title, name = match.groups()
    return f"{before}{title}" if slugify(title) == name else f'{before}<span id="{name}"></span>{title}'
