"""Images, links and frames in a body of Markdown: they become media, links or their words."""

import re
from collections.abc import Callable
from html import escape, unescape
from pathlib import Path
from urllib.parse import urlsplit

from content.importers.markdown import Region, Regions
from content.importers.media import FolderMedia, local_path
from content.importers.paths import MARKDOWN_SUFFIX, resolve_post_path
from content.importers.template_tags import to_watch_url
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
Convert = Callable[[re.Match[str]], str]


def resolve_references(body: str, folder: Path, media: FolderMedia) -> str:
    """The body of a post in `folder` without images that do not exist and without frames. Code stays as it is."""
    return ReferenceResolver(body, folder, media).resolve()


class ReferenceResolver:
    def __init__(self, body: str, folder: Path, media: FolderMedia) -> None:
        self.body = body
        self.folder = folder
        self.media = media
        self.region = Region.PROSE
        self.definitions = {m[2].strip().casefold(): m[3] or m[4] or "" for m in DEFINITION.finditer(body)}

    def resolve(self) -> str:
        references = self.find_references()
        regions = Regions(self.body) if references else None
        pieces, at = [], 0
        for match, convert in references:
            if match.start() < at or regions is None:
                continue
            self.region = regions.at(match.start())
            if self.region is not Region.CODE:
                pieces += [self.body[at : match.start()], convert(match)]
                at = match.end()
        return "".join([*pieces, self.body[at:]])

    def find_references(self) -> list[tuple[re.Match[str], Convert]]:
        """All references in order; of two that begin at one offset, the longer is first."""
        kinds: list[tuple[re.Pattern[str], Convert]] = [
            (FRAME, self.convert_frame), (IMAGE, self.convert_image), (HTML_IMAGE, self.convert_html_image),
            (LINK, self.convert_link), (HTML_LINK, self.convert_html_link),
        ]  # fmt: skip
        if self.definitions:
            kinds += [(NAMED_IMAGE, self.convert_named_image), (DEFINITION, self.convert_definition)]
        references = [(match, convert) for pattern, convert in kinds for match in pattern.finditer(self.body)]
        return sorted(references, key=lambda pair: (pair[0].start(), -pair[0].end()))

    def convert_image(self, match: re.Match[str]) -> str:
        return self.convert_to(match, match[2] if match[2] is not None else match[3])

    def convert_named_image(self, match: re.Match[str]) -> str:
        address = self.definitions.get((match[2] or match[1]).strip().casefold())
        return match[0] if address is None else self.convert_to(match, address)

    def convert_to(self, match: re.Match[str], address: str) -> str:
        url = self.find_media_url(address)
        return f"![{match[1]}]({url})" if url else self.describe_image(match, ESCAPE.sub(r"\1", match[1]), address)

    def convert_html_image(self, match: re.Match[str]) -> str:
        address, alt = get_attribute(match[1], "src"), get_attribute(match[1], "alt")
        url = self.find_media_url(address)
        return f'<img src="{escape(url)}" alt="{escape(alt)}">' if url else self.describe_image(match, alt, address)

    def describe_image(self, match: re.Match[str], alt: str, address: str) -> str:
        """A link to an image on another host, or the alternative text of one that does not exist."""
        words = escape(" ".join(unescape(alt).split()), quote=False)
        if self.region is Region.PROSE:
            words = MARKS.sub(r"\\\1", words)
        if get_scheme(address) in ("http", "https"):
            words = words or "Image"
            return words if self.is_linked(match.start()) else f'<a href="{escape(address)}">{words}</a>'
        self.media.report_missing("images that are not there", self.folder, address)
        return f'<em class="missing-image">{words}</em>' if words else ""

    def is_linked(self, start: int) -> bool:
        """Whether it is inside a link already: a link cannot contain another."""
        before = self.body[max(0, start - 1000) : start]
        return before.endswith("[") or before.rfind("<a ") > before.rfind("</a")

    def convert_link(self, match: re.Match[str]) -> str:
        address = match[1] if match[1] is not None else match[2]
        target = self.find_target(address)
        return match[0] if target is None else f"<{target}>"

    def convert_definition(self, match: re.Match[str]) -> str:
        target = self.find_target(match[3] or match[4] or "")
        return match[0] if target is None else f"{match[1]}<{target}>"

    def convert_html_link(self, match: re.Match[str]) -> str:
        target = self.find_target(unescape(match[2] if match[2] is not None else match[3]))
        return match[0] if target is None else f'{match[1]}"{escape(target)}"'

    def find_target(self, address: str) -> str | None:
        """The new address of a link to a post or to a file, or None for a link that stays."""
        name = local_path(address)
        if MARKDOWN_SUFFIX.search(name):
            return resolve_post_path(address)
        if name.rpartition(".")[2].lower() not in ALLOWED_EXTENSIONS or "." not in name:
            return None
        url = self.find_media_url(address)
        if url is None:
            self.media.report_missing("links to files that are not there", self.folder, address)
        return url

    def convert_frame(self, match: re.Match[str]) -> str:
        address = to_watch_url(get_attribute(match[1], "src"))
        if get_scheme(address) not in ("http", "https"):
            return ""
        label = escape(get_attribute(match[1], "title") or address)
        return f'<a href="{escape(address)}">{label}</a>'

    def find_media_url(self, address: str) -> str | None:
        media = self.media.find(self.folder, address)
        return media.file.url if media is not None else None


def get_scheme(address: str) -> str:
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return ""
    return parts.scheme.lower() or ("https" if parts.netloc else "")


def get_attribute(attributes: str, name: str) -> str:
    match = re.search(rf"""\b{name}\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))""", attributes, re.IGNORECASE)
    return unescape(next((group for group in match.groups() if group is not None), "")) if match else ""
