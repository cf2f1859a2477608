"""Bounds and errors of images, and all formats but AVIF: of each file, only the parts that decoders need stay."""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

# 100 megapixels take 400 MB where they are decoded with an alpha channel.
MAX_PIXELS = 100_000_000
LARGEST_IMAGE = 50 * 1024 * 1024

# Pillow warns past its bound and fails past twice the bound. In this process both fail.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


class BadImage(ValueError):
    """An image that is refused. The message gives the reason to the person who uploads it."""


class DamagedImage(BadImage):
    def __init__(self, format: str, reason: str) -> None:
        super().__init__(f"This {format} is damaged: {reason}. Save it anew in an image editor.")


@dataclass(frozen=True)
class StrippedImage:
    """`content` has no metadata. `orientation` is that of EXIF, 1 to 8, and still has to be applied.

    Width and height are the largest that the file declares, in pixels.
    """

    width: int
    height: int
    content: bytes
    orientation: int = 1


def check_pixels(width: int, height: int) -> None:
    """Raises BadImage for a side of no pixel, and past the bound."""
    if width < 1 or height < 1:
        raise BadImage(f"The image declares {width:,} x {height:,} pixels, so there is nothing to show.")
    if width * height > MAX_PIXELS:
        raise BadImage(
            f"The image declares {width:,} x {height:,} pixels; {MAX_PIXELS // 1_000_000} million pixels are the "
            "most: make it smaller."
        )


GIF_IMAGE, GIF_EXTENSION, GIF_TRAILER = 0x2C, 0x21, 0x3B
GIF_CONTROL, GIF_APPLICATION = 0xF9, 0xFF
GIF_APPLICATIONS = {b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"}
JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
JPEG_ALONE = {0x00, 0x01, *range(0xD0, 0xD9)}
JPEG_SCAN = 0xDA
# Besides frames: Huffman and arithmetic tables, scans, quantisation, number of lines, restarts.
JPEG_KEPT = {*range(0xC0, 0xD0), *range(0xDA, 0xE0)}
# In a scan, a stuffed zero or a restart belongs to it.
AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7]")
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_KEPT = {
    b"IHDR", b"PLTE", b"IDAT", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"mDCV", b"cLLI", b"sBIT",
    b"bKGD", b"pHYs", b"hIST", b"acTL", b"fcTL", b"fdAT",
}  # fmt: skip
PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
WEBP_KEPT = {b"VP8X", b"ICCP", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L"}
WEBP_IN_A_FRAME = {b"ALPH", b"VP8 ", b"VP8L"}
WEBP_FRAME_HEADER = 16
WEBP_EXIF_FLAG, WEBP_XMP_FLAG = 0x08, 0x04


def strip_gif(content: bytes) -> StrippedImage:
    """GIF 89a: comments, plain text and data of applications are dropped; loops and colour profiles stay."""
    if len(content) < 13:
        raise DamagedImage("GIF", "it ends before its size")
    width, height = read_number(content, 6), read_number(content, 8)
    position = 13 + colour_table_size(content[10])
    kept = [content[:position]]
    control = b""
    while position < len(content) and content[position] != GIF_TRAILER:
        start = position
        if content[start] == GIF_EXTENSION and start + 1 < len(content):
            position = end_of_blocks(content, start + 2)
            if content[start + 1] == GIF_CONTROL:
                control = content[start:position]
            elif content[start + 1] == GIF_APPLICATION and content[start + 3 : start + 14] in GIF_APPLICATIONS:
                kept.append(content[start:position])
            else:
                control = b""
        elif content[start] == GIF_IMAGE and start + 10 < len(content):
            width = max(width, read_number(content, start + 1) + read_number(content, start + 5))
            height = max(height, read_number(content, start + 3) + read_number(content, start + 7))
            position = end_of_blocks(content, start + 11 + colour_table_size(content[start + 9]))
            kept += [control, content[start:position]]
            control = b""
        else:
            raise DamagedImage("GIF", f"byte {start:,} begins no block")
    return StrippedImage(width, height, b"".join([*kept, bytes([GIF_TRAILER])]))


def read_number(content: bytes, position: int) -> int:
    return int.from_bytes(content[position : position + 2], "little")


def colour_table_size(flags: int) -> int:
    """The size in bytes that these flags declare."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def end_of_blocks(content: bytes, position: int) -> int:
    """The position behind the empty block that ends the data, or the end of the file."""
    while position < len(content) and content[position]:
        position += 1 + content[position]
    return min(position + 1, len(content))


def strip_jpeg(content: bytes) -> StrippedImage:
    """JPEG (ITU-T T.81, annex B). Data after the first image is dropped: other images, a film of a "motion photo"."""
    kept = [JPEG_START]
    width = height = 0
    orientation = 1
    has_scan = False
    position = content.find(b"\xff", 2)
    while 0 <= position < len(content) - 3:
        marker = content[position + 1]
        if marker == 0xFF or marker in JPEG_ALONE:
            position = content.find(b"\xff", position + (1 if marker == 0xFF else 2))
            continue
        if marker == JPEG_END[1]:
            break
        end = position + 2 + int.from_bytes(content[position + 2 : position + 4])
        if end < position + 4:
            raise DamagedImage("JPEG", "a segment has no length")
        segment = content[position:end]
        if marker in JPEG_FRAMES:
            height, width = (max(a, b) for a, b in zip((height, width), frame_size(segment), strict=True))
        elif marker == 0xE1 and segment[4:10] == b"Exif\0\0":
            orientation = read_orientation(segment[4:])
        if marker == JPEG_SCAN:
            has_scan = True
            following = AFTER_SCAN.search(content, end)
            end = following.start() if following else len(content.removesuffix(JPEG_END))
            segment = content[position:end]
        kept.append(without_extras(marker, segment))
        position = content.find(b"\xff", end)
    if not width or not has_scan:
        raise DamagedImage("JPEG", "it has no picture in it")
    return StrippedImage(width, height, b"".join([*kept, JPEG_END]), orientation)


def frame_size(frame: bytes) -> tuple[int, int]:
    return int.from_bytes(frame[5:7]), int.from_bytes(frame[7:9])


def without_extras(marker: int, segment: bytes) -> bytes:
    """Colour profiles and colour encodings stay; JFIF stays without its thumbnail."""
    if marker in JPEG_KEPT:
        return segment
    body = segment[4:]
    if marker == 0xE0 and body.startswith(b"JFIF\0") and len(body) >= 14:
        return b"\xff\xe0\x00\x10" + body[:12] + b"\0\0"
    is_needed = (marker == 0xE2 and body.startswith(b"ICC_PROFILE\0")) or (marker == 0xEE and body[:5] == b"Adobe")
    return segment if is_needed else b""


def strip_png(content: bytes) -> StrippedImage:
    """PNG and APNG."""
    if content[12:16] != b"IHDR":
        raise DamagedImage("PNG", "it does not begin with its size")
    width, height = int.from_bytes(content[16:20]), int.from_bytes(content[20:24])
    kept = [PNG_SIGNATURE]
    orientation = 1
    position = len(PNG_SIGNATURE)
    while position + 8 <= len(content):
        name = content[position + 4 : position + 8]
        end = position + 12 + int.from_bytes(content[position : position + 4])
        if name == b"IEND":
            break
        if name == b"eXIf":
            orientation = read_orientation(content[position + 8 : end - 4])
        if name in PNG_KEPT:
            kept.append(content[position:end])
        position = end
    return StrippedImage(width, height, b"".join([*kept, PNG_END]), orientation)


def strip_webp(content: bytes) -> StrippedImage:
    """WebP (RFC 9649)."""
    sizes = [(0, 0)]
    kept = []
    orientation = 1
    for name, body in read_webp_chunks(content, 12):
        if name == b"EXIF":
            orientation = read_orientation(body)
        if name not in WEBP_KEPT:
            continue
        sizes.append(webp_chunk_size(name, body))
        if name == b"VP8X" and body:
            body = bytes([body[0] & ~(WEBP_EXIF_FLAG | WEBP_XMP_FLAG)]) + body[1:]
        elif name == b"ANMF":
            frame = [
                (inner, data) for inner, data in read_webp_chunks(body, WEBP_FRAME_HEADER) if inner in WEBP_IN_A_FRAME
            ]
            sizes += [webp_chunk_size(inner, data) for inner, data in frame]
            body = body[:WEBP_FRAME_HEADER] + b"".join(encode_webp_chunk(*each) for each in frame)
        kept.append(encode_webp_chunk(name, body))
    if len(sizes) == 1:
        raise DamagedImage("WebP", "it has no picture in it")
    whole = b"WEBP" + b"".join(kept)
    width, height = (max(side) for side in zip(*sizes, strict=True))
    return StrippedImage(width, height, b"RIFF" + len(whole).to_bytes(4, "little") + whole, orientation)


def read_webp_chunks(content: bytes, position: int) -> Iterator[tuple[bytes, bytes]]:
    while position + 8 <= len(content):
        length = int.from_bytes(content[position + 4 : position + 8], "little")
        yield content[position : position + 4], content[position + 8 : position + 8 + length]
        position += 8 + length + length % 2


def encode_webp_chunk(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)


def webp_chunk_size(name: bytes, body: bytes) -> tuple[int, int]:
    """Width and height in pixels; 0, 0 for a chunk without a size."""

    def number(start: int, count: int) -> int:
        return int.from_bytes(body[start : start + count], "little")

    match name:
        case b"VP8X":
            return number(4, 3) + 1, number(7, 3) + 1
        case b"ANMF":
            return number(6, 3) + 1, number(9, 3) + 1
        case b"VP8 ":
            return number(6, 2) & 0x3FFF, number(8, 2) & 0x3FFF
        case b"VP8L":
            return (number(1, 4) & 0x3FFF) + 1, (number(1, 4) >> 14 & 0x3FFF) + 1
    return 0, 0


def read_orientation(exif: bytes) -> int:
    """Tag 0x0112 of the first directory of EXIF (TIFF 6.0, section 2), or 1."""
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "little", b"MM\0*": "big"}.get(exif[:4])
    if order is None:
        return 1

    def number(start: int, size: int) -> int:
        return int.from_bytes(exif[start : start + size], "little" if order == "little" else "big")

    first = number(4, 4)
    for entry in range(first + 2, min(first + 2 + 12 * number(first, 2), len(exif) - 11), 12):
        if number(entry, 2) == 0x0112:
            value = number(entry + 8, 2)
            return value if 1 <= value <= 8 else 1
    return 1
