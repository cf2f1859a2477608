"""GIF 89a: comments, plain text and data of applications are dropped; loops and colour profiles stay."""

from content.images.stripped import DamagedImage, StrippedImage

IMAGE, EXTENSION, TRAILER = 0x2C, 0x21, 0x3B
CONTROL, APPLICATION = 0xF9, 0xFF
APPLICATIONS = {b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"}


def strip_metadata(content: bytes) -> StrippedImage:
    if len(content) < 13:
        raise DamagedImage("GIF", "it ends before its size")
    width, height = read_number(content, 6), read_number(content, 8)
    position = 13 + colour_table_size(content[10])
    kept = [content[:position]]
    control = b""
    while position < len(content) and content[position] != TRAILER:
        start = position
        if content[start] == EXTENSION and start + 1 < len(content):
            position = end_of_blocks(content, start + 2)
            if content[start + 1] == CONTROL:
                control = content[start:position]
            elif content[start + 1] == APPLICATION and content[start + 3 : start + 14] in APPLICATIONS:
                kept.append(content[start:position])
            else:
                control = b""
        elif content[start] == IMAGE and start + 10 < len(content):
            width = max(width, read_number(content, start + 1) + read_number(content, start + 5))
            height = max(height, read_number(content, start + 3) + read_number(content, start + 7))
            position = end_of_blocks(content, start + 11 + colour_table_size(content[start + 9]))
            kept += [control, content[start:position]]
            control = b""
        else:
            raise DamagedImage("GIF", f"byte {start:,} begins no block")
    return StrippedImage(width, height, b"".join([*kept, bytes([TRAILER])]))


def read_number(content: bytes, position: int) -> int:
    return int.from_bytes(content[position : position + 2], "little")


def colour_table_size(flags: int) -> int:
    """In bytes, as declared by these flags."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def end_of_blocks(content: bytes, position: int) -> int:
    """The position behind the empty block that ends the data, or the end of the file."""
    while position < len(content) and content[position]:
        position += 1 + content[position]
    return min(position + 1, len(content))
