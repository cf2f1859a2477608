"""What bytes are, from the bytes themselves: neither a name nor a header is believed."""

import warnings
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

IMAGES = {"AVIF": "avif", "GIF": "gif", "JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp"}


@dataclass(frozen=True)
class Kind:
    """An allowed kind of file; width and height in pixels, for images."""

    extension: str
    width: int | None = None
    height: int | None = None


def kind_of(content: bytes) -> Kind | None:
    """None for what may not be media here: pages, scripts, SVG, pictures that Pillow will not open."""
    if content.startswith(b"%PDF-"):
        return Kind("pdf")
    if content[:3] == b"ID3" or (len(content) > 1 and content[0] == 0xFF and content[1] & 0xE6 == 0xE2):
        return Kind("mp3")
    if content[4:8] == b"ftyp" and content[8:12] not in (b"avif", b"avis", b"heic", b"mif1"):
        return Kind("mp4")
    if content.startswith(b"\x1aE\xdf\xa3") and b"webm" in content[:64]:
        return Kind("webm")
    return image_kind(content)


def image_kind(content: bytes) -> Kind | None:
    """Only the header is read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            Image.init()
            with Image.open(BytesIO(content), formats=[name for name in IMAGES if name in Image.OPEN]) as image:
                return Kind(IMAGES[image.format or ""], *image.size)
    except (OSError, ValueError, SyntaxError, KeyError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None
