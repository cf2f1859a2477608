"""The layout of a body on its page: heading levels, frames that scroll, image sizes; and its headings and images.

The markup comes from the sanitiser: balanced, attributes in double quotes, and no < outside tags.
"""

import html
import re
from collections.abc import Mapping
from typing import NamedTuple

from content.rendering.text import plain_text

HEADING = re.compile(r'<h([23])(?: [a-z-]+="[^"]*")*? id="([^"]+)"[^<>]*>(.*?)</h\1>', re.DOTALL)
TAG = re.compile(r"<(/?)(h[2-6]|table|pre|img|a)((?: [^<>]*)?)>")
ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"]*)"')
# An empty header is no header; mostly it is the corner of a table.
EMPTY_HEADER = re.compile(r"<th((?: [^<>]*)?)>\s*</th>")
SCOPE = re.compile(r' scope="[^"]*"')
FRAMES = {"table": "wide", "pre": "code"}

Size = tuple[int, int]


def find_images(markup: str) -> list[str]:
    """The addresses of the images as they are written, each once."""
    sources = (attributes(tag[3]).get("src", "") for tag in TAG.finditer(markup) if tag[2] == "img")
    return list(dict.fromkeys(sources))


def add_layout(markup: str, sizes: Mapping[str, Size]) -> str:
    """`sizes`: known widths and heights in pixels, by the address of an image."""
    headed = EMPTY_HEADER.sub(lambda header: f"<td{SCOPE.sub('', header[1])}></td>", markup)
    return TAG.sub(Layout(sizes).convert, headed)


class Layout:
    """Converts the tags of one body, from first to last."""

    def __init__(self, sizes: Mapping[str, Size]) -> None:
        self.sizes = sizes
        self.outline: list[int] = []
        self.open_headings: list[int] = []
        self.depth = dict.fromkeys([*FRAMES, "a"], 0)

    def convert(self, match: re.Match[str]) -> str:
        ends, name = bool(match[1]), match[2]
        if name == "img":
            return self.convert_image(match)
        if name == "a":
            self.depth["a"] += -1 if ends else 1
            return match[0]
        if name in FRAMES:
            return self.end_frame(match) if ends else self.begin_frame(match)
        return self.end_heading() if ends else self.begin_heading(int(name[1]), match[3])

    # --- headings: no heading skips a level ---------------------------------------------------------

    def begin_heading(self, level: int, rest: str) -> str:
        while self.outline and self.outline[-1] >= level:
            self.outline.pop()
        self.outline.append(level)
        shown = min(len(self.outline) + 1, 6)
        self.open_headings.append(shown)
        return f"<h{shown}{rest}>"

    def end_heading(self) -> str:
        return f"</h{self.open_headings.pop()}>"

    # --- frames: tables and code scroll if they are wider than the page -----------------------------

    def begin_frame(self, match: re.Match[str]) -> str:
        name = match[2]
        self.depth[name] += 1
        if self.depth[name] > 1:
            return match[0]
        language = attributes(match[3]).get("data-language", "")
        label = f'<p class="code-language">{language}</p>' if language else ""
        return f'<div class="{FRAMES[name]}">{label}{match[0]}'

    def end_frame(self, match: re.Match[str]) -> str:
        self.depth[match[2]] -= 1
        return match[0] if self.depth[match[2]] else f"{match[0]}</div>"

    # --- images -------------------------------------------------------------------------------------

    def convert_image(self, match: re.Match[str]) -> str:
        given = attributes(match[3])
        source, words = given.get("src", ""), given.get("alt", "")
        if source.startswith(("http:", "https:", "//")):
            return self.link_image(source, words)
        if source in self.sizes and not {"width", "height"} & given.keys():
            width, height = self.sizes[source]
            return f'<img{match[3]} width="{width}" height="{height}">'
        return match[0]

    def link_image(self, source: str, words: str) -> str:
        """A link instead of an image from another host: pages load nothing from other hosts."""
        if self.depth["a"]:
            return f'<em class="missing-image">{words or "Image"}</em>'
        return f'<a class="image-elsewhere" href="{source}" rel="noopener">{words or "Image"}</a>'


def attributes(text: str) -> dict[str, str]:
    """Attributes by name; values are still escaped."""
    return dict(ATTRIBUTE.findall(text))


class Heading(NamedTuple):
    """`level` is 2 or 3. `anchor` is the id and `title` the text, both unescaped."""

    level: int
    anchor: str
    title: str


def find_headings(markup: str) -> list[Heading]:
    """The headings of levels 2 and 3 that have an id and a text, in a body with layout."""
    headings = (
        Heading(int(level), html.unescape(anchor), plain_text(inside))
        for level, anchor, inside in HEADING.findall(markup)
    )
    return [heading for heading in headings if heading.title]
