"""The blog's pictures and files as media of this site, by the addresses that they had."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from django.core.files.base import ContentFile
from django.utils.text import get_valid_filename

from content.images import BadImage
from content.importers.wordpress.kinds import Kind, kind_of
from content.models import MediaFile

MOST_FILES = 20_000
MOST_BYTES = 20_000_000_000
# A fetched file's name has a mark of its address, so that later runs find it.
MARK = re.compile(r"-w([0-9a-f]{12})")

# The bytes at an address; None where they cannot be had.
Fetch = Callable[[str], bytes | None]


@dataclass
class Media:
    """Finds what was fetched before and, with a `fetch`, fetches what was not."""

    fetch: Fetch | None = None
    stored: int = 0
    missing: int = 0
    asked: int = 0
    received: int = 0
    refused: list[str] = field(default_factory=list)
    by_mark: dict[str, int] | None = None
    looked_up: dict[str, MediaFile | None] = field(default_factory=dict)

    def media_for(self, address: str) -> MediaFile | None:
        """None for what is not here; it is counted as missing if it was asked for."""
        address = absolute(address)
        if not address:
            return None
        mark = mark_of(address)
        if mark not in self.looked_up:
            if len(self.looked_up) > MOST_FILES:
                self.looked_up.clear()
            self.looked_up[mark] = self.known(mark) or self.fetched(address, mark)
        found = self.looked_up[mark]
        self.missing += found is None and self.fetch is not None
        return found

    def known(self, mark: str) -> MediaFile | None:
        if self.by_mark is None:
            names = MediaFile.objects.filter(file__contains="-w").values_list("file", "pk").iterator()
            self.by_mark = {match[1]: pk for name, pk in names if (match := MARK.search(name))}
        return MediaFile.objects.filter(pk=self.by_mark[mark]).first() if mark in self.by_mark else None

    def fetched(self, address: str, mark: str) -> MediaFile | None:
        if self.fetch is None or self.asked >= MOST_FILES or self.received >= MOST_BYTES:
            return None
        self.asked += 1
        content = self.fetch(address)
        self.received += len(content or b"")
        try:
            kind = kind_of(content) if content else None
        except BadImage as error:
            self.refused.append(f"{address}: {error}")
            return None
        return self.store(kind, address, mark) if kind else None

    def store(self, kind: Kind, address: str, mark: str) -> MediaFile:
        """Once for the same bytes, under whatever addresses they come; named by what they are."""
        digest = hashlib.sha256(kind.content).hexdigest()
        known = MediaFile.objects.filter(sha256=digest).first()
        if known is not None:
            return known
        stem = get_valid_filename(PurePosixPath(unquote(urlsplit(address).path)).stem[:60].strip(". ") or "file")
        file = ContentFile(kind.content, name=f"{stem}-w{mark}.{kind.extension}")
        media = MediaFile(file=file, sha256=digest, width=kind.width, height=kind.height)
        media.save()
        self.stored += 1
        return media


def mark_of(address: str) -> str:
    return hashlib.sha256(address.encode(errors="surrogatepass")).hexdigest()[:12]


def absolute(address: str) -> str:
    """An http(s) address without its fragment; empty for any other."""
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https", "") or not parts.netloc:
        return ""
    return parts._replace(scheme=parts.scheme or "https", fragment="").geturl()
