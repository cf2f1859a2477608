"""WebP (RFC 9649): its chunks, of which only those that decoders need stay."""

from collections.abc import Iterator

from content.images.orientation import read_orientation
from content.images.stripped import DamagedImage, StrippedImage

KEPT = {b"VP8X", b"ICCP", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L"}
IN_A_FRAME = {b"ALPH", b"VP8 ", b"VP8L"}
FRAME_HEADER = 16
EXIF_FLAG, XMP_FLAG = 0x08, 0x04


def strip_metadata(content: bytes) -> StrippedImage:
    sizes = [(0, 0)]
    kept = []
    orientation = 1
    for name, body in read_chunks(content, 12):
        if name == b"EXIF":
            orientation = read_orientation(body)
        if name not in KEPT:
            continue
        sizes.append(chunk_size(name, body))
        if name == b"VP8X" and body:
            body = bytes([body[0] & ~(EXIF_FLAG | XMP_FLAG)]) + body[1:]
        elif name == b"ANMF":
            frame = [(inner, data) for inner, data in read_chunks(body, FRAME_HEADER) if inner in IN_A_FRAME]
            sizes += [chunk_size(inner, data) for inner, data in frame]
            body = body[:FRAME_HEADER] + b"".join(encode_chunk(*each) for each in frame)
        kept.append(encode_chunk(name, body))
    if len(sizes) == 1:
        raise DamagedImage("WebP", "it has no picture in it")
    whole = b"WEBP" + b"".join(kept)
    width, height = (max(side) for side in zip(*sizes, strict=True))
    return StrippedImage(width, height, b"RIFF" + len(whole).to_bytes(4, "little") + whole, orientation)


def read_chunks(content: bytes, position: int) -> Iterator[tuple[bytes, bytes]]:
    while position + 8 <= len(content):
        length = int.from_bytes(content[position + 4 : position + 8], "little")
        yield content[position : position + 4], content[position + 8 : position + 8 + length]
        position += 8 + length + length % 2


def encode_chunk(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)


def chunk_size(name: bytes, body: bytes) -> tuple[int, int]:
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
