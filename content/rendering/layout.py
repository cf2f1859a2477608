"""What a body gets where it stands on a page: headings in order, frames that scroll, measured images.

The markup is the sanitiser's: balanced, attributes in double quotes, and no bare < but that of a tag.
"""

import re
from collections.abc import Mapping

TAG = re.compile(r"<(/?)(h[2-6]|table|pre|img|a)((?: [^<>]*)?)>")
ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"]*)"')
# The corner of a table, mostly: a header that says nothing is none.
EMPTY_HEADER = re.compile(r"<th((?: [^<>]*)?)>\s*</th>")
SCOPE = re.compile(r' scope="[^"]*"')
FRAMES = {"table": "wide", "pre": "code"}

Size = tuple[int, int]


def images(markup: str) -> list[str]:
    """Addresses of the images, as they are written, each once."""
    found = (attributes(tag[3]).get("src", "") for tag in TAG.finditer(markup) if tag[2] == "img")
    return list(dict.fromkeys(found))


def laid_out(markup: str, sizes: Mapping[str, Size]) -> str:
    """`sizes`: width and height in pixels by an image's address, for those that are known."""
    headed = EMPTY_HEADER.sub(lambda header: f"<td{SCOPE.sub('', header[1])}></td>", markup)
    return TAG.sub(Layout(sizes).tag, headed)


class Layout:
    """Of one body, from its first tag to its last."""

    def __init__(self, sizes: Mapping[str, Size]) -> None:
        self.sizes = sizes
        self.outline: list[int] = []
        self.open_headings: list[int] = []
        self.depth = dict.fromkeys([*FRAMES, "a"], 0)

    def tag(self, match: re.Match[str]) -> str:
        ends, name = bool(match[1]), match[2]
        if name == "img":
            return self.image(match)
        if name == "a":
            self.depth["a"] += -1 if ends else 1
            return match[0]
        if name in FRAMES:
            return self.frame_ends(match) if ends else self.frame_begins(match)
        return self.heading_ends() if ends else self.heading_begins(int(name[1]), match[3])

    # --- headings: none skips a level, whatever the body does ---------------------------------------

    def heading_begins(self, level: int, rest: str) -> str:
        while self.outline and self.outline[-1] >= level:
            self.outline.pop()
        self.outline.append(level)
        shown = min(len(self.outline) + 1, 6)
        self.open_headings.append(shown)
        return f"<h{shown}{rest}>"

    def heading_ends(self) -> str:
        return f"</h{self.open_headings.pop()}>"

    # --- frames: what is wider than the page scrolls in itself --------------------------------------

    def frame_begins(self, match: re.Match[str]) -> str:
        name = match[2]
        self.depth[name] += 1
        if self.depth[name] > 1:
            return match[0]
        language = attributes(match[3]).get("data-language", "")
        label = f'<p class="code-language">{language}</p>' if language else ""
        return f'<div class="{FRAMES[name]}">{label}{match[0]}'

    def frame_ends(self, match: re.Match[str]) -> str:
        self.depth[match[2]] -= 1
        return match[0] if self.depth[match[2]] else f"{match[0]}</div>"

    # --- images -------------------------------------------------------------------------------------

    def image(self, match: re.Match[str]) -> str:
        said = attributes(match[3])
        source, words = said.get("src", ""), said.get("alt", "")
        if source.startswith(("http:", "https:", "//")):
            return self.elsewhere(source, words)
        if source in self.sizes and not {"width", "height"} & said.keys():
            width, height = self.sizes[source]
            return f'<img{match[3]} width="{width}" height="{height}">'
        return match[0]

    def elsewhere(self, source: str, words: str) -> str:
        """A page asks no other host for anything; the reader may."""
        if self.depth["a"]:
            return f'<em class="missing-image">{words or "Image"}</em>'
        return f'<a class="image-elsewhere" href="{source}" rel="noopener">{words or "Image"}</a>'


def attributes(text: str) -> dict[str, str]:
    """By name, still escaped."""
    return dict(ATTRIBUTE.findall(text))
