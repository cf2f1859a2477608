"""GIF 89a: its blocks without comments, plain text and the data of applications, but for loops and profiles."""

from content.images.parts import Parts, damaged

IMAGE, EXTENSION, TRAILER = 0x2C, 0x21, 0x3B
CONTROL, APPLICATION = 0xF9, 0xFF
APPLICATIONS = {b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"}


def read(content: bytes) -> Parts:
    if len(content) < 13:
        raise damaged("GIF", "it ends before its size")
    width, height = little(content, 6), little(content, 8)
    position = 13 + colours(content[10])
    kept = [content[:position]]
    control = b""
    while position < len(content) and content[position] != TRAILER:
        start = position
        if content[start] == EXTENSION and start + 1 < len(content):
            position = after_blocks(content, start + 2)
            if content[start + 1] == CONTROL:
                control = content[start:position]
            elif content[start + 1] == APPLICATION and content[start + 3 : start + 14] in APPLICATIONS:
                kept.append(content[start:position])
            else:
                control = b""
        elif content[start] == IMAGE and start + 10 < len(content):
            width = max(width, little(content, start + 1) + little(content, start + 5))
            height = max(height, little(content, start + 3) + little(content, start + 7))
            position = after_blocks(content, start + 11 + colours(content[start + 9]))
            kept += [control, content[start:position]]
            control = b""
        else:
            raise damaged("GIF", f"byte {start:,} begins no block")
    return Parts(width, height, b"".join([*kept, bytes([TRAILER])]))


def little(content: bytes, position: int) -> int:
    return int.from_bytes(content[position : position + 2], "little")


def colours(flags: int) -> int:
    """Bytes of the colour table that these flags declare."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def after_blocks(content: bytes, position: int) -> int:
    """Behind the empty block that ends the data; the end of the file where there is none."""
    while position < len(content) and content[position]:
        position += 1 + content[position]
    return min(position + 1, len(content))
