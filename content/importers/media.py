"""Files that a post refers to: those that are there become media, of the others their words remain."""

import hashlib
import re
from dataclasses import dataclass, field
from html import escape, unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.core.files.base import ContentFile

from content.importers.code_spans import outside_code
from content.importers.source_file import SourceFile
from content.models import MediaFile
from content.models.media import ALLOWED_EXTENSIONS

LARGEST_MEDIA = 50_000_000

MARKDOWN_IMAGE = re.compile(
    r"""!\[((?:[^\]\\]|\\.)*)\]\(\s*(?:<([^>\n]*)>|([^\s)]+))(?:\s+["'(].*?["')])?\s*\)""", re.DOTALL
)
HTML_IMAGE = re.compile(r"<img\b([^>]*)>", re.IGNORECASE)


@dataclass
class MediaLibrary:
    """Finds, stores and counts the files of one import. Nothing outside of its root is ever read."""

    root: Path
    stored: int = 0
    missing: int = 0
    by_path: dict[Path, MediaFile] = field(default_factory=dict)

    def media_for(self, source: SourceFile, address: str) -> MediaFile | None:
        """The file at that address as media; None for what is not there or elsewhere."""
        path = self.local_file(source, address)
        if path is None:
            return None
        if path not in self.by_path:
            self.by_path[path] = self.store(path)
        return self.by_path[path]

    def local_file(self, source: SourceFile, address: str) -> Path | None:
        parts = urlsplit(address)
        name = unquote(parts.path)
        if parts.scheme or parts.netloc or not name or "\x00" in name:
            return None
        relative = name.lstrip("/")
        for folder in (source.path.parent, self.root, self.root / "static", self.root / "assets"):
            path = folder / relative
            if self.may_be_read(path):
                return path.resolve()
        return None

    def may_be_read(self, path: Path) -> bool:
        try:
            real = path.resolve()
            return (
                real.is_relative_to(self.root.resolve())
                and real.suffix.lower().lstrip(".") in ALLOWED_EXTENSIONS
                and real.is_file()
                and real.stat().st_size <= LARGEST_MEDIA
            )
        except OSError:
            return False

    def store(self, path: Path) -> MediaFile:
        """Once for the same bytes, under whatever names they come."""
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        known = MediaFile.objects.filter(sha256=digest).first()
        if known is not None:
            return known
        media = MediaFile(file=ContentFile(content, name=path.name))
        media.save()
        self.stored += 1
        return media

    def forget_unsaved(self) -> None:
        """After a rollback: what was stored in it has no row."""
        self.by_path.clear()


def with_media(body: str, source: SourceFile, library: MediaLibrary) -> str:
    """The body with every image either served by this site or replaced by its words."""

    def replaced(alt: str, address: str) -> str | None:
        media = library.media_for(source, address)
        return media.file.url if media is not None else None

    def in_markdown(match: re.Match[str]) -> str:
        alt, address = match.group(1), match.group(2) or match.group(3) or ""
        url = replaced(alt, address)
        return f"![{alt}](<{url}>)" if url else in_words(alt, address, library)

    def in_html(match: re.Match[str]) -> str:
        alt, address = (attribute(match.group(1), name) for name in ("alt", "src"))
        url = replaced(alt, address)
        if url is None:
            return in_words(alt, address, library)
        return f'<img src="{escape(url)}" alt="{escape(alt)}" loading="lazy">'

    return outside_code(body, lambda part: HTML_IMAGE.sub(in_html, MARKDOWN_IMAGE.sub(in_markdown, part)))


def in_words(alt: str, address: str, library: MediaLibrary) -> str:
    """An image on another host becomes a link to it; one that is nowhere, the words that stand for it."""
    words = escape(" ".join(unescape(alt).split()))
    if urlsplit(address).scheme in ("http", "https"):
        return f'<a href="{escape(address)}">{words or "Image"}</a>'
    library.missing += 1
    return f'<span class="missing-image">{words}</span>' if words else ""


def attribute(attributes: str, name: str) -> str:
    match = re.search(rf"""\b{name}\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""", attributes, re.IGNORECASE)
    return unescape(next((group for group in match.groups() if group is not None), "")) if match else ""
