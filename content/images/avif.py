"""AVIF (ISO/IEC 14496-12 and 23008-12): metadata is written over in place, so that no offset in the file changes.

Its rotation is a property of the image, not of EXIF (23008-12, 6.5.10), and every decoder applies it: it stays.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from content.images.parts import BadImage, Parts, damaged

# An offset to a TIFF header, and a TIFF directory without entries.
NO_EXIF = b"\0\0\0\0MM\0*\0\0\0\x08" + b"\0" * 6
MOST_BOXES = 10_000
CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts"}
METADATA = {b"udta", b"uuid", b"meta"}
# Coded images, and those derived from others.
PICTURES = {b"av01", b"grid", b"iovl", b"iden", b"tmap", b"sato"}


@dataclass(frozen=True)
class Box:
    """Offsets in the file: `named_at` of its name, `start` and `end` of its body."""

    name: bytes
    named_at: int
    start: int
    end: int


def read(content: bytes) -> Parts:
    file = bytearray(content)
    width = height = 0
    top = list(boxes(content, 0, len(content)))
    has_film = any(box.name == b"moov" for box in top)
    for box in top:
        if box.name == b"meta":
            width, height = clean_items(file, content, box, None if has_film else top)
        elif box.name == b"moov":
            clean_film(file, content, box)
        elif box.name not in (b"ftyp", b"mdat"):
            blank(file, box)
    if not width:
        raise damaged("AVIF", "it does not declare its size")
    return Parts(width, height, bytes(file))


def boxes(content: bytes, start: int, end: int) -> Iterator[Box]:
    for _ in range(MOST_BOXES):
        if start + 8 > end:
            return
        size, name, body = number(content, start, 4), content[start + 4 : start + 8], start + 8
        if size == 1:
            size, body = number(content, start + 8, 8), start + 16
        after = end if size == 0 else start + size
        if after < body or after > end:
            raise damaged("AVIF", f"the box at byte {start:,} does not end inside of it")
        yield Box(name, start + 4, body, after)
        start = after
    raise damaged("AVIF", f"it has more than {MOST_BOXES:,} boxes")


def number(content: bytes, start: int, size: int) -> int:
    return int.from_bytes(content[start : start + size])


def blank(file: bytearray, box: Box) -> None:
    file[box.start : box.end] = bytes(box.end - box.start)
    file[box.named_at : box.named_at + 4] = b"free"


def clean_film(file: bytearray, content: bytes, parent: Box) -> None:
    """The tracks of an animation: what describes them is of no use to a decoder."""
    for box in boxes(content, parent.start, parent.end):
        if box.name in METADATA:
            blank(file, box)
        elif box.name in CONTAINERS:
            clean_film(file, content, box)


def clean_items(file: bytearray, content: bytes, meta: Box, top: list[Box] | None) -> tuple[int, int]:
    """The largest width and height that an item has. Blank the data in `top` that belongs to no picture."""
    inner = {box.name: box for box in boxes(content, meta.start + 4, meta.end)}
    if not {b"iinf", b"iloc", b"iprp"} <= inner.keys():
        raise damaged("AVIF", "it does not say where its picture lies")
    kinds = dict(item_kinds(content, inner[b"iinf"]))
    for box in top or ():
        if box.name == b"mdat":
            file[box.start : box.end] = bytes(box.end - box.start)
    for item, start, end in extents(content, inner[b"iloc"], inner.get(b"idat")):
        if end > len(content) or start >= end:
            raise damaged("AVIF", f"item {item} lies outside of it")
        kind = kinds.get(item, b"")
        if kind in PICTURES:
            file[start:end] = content[start:end]
        else:
            filler = NO_EXIF if kind == b"Exif" and end - start >= len(NO_EXIF) else b""
            file[start:end] = filler + bytes(end - start - len(filler))
    return sizes(content, inner[b"iprp"])


def item_kinds(content: bytes, iinf: Box) -> Iterator[tuple[int, bytes]]:
    """Numbers and types of items."""
    count_size = 2 if content[iinf.start] == 0 else 4
    for box in boxes(content, iinf.start + 4 + count_size, iinf.end):
        if box.name == b"infe" and content[box.start] >= 2:
            id_size = 2 if content[box.start] == 2 else 4
            kind = box.start + 4 + id_size + 2
            yield number(content, box.start + 4, id_size), content[kind : kind + 4]


def extents(content: bytes, iloc: Box, idat: Box | None) -> Iterator[tuple[int, int, int]]:
    """Item, start and end of each piece of data, as offsets in the file."""
    version, position = content[iloc.start], iloc.start + 6
    offset_size, length_size = divmod(content[iloc.start + 4], 16)
    base_size, index_size = divmod(content[iloc.start + 5], 16)
    id_size = 4 if version == 2 else 2

    def take(size: int) -> int:
        nonlocal position
        position += size
        if position > iloc.end:
            raise damaged("AVIF", "its list of places breaks off")
        return number(content, position - size, size)

    for _ in range(take(id_size)):
        item, method = take(id_size), take(2) & 15 if version else 0
        take(2)
        base = take(base_size) + (idat.start if method == 1 and idat else 0)
        for _ in range(take(2)):
            take(index_size if version else 0)
            start = base + take(offset_size)
            length = take(length_size)
            if method > 1:
                raise BadImage("This AVIF keeps data inside of other data: save it anew in an image editor.")
            yield item, start, start + length


def sizes(content: bytes, iprp: Box) -> tuple[int, int]:
    found = [(0, 0)]
    for properties in boxes(content, iprp.start, iprp.end):
        if properties.name == b"ipco":
            found += [
                (number(content, box.start + 4, 4), number(content, box.start + 8, 4))
                for box in boxes(content, properties.start, properties.end)
                if box.name == b"ispe"
            ]
    return max(side[0] for side in found), max(side[1] for side in found)
