"""Files that lie beside the posts of an import, as media of this site."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.core.files.base import ContentFile
from django.utils.text import get_valid_filename

from content.images import BadImage, clean_file
from content.models import MediaFile
from content.models.media import ALLOWED_EXTENSIONS

LARGEST_MEDIA = 50_000_000
# Where Hugo, Zola, Jekyll and Eleventy keep what they serve from the root of a site.
PUBLIC_FOLDERS = ("", "static", "assets", "public", "src")


@dataclass
class MediaLibrary:
    """Finds, stores and counts the files of one import. Nothing outside of its root is ever read."""

    root: Path
    stored: int = 0
    missing: int = 0
    # Adds to the report: a kind, and the item's name.
    note: Callable[[str, str], None] = lambda kind, name: None
    refused: list[str] = field(default_factory=list)
    by_path: dict[Path, MediaFile | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root = self.root.resolve()

    def miss(self, kind: str, folder: Path, address: str) -> None:
        """Count what a post in `folder` refers to and what is not there."""
        self.missing += 1
        near = folder.relative_to(self.root).as_posix() if folder.is_relative_to(self.root) else folder.name
        self.note(kind, f"{address} (from {near})")

    def media_for(self, folder: Path, address: str) -> MediaFile | None:
        """The file at that address, as a post in `folder` writes it; None for what is not there or no media."""
        path = self.local_file(folder, address)
        if path is None:
            return None
        if path not in self.by_path:
            self.by_path[path] = self.store(path)
        return self.by_path[path]

    def local_file(self, folder: Path, address: str) -> Path | None:
        name = local_name(address)
        if not name:
            return None
        relative = name.lstrip("/")
        folders = [self.root / public for public in PUBLIC_FOLDERS]
        for base in folders if name.startswith("/") else [folder, *folders]:
            if real := self.allowed(base / relative):
                return real
        return None

    def allowed(self, path: Path) -> Path | None:
        """Its real path, links and .. followed, if that is a file of a known kind below the root."""
        try:
            real = path.resolve()
            is_ours = real.is_relative_to(self.root) and real.suffix.lower().lstrip(".") in ALLOWED_EXTENSIONS
            return real if is_ours and real.is_file() and real.stat().st_size <= LARGEST_MEDIA else None
        except (OSError, RuntimeError):  # RuntimeError: links in a circle
            return None

    def store(self, path: Path) -> MediaFile | None:
        """Once for the same bytes, under whatever names they come; None for an image that is none."""
        try:
            content = path.read_bytes()
            image = clean_file(path.name, content)
        except OSError:
            return None
        except BadImage as error:
            self.refused.append(f"{path.relative_to(self.root)}: {error}")
            return None
        content = image.content if image else content
        digest = hashlib.sha256(content).hexdigest()
        known = MediaFile.objects.filter(sha256=digest).first()
        if known is not None:
            return known
        file = ContentFile(content, name=get_valid_filename(path.name)[-100:])
        width, height = (image.width, image.height) if image else (None, None)
        media = MediaFile(file=file, sha256=digest, width=width, height=height)
        media.save()
        self.stored += 1
        return media


def local_name(address: str) -> str:
    """The path in an address that names no other host; empty for others."""
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return ""
    name = unquote(parts.path)
    return "" if parts.scheme or parts.netloc or "\x00" in name or len(name) > 1000 else name
