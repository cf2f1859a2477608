"""Images, links and frames of a body: to media where the file is there, to words or links where it is not."""

import re
from collections.abc import Callable
from html import escape, unescape
from pathlib import Path
from urllib.parse import urlsplit

from content.importers.media import MediaLibrary, local_name
from content.importers.places import Place, Places
from content.importers.post_paths import MARKDOWN, path_of_reference
from content.importers.remnants.videos import watchable
from content.models.media import ALLOWED_EXTENSIONS

ALT = r"((?:[^\[\]\\]|\\.|\[[^\[\]\n]{0,300}\]){0,2000})"
TITLE = r"""(?:[ \t\n]+(?:"[^"\n]{0,1000}"|'[^'\n]{0,1000}'|\([^()\n]{0,1000}\)))?"""
TARGET = r"[ \t\n]*(?:<([^<>\n]{0,2000})>|((?:[^\s()<]|\([^\s()]{0,500}\)){1,2000}))"

IMAGE = re.compile(rf"!\[{ALT}\]\({TARGET}{TITLE}[ \t\n]*\)", re.DOTALL)
NAMED_IMAGE = re.compile(rf"!\[{ALT}\](?:\[([^\[\]\n]{{0,300}})\])?(?![(\[:])", re.DOTALL)
LINK = re.compile(rf"(?<=\]\(){TARGET}")
DEFINITION = re.compile(
    r"^( {0,3}\[([^\[\]\n^][^\[\]\n]{0,300})\]:[ \t]*)(?:<([^<>\n]{0,2000})>|(\S{1,2000}))", re.MULTILINE
)
HTML_IMAGE = re.compile(r"<img\b([^<>]{0,20000})>", re.IGNORECASE)
HTML_LINK = re.compile(
    r"""(<a\b[^<>]{0,5000}?\bhref\s*=\s*)(?:"([^"<>]{0,2000})"|'([^'<>]{0,2000})')""", re.IGNORECASE
)
ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
MARKS = re.compile(r"([\\`*_\[\]|~])")
FRAME = re.compile(r"<iframe\b([^<>]{0,5000})(?:/>|>[^<]{0,5000}</iframe\s*>|>)", re.IGNORECASE)

Change = Callable[[re.Match[str]], str]


class Resolver:
    """The references of one post's body."""

    def __init__(self, body: str, folder: Path, library: MediaLibrary) -> None:
        self.body = body
        self.folder = folder
        self.library = library
        self.place = Place.PROSE
        self.definitions = {m[2].strip().casefold(): m[3] or m[4] or "" for m in DEFINITION.finditer(body)}

    def resolved(self) -> str:
        """The body as it can be shown: no image that is not here, no frame. Code stays as it is."""
        found = self.found()
        places = Places(self.body) if found else None
        pieces, at = [], 0
        for match, change in found:
            if match.start() < at or places is None:
                continue
            self.place = places.at(match.start())
            if self.place is not Place.CODE:
                pieces += [self.body[at : match.start()], change(match)]
                at = match.end()
        return "".join([*pieces, self.body[at:]])

    def found(self) -> list[tuple[re.Match[str], Change]]:
        """Everything that refers to something, in order; of two at one place, the longer."""
        kinds: list[tuple[re.Pattern[str], Change]] = [
            (FRAME, self.frame), (IMAGE, self.image), (HTML_IMAGE, self.html_image),
            (LINK, self.link), (HTML_LINK, self.html_link),
        ]  # fmt: skip
        if self.definitions:
            kinds += [(NAMED_IMAGE, self.named_image), (DEFINITION, self.definition)]
        found = [(match, change) for pattern, change in kinds for match in pattern.finditer(self.body)]
        return sorted(found, key=lambda pair: (pair[0].start(), -pair[0].end()))

    def image(self, match: re.Match[str]) -> str:
        return self.markdown_image(match, match[2] if match[2] is not None else match[3])

    def named_image(self, match: re.Match[str]) -> str:
        address = self.definitions.get((match[2] or match[1]).strip().casefold())
        return match[0] if address is None else self.markdown_image(match, address)

    def markdown_image(self, match: re.Match[str], address: str) -> str:
        url = self.media_url(address)
        return f"![{match[1]}]({url})" if url else self.in_words(match, ESCAPE.sub(r"\1", match[1]), address)

    def html_image(self, match: re.Match[str]) -> str:
        address, alt = attribute(match[1], "src"), attribute(match[1], "alt")
        url = self.media_url(address)
        return f'<img src="{escape(url)}" alt="{escape(alt)}">' if url else self.in_words(match, alt, address)

    def in_words(self, match: re.Match[str], alt: str, address: str) -> str:
        """An image on another host becomes a link to it; one that is nowhere, the words that stand for it."""
        words = escape(" ".join(unescape(alt).split()), quote=False)
        if self.place is Place.PROSE:
            words = MARKS.sub(r"\\\1", words)
        if scheme(address) in ("http", "https"):
            words = words or "Image"
            return words if self.is_linked(match.start()) else f'<a href="{escape(address)}">{words}</a>'
        self.library.miss("images that are not there", self.folder, address)
        return f'<em class="missing-image">{words}</em>' if words else ""

    def is_linked(self, start: int) -> bool:
        """Whether it stands inside of a link already: a link cannot hold another."""
        before = self.body[max(0, start - 1000) : start]
        return before.endswith("[") or before.rfind("<a ") > before.rfind("</a")

    def link(self, match: re.Match[str]) -> str:
        address = match[1] if match[1] is not None else match[2]
        target = self.link_target(address)
        return match[0] if target is None else f"<{target}>"

    def definition(self, match: re.Match[str]) -> str:
        target = self.link_target(match[3] or match[4] or "")
        return match[0] if target is None else f"{match[1]}<{target}>"

    def html_link(self, match: re.Match[str]) -> str:
        target = self.link_target(unescape(match[2] if match[2] is not None else match[3]))
        return match[0] if target is None else f'{match[1]}"{escape(target)}"'

    def link_target(self, address: str) -> str | None:
        """Where a link leads now: to a file as media, to a post by its file; None where it may stay."""
        name = local_name(address)
        if MARKDOWN.search(name):
            return path_of_reference(address)
        if name.rpartition(".")[2].lower() not in ALLOWED_EXTENSIONS or "." not in name:
            return None
        url = self.media_url(address)
        if url is None:
            self.library.miss("links to files that are not there", self.folder, address)
        return url

    def frame(self, match: re.Match[str]) -> str:
        address = watchable(attribute(match[1], "src"))
        if scheme(address) not in ("http", "https"):
            return ""
        label = escape(attribute(match[1], "title") or address)
        return f'<a href="{escape(address)}">{label}</a>'

    def media_url(self, address: str) -> str | None:
        media = self.library.media_for(self.folder, address)
        return media.file.url if media is not None else None


def scheme(address: str) -> str:
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return ""
    return parts.scheme.lower() or ("https" if parts.netloc else "")


def attribute(attributes: str, name: str) -> str:
    match = re.search(rf"""\b{name}\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))""", attributes, re.IGNORECASE)
    return unescape(next((group for group in match.groups() if group is not None), "")) if match else ""
