"""What bytes are, from the bytes themselves: neither a name nor a header is believed."""

from dataclasses import dataclass

from content.images import clean_image


@dataclass(frozen=True)
class Kind:
    """An allowed kind of file, with the bytes to keep; width and height in pixels, for images."""

    extension: str
    content: bytes
    width: int | None = None
    height: int | None = None


def kind_of(content: bytes) -> Kind | None:
    """None for what may not be media here: pages, scripts, SVG. Raises BadImage for an image that is not taken."""
    image = clean_image(content)
    if image is not None:
        return Kind(image.extension, image.content, image.width, image.height)
    if content.startswith(b"%PDF-"):
        return Kind("pdf", content)
    if content[:3] == b"ID3" or (len(content) > 1 and content[0] == 0xFF and content[1] & 0xE6 == 0xE2):
        return Kind("mp3", content)
    if content[4:8] == b"ftyp" and content[8:12] not in (b"avif", b"avis", b"heic", b"mif1"):
        return Kind("mp4", content)
    if content.startswith(b"\x1aE\xdf\xa3") and b"webm" in content[:64]:
        return Kind("webm", content)
    return None
