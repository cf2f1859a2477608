"""Photos as phones make them, with a place, words and an orientation in them, for tests that look for these."""

import zlib
from contextlib import suppress
from functools import cache
from io import BytesIO
from typing import Any

from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import IFDRational

SECRET = "SECRETPLACE"
LATITUDE = 123_456_789
# The place as text and as numbers, in both orders of bytes.
MARKS = (SECRET.encode(), SECRET.encode("utf-16-le"), LATITUDE.to_bytes(4), LATITUDE.to_bytes(4, "little"))
XMP = (
    f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    f'<rdf:Description photoshop:City="{SECRET}"/></rdf:RDF></x:xmpmeta>'
).encode()
RED, BLUE = (250, 10, 10), (10, 10, 250)


def place(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = SECRET
    exif[0x0112] = orientation
    exif.get_ifd(0x8825).update(
        {1: "N", 2: (IFDRational(51), IFDRational(30), IFDRational(LATITUDE, 1_000_003)), 27: SECRET.encode()}
    )
    return exif


def picture(size: tuple[int, int] = (64, 32), first: tuple[int, int, int] = RED) -> Image.Image:
    """One colour on the left half, the other on the right."""
    image = Image.new("RGB", size, BLUE if first == RED else RED)
    image.paste(first, (0, 0, size[0] // 2, size[1]))
    return image


def photo(format: str, *, orientation: int = 1, frames: int = 1) -> bytes:
    """With EXIF (GPS in it), XMP, and comments, as far as the format has them."""
    file = BytesIO()
    exif = place(orientation)
    options: dict[str, Any] = {"exif": exif, "xmp": XMP, "icc_profile": profile()}
    if format == "JPEG":
        options |= {"comment": SECRET.encode(), "quality": 92}
    elif format == "GIF":
        options = {"comment": SECRET.encode()}
    elif format == "PNG":
        words = PngInfo()
        words.add_text("Comment", SECRET)
        words.add_itxt("XML:com.adobe.xmp", XMP.decode())
        words.add_text("Raw profile type exif", SECRET, zip=True)
        options = {"exif": exif, "pnginfo": words, "icc_profile": profile()}
    elif format == "WEBP":
        options |= {"lossless": True}
    if frames > 1:
        others = [picture(first=RED if number % 2 == 0 else BLUE) for number in range(1, frames)]
        options |= {"save_all": True, "append_images": others, "duration": 100}
        if format != "AVIF":
            options["loop"] = 0
    picture().save(file, format, **options)
    return file.getvalue()


@cache
def profile() -> bytes:
    """Made once: it has the time of its making in it."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def places_in(content: bytes) -> list[bytes]:
    """The marks that stand in a file, or in what it holds compressed."""
    found = [mark for mark in MARKS if mark in content]
    start = 0
    while (start := content.find(b"\x78\x9c", start)) >= 0:
        with suppress(zlib.error):
            inner = zlib.decompressobj().decompress(content[start:], 1_000_000)
            found += [mark for mark in MARKS if mark in inner]
        start += 1
    return found


def png_of(width: int, height: int) -> bytes:
    """A few bytes that declare that many pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4)

    header = width.to_bytes(4) + height.to_bytes(4) + b"\x08\x02\0\0\0"
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 64))
        + chunk(b"IEND", b"")
    )
