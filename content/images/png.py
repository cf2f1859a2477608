"""PNG and APNG: their chunks, of which only those that decoders need stay."""

from content.images.orientation import read_orientation
from content.images.stripped import DamagedImage, StrippedImage

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KEPT = {
    b"IHDR", b"PLTE", b"IDAT", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"mDCV", b"cLLI", b"sBIT",
    b"bKGD", b"pHYs", b"hIST", b"acTL", b"fcTL", b"fdAT",
}  # fmt: skip
END = b"\0\0\0\0IEND\xaeB`\x82"


def strip_metadata(content: bytes) -> StrippedImage:
    if content[12:16] != b"IHDR":
        raise DamagedImage("PNG", "it does not begin with its size")
    width, height = int.from_bytes(content[16:20]), int.from_bytes(content[20:24])
    kept = [SIGNATURE]
    orientation = 1
    position = len(SIGNATURE)
    while position + 8 <= len(content):
        name = content[position + 4 : position + 8]
        end = position + 12 + int.from_bytes(content[position : position + 4])
        if name == b"IEND":
            break
        if name == b"eXIf":
            orientation = read_orientation(content[position + 8 : end - 4])
        if name in KEPT:
            kept.append(content[position:end])
        position = end
    return StrippedImage(width, height, b"".join([*kept, END]), orientation)
