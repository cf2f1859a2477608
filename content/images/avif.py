"""AVIF (ISO/IEC 14496-12 and 23008-12): metadata is overwritten in place, so that no offset in the file changes.

Its rotation is a property of the image, not of EXIF (23008-12, 6.5.10), and every decoder applies it: it stays.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from content.images.formats import BadImage, DamagedImage, StrippedImage

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


def strip_metadata(content: bytes) -> StrippedImage:
    file = bytearray(content)
    width = height = 0
    top = list(read_boxes(content, 0, len(content)))
    is_animation = any(box.name == b"moov" for box in top)
    for box in top:
        if box.name == b"meta":
            width, height = strip_items(file, content, box, None if is_animation else top)
        elif box.name == b"moov":
            strip_tracks(file, content, box)
        elif box.name not in (b"ftyp", b"mdat"):
            blank_box(file, box)
    if not width:
        raise DamagedImage("AVIF", "it does not declare its size")
    return StrippedImage(width, height, bytes(file))


def read_boxes(content: bytes, start: int, end: int) -> Iterator[Box]:
    for _ in range(MOST_BOXES):
        if start + 8 > end:
            return
        size, name, body = read_number(content, start, 4), content[start + 4 : start + 8], start + 8
        if size == 1:
            size, body = read_number(content, start + 8, 8), start + 16
        after = end if size == 0 else start + size
        if after < body or after > end:
            raise DamagedImage("AVIF", f"the box at byte {start:,} does not end inside of it")
        yield Box(name, start + 4, body, after)
        start = after
    raise DamagedImage("AVIF", f"it has more than {MOST_BOXES:,} boxes")


def read_number(content: bytes, start: int, size: int) -> int:
    return int.from_bytes(content[start : start + size])


def blank_box(file: bytearray, box: Box) -> None:
    file[box.start : box.end] = bytes(box.end - box.start)
    file[box.named_at : box.named_at + 4] = b"free"


def strip_tracks(file: bytearray, content: bytes, parent: Box) -> None:
    """Blank the metadata of an animation's tracks."""
    for box in read_boxes(content, parent.start, parent.end):
        if box.name in METADATA:
            blank_box(file, box)
        elif box.name in CONTAINERS:
            strip_tracks(file, content, box)


def strip_items(file: bytearray, content: bytes, meta: Box, top: list[Box] | None) -> tuple[int, int]:
    """The largest width and height that an item has. Blank the data in `top` that belongs to no picture."""
    inner = {box.name: box for box in read_boxes(content, meta.start + 4, meta.end)}
    if not {b"iinf", b"iloc", b"iprp"} <= inner.keys():
        raise DamagedImage("AVIF", "it does not give the place of its picture")
    types = dict(read_item_types(content, inner[b"iinf"]))
    for box in top or ():
        if box.name == b"mdat":
            file[box.start : box.end] = bytes(box.end - box.start)
    for item, start, end in read_extents(content, inner[b"iloc"], inner.get(b"idat")):
        if end > len(content) or start >= end:
            raise DamagedImage("AVIF", f"item {item} lies outside of it")
        type_ = types.get(item, b"")
        if type_ in PICTURES:
            file[start:end] = content[start:end]
        else:
            filler = NO_EXIF if type_ == b"Exif" and end - start >= len(NO_EXIF) else b""
            file[start:end] = filler + bytes(end - start - len(filler))
    return read_size(content, inner[b"iprp"])


def read_item_types(content: bytes, iinf: Box) -> Iterator[tuple[int, bytes]]:
    """Numbers and types of items."""
    count_size = 2 if content[iinf.start] == 0 else 4
    for box in read_boxes(content, iinf.start + 4 + count_size, iinf.end):
        if box.name == b"infe" and content[box.start] >= 2:
            id_size = 2 if content[box.start] == 2 else 4
            type_at = box.start + 4 + id_size + 2
            yield read_number(content, box.start + 4, id_size), content[type_at : type_at + 4]


def read_extents(content: bytes, iloc: Box, idat: Box | None) -> Iterator[tuple[int, int, int]]:
    """Item, start and end of each piece of data, as offsets in the file."""
    version, position = content[iloc.start], iloc.start + 6
    offset_size, length_size = divmod(content[iloc.start + 4], 16)
    base_size, index_size = divmod(content[iloc.start + 5], 16)
    id_size = 4 if version == 2 else 2

    def take(size: int) -> int:
        nonlocal position
        position += size
        if position > iloc.end:
            raise DamagedImage("AVIF", "its list of places breaks off")
        return read_number(content, position - size, size)

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


def read_size(content: bytes, iprp: Box) -> tuple[int, int]:
    sizes = [(0, 0)]
    for properties in read_boxes(content, iprp.start, iprp.end):
        if properties.name == b"ipco":
            sizes += [
                (read_number(content, box.start + 4, 4), read_number(content, box.start + 8, 4))
                for box in read_boxes(content, properties.start, properties.end)
                if box.name == b"ispe"
            ]
    return max(width for width, _ in sizes), max(height for _, height in sizes)
