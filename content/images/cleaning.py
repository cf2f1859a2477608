"""The one way by which images come in, from the admin and from every import."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath

from PIL import Image

from content.images import avif, gif, jpeg, png, webp
from content.images.parts import LARGEST_IMAGE, BadImage, Parts, check_pixels
from content.images.turning import turned

EXTENSIONS = {".avif", ".gif", ".jpeg", ".jpg", ".png", ".webp"}
HEAD = 64
# Errors of readers of damaged files, Pillow's among them.
UNREADABLE = (
    OSError, ValueError, LookupError, TypeError, SyntaxError, EOFError, RuntimeError, MemoryError, OverflowError,
    struct.error, Image.DecompressionBombError, Image.DecompressionBombWarning,
)  # fmt: skip
ORIENTATION_TAG = 0x0112


@dataclass(frozen=True)
class Format:
    name: str
    extension: str
    read: Callable[[bytes], Parts]


AVIF, GIF = Format("AVIF", "avif", avif.read), Format("GIF", "gif", gif.read)
JPEG, PNG = Format("JPEG", "jpg", jpeg.read), Format("PNG", "png", png.read)
WEBP = Format("WEBP", "webp", webp.read)


@dataclass(frozen=True)
class CleanImage:
    """An image that may be served; width and height in pixels, as readers see it."""

    content: bytes
    extension: str
    width: int
    height: int


def format_of(head: bytes) -> Format | None:
    """By its first 64 bytes: neither a name nor a header field is believed. None for what browsers do not show."""
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(png.SIGNATURE):
        return PNG
    if head.startswith((b"GIF87a", b"GIF89a")):
        return GIF
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    brands = head[8 : min(int.from_bytes(head[:4]), HEAD)]
    return AVIF if head[4:8] == b"ftyp" and (b"avif" in brands or b"avis" in brands) else None


def clean_image(content: bytes) -> CleanImage | None:
    """Without EXIF, GPS, XMP and comments, its orientation applied; colour profile and frames stay.

    None for what is no image. The same bytes come out for the same bytes, and unchanged if they go in again.
    Raises BadImage, and before it decodes anything for an image of too many pixels.
    """
    found = format_of(content[:HEAD])
    if found is None:
        return None
    if len(content) > LARGEST_IMAGE:
        raise BadImage(f"The image has {len(content):,} bytes; {LARGEST_IMAGE:,} are the most.")
    try:
        parts = found.read(content)
        check_pixels(parts.width, parts.height)
        return opened(found, parts)
    except BadImage:
        raise
    except UNREADABLE as error:
        raise BadImage(f"This {found.name} cannot be read as an image: {error}.") from error


def opened(found: Format, parts: Parts) -> CleanImage:
    """Pillow reads the header, and decodes only what has to be turned."""
    content = parts.content
    with Image.open(BytesIO(content), formats=[found.name]) as image:
        check_pixels(*image.size)
        width, height = image.size
        if found is AVIF and image.getexif().get(ORIENTATION_TAG, 1) >= 5:
            width, height = height, width
        if parts.orientation != 1:
            content = found.read(turned(image, parts.orientation)).content
            if parts.orientation >= 5:
                width, height = height, width
    return CleanImage(content, found.extension, width, height)


def clean_file(name: str, content: bytes) -> CleanImage | None:
    """As clean_image; raises BadImage for a file that has an image's name and is none."""
    image = clean_image(content)
    if image is None and PurePosixPath(name).suffix.lower() in EXTENSIONS:
        raise BadImage("It is no image that browsers know: AVIF, GIF, JPEG, PNG and WebP are.")
    return image
