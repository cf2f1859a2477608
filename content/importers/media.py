"""Media of an import: files beside the posts of a folder, and files at the addresses of a blog."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from django.core.files.base import ContentFile
from django.utils.text import get_valid_filename

from content.images import BadImage, clean_file, clean_image
from content.models import MediaFile
from content.models.media import ALLOWED_EXTENSIONS

LARGEST_MEDIA = 50_000_000
# The folders that Hugo, Zola, Jekyll and Eleventy serve at the root of a site.
PUBLIC_FOLDERS = ("", "static", "assets", "public", "src")
MOST_FILES = 20_000
MOST_BYTES = 20_000_000_000
# The name of a fetched file contains a digest of its address, by which later imports find it.
ADDRESS_DIGEST = re.compile(r"-w([0-9a-f]{12})")

# The bytes at an address, or None if it gives none.
Fetch = Callable[[str], bytes | None]
Size = tuple[int | None, int | None]


@dataclass
class MediaStore:
    """Stores files, each once for the same bytes, and counts them."""

    stored: int = 0
    missing: int = 0
    refused: list[str] = field(default_factory=list)

    def store(self, content: bytes, name: str, size: Size) -> MediaFile:
        """The media file with these bytes, which is new or known under any name. `size` is in pixels."""
        digest = hashlib.sha256(content).hexdigest()
        known = MediaFile.objects.filter(sha256=digest).first()
        if known is not None:
            return known
        width, height = size
        media = MediaFile(file=ContentFile(content, name=name), sha256=digest, width=width, height=height)
        media.save()
        self.stored += 1
        return media


class FolderMedia(MediaStore):
    """Files below the root of an import. No file outside of it is read."""

    def __init__(self, root: Path, note: Callable[[str, str], None] = lambda kind, name: None) -> None:
        """`note` gets the kind and the name of each missing file."""
        super().__init__()
        self.root = root.resolve()
        self.note = note
        self.by_path: dict[Path, MediaFile | None] = {}

    def report_missing(self, kind: str, folder: Path, address: str) -> None:
        """Count a file to which a post in `folder` refers."""
        self.missing += 1
        near = folder.relative_to(self.root).as_posix() if folder.is_relative_to(self.root) else folder.name
        self.note(kind, f"{address} (from {near})")

    def find(self, folder: Path, address: str) -> MediaFile | None:
        """The media file at an address in a post in `folder`. None if it does not exist or is no media."""
        path = self.find_path(folder, address)
        if path is None:
            return None
        if path not in self.by_path:
            self.by_path[path] = self.store_path(path)
        return self.by_path[path]

    def find_path(self, folder: Path, address: str) -> Path | None:
        name = local_path(address)
        if not name:
            return None
        folders = [self.root / public for public in PUBLIC_FOLDERS]
        for base in folders if name.startswith("/") else [folder, *folders]:
            if real := self.resolve_allowed(base / name.lstrip("/")):
                return real
        return None

    def resolve_allowed(self, path: Path) -> Path | None:
        """The resolved path, if it is a file of an allowed kind below the root."""
        try:
            real = path.resolve()
            is_ours = real.is_relative_to(self.root) and real.suffix.lower().lstrip(".") in ALLOWED_EXTENSIONS
            return real if is_ours and real.is_file() and real.stat().st_size <= LARGEST_MEDIA else None
        except (OSError, RuntimeError):  # RuntimeError: links in a circle
            return None

    def store_path(self, path: Path) -> MediaFile | None:
        """None for a file that cannot be read, or has the name of an image and is none."""
        try:
            content = path.read_bytes()
            image = clean_file(path.name, content)
        except OSError:
            return None
        except BadImage as error:
            self.refused.append(f"{path.relative_to(self.root)}: {error}")
            return None
        size: Size = (image.width, image.height) if image else (None, None)
        return self.store(image.content if image else content, get_valid_filename(path.name)[-100:], size)


def local_path(address: str) -> str:
    """The path in an address without a host. Empty for other addresses."""
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return ""
    name = unquote(parts.path)
    return "" if parts.scheme or parts.netloc or "\x00" in name or len(name) > 1000 else name


class RemoteMedia(MediaStore):
    """Files that earlier imports fetched and, with a `fetch`, those that it fetches now."""

    def __init__(self, fetch: Fetch | None = None) -> None:
        super().__init__()
        self.fetch = fetch
        self.fetched_files = 0
        self.fetched_bytes = 0
        self.by_digest: dict[str, int] | None = None
        self.looked_up: dict[str, MediaFile | None] = {}

    def find(self, address: str) -> MediaFile | None:
        """None for a file that is not here. It counts as missing if it could be fetched."""
        address = to_absolute(address)
        if not address:
            return None
        digest = digest_address(address)
        if digest not in self.looked_up:
            if len(self.looked_up) > MOST_FILES:
                self.looked_up.clear()
            self.looked_up[digest] = self.find_fetched(digest) or self.fetch_file(address, digest)
        media = self.looked_up[digest]
        self.missing += media is None and self.fetch is not None
        return media

    def find_fetched(self, digest: str) -> MediaFile | None:
        if self.by_digest is None:
            names = MediaFile.objects.filter(file__contains="-w").values_list("file", "pk").iterator()
            self.by_digest = {match[1]: pk for name, pk in names if (match := ADDRESS_DIGEST.search(name))}
        return MediaFile.objects.filter(pk=self.by_digest[digest]).first() if digest in self.by_digest else None

    def fetch_file(self, address: str, digest: str) -> MediaFile | None:
        if self.fetch is None or self.fetched_files >= MOST_FILES or self.fetched_bytes >= MOST_BYTES:
            return None
        self.fetched_files += 1
        content = self.fetch(address)
        self.fetched_bytes += len(content or b"")
        try:
            kind = detect_kind(content) if content else None
        except BadImage as error:
            self.refused.append(f"{address}: {error}")
            return None
        if kind is None:
            return None
        stem = get_valid_filename(PurePosixPath(unquote(urlsplit(address).path)).stem[:60].strip(". ") or "file")
        return self.store(kind.content, f"{stem}-w{digest}.{kind.extension}", kind.size)


def digest_address(address: str) -> str:
    return hashlib.sha256(address.encode(errors="surrogatepass")).hexdigest()[:12]


def to_absolute(address: str) -> str:
    """An http(s) address without its fragment. Empty for any other."""
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https", "") or not parts.netloc:
        return ""
    return parts._replace(scheme=parts.scheme or "https", fragment="").geturl()


@dataclass(frozen=True)
class Kind:
    """An allowed kind of file, with the bytes to store, and the size of an image in pixels."""

    extension: str
    content: bytes
    size: Size = (None, None)


def detect_kind(content: bytes) -> Kind | None:
    """The kind of a file by its bytes alone; None for kinds that are no media, such as HTML and SVG.

    Raises BadImage for an image that is not accepted.
    """
    image = clean_image(content)
    if image is not None:
        return Kind(image.extension, image.content, (image.width, image.height))
    if content.startswith(b"%PDF-"):
        return Kind("pdf", content)
    if content[:3] == b"ID3" or (len(content) > 1 and content[0] == 0xFF and content[1] & 0xE6 == 0xE2):
        return Kind("mp3", content)
    if content[4:8] == b"ftyp" and content[8:12] not in (b"avif", b"avis", b"heic", b"mif1"):
        return Kind("mp4", content)
    if content.startswith(b"\x1aE\xdf\xa3") and b"webm" in content[:64]:
        return Kind("webm", content)
    return None
