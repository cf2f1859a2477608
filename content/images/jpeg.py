"""JPEG (ITU-T T.81, annex B): its segments, of which only those that decoders need stay."""

import re

from content.images.orientation import read_orientation
from content.images.stripped import DamagedImage, StrippedImage

START, END = b"\xff\xd8", b"\xff\xd9"
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
ALONE = {0x00, 0x01, *range(0xD0, 0xD9)}
SCAN = 0xDA
# Besides frames: Huffman and arithmetic tables, scans, quantisation, number of lines, restarts.
KEPT = {*range(0xC0, 0xD0), *range(0xDA, 0xE0)}
# In a scan, a stuffed zero or a restart belongs to it.
AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7]")


def strip_metadata(content: bytes) -> StrippedImage:
    """Drop the data after the first image: other images of a set, a film of a "motion photo"."""
    kept = [START]
    width = height = 0
    orientation = 1
    has_scan = False
    position = content.find(b"\xff", 2)
    while 0 <= position < len(content) - 3:
        marker = content[position + 1]
        if marker == 0xFF or marker in ALONE:
            position = content.find(b"\xff", position + (1 if marker == 0xFF else 2))
            continue
        if marker == END[1]:
            break
        end = position + 2 + int.from_bytes(content[position + 2 : position + 4])
        if end < position + 4:
            raise DamagedImage("JPEG", "a segment has no length")
        segment = content[position:end]
        if marker in FRAMES:
            height, width = (max(a, b) for a, b in zip((height, width), frame_size(segment), strict=True))
        elif marker == 0xE1 and segment[4:10] == b"Exif\0\0":
            orientation = read_orientation(segment[4:])
        if marker == SCAN:
            has_scan = True
            following = AFTER_SCAN.search(content, end)
            end = following.start() if following else len(content.removesuffix(END))
            segment = content[position:end]
        kept.append(without_extras(marker, segment))
        position = content.find(b"\xff", end)
    if not width or not has_scan:
        raise DamagedImage("JPEG", "it has no picture in it")
    return StrippedImage(width, height, b"".join([*kept, END]), orientation)


def frame_size(frame: bytes) -> tuple[int, int]:
    return int.from_bytes(frame[5:7]), int.from_bytes(frame[7:9])


def without_extras(marker: int, segment: bytes) -> bytes:
    """Colour profiles and colour encodings stay; JFIF stays without its thumbnail."""
    if marker in KEPT:
        return segment
    body = segment[4:]
    if marker == 0xE0 and body.startswith(b"JFIF\0") and len(body) >= 14:
        return b"\xff\xe0\x00\x10" + body[:12] + b"\0\0"
    is_needed = (marker == 0xE2 and body.startswith(b"ICC_PROFILE\0")) or (marker == 0xEE and body[:5] == b"Adobe")
    return segment if is_needed else b""
