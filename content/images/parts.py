"""The parts of an image file that each format's reader returns, and the bounds of an image."""

import warnings
from dataclasses import dataclass

from PIL import Image

# 100 megapixels take 400 MB where they are decoded with an alpha channel.
MOST_PIXELS = 100_000_000
LARGEST_IMAGE = 50 * 1024 * 1024

# Pillow warns past its bound and fails past twice of it: both fail here, in the whole process.
Image.MAX_IMAGE_PIXELS = MOST_PIXELS
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


class BadImage(ValueError):
    """An image that is not taken; the message is the reason, for its uploader."""


@dataclass(frozen=True)
class Parts:
    """`content` is the image without metadata; `orientation` is that of EXIF, 1 to 8, still to be applied.

    Width and height are the largest that the file declares, in pixels.
    """

    width: int
    height: int
    content: bytes
    orientation: int = 1


def damaged(format: str, why: str) -> BadImage:
    return BadImage(f"This {format} is damaged: {why}. Save it anew in an image editor.")


def check_pixels(width: int, height: int) -> None:
    """Raises BadImage for a side of no pixel, and past the bound."""
    if width < 1 or height < 1:
        raise BadImage(f"The image declares {width:,} x {height:,} pixels, so there is nothing to show.")
    if width * height > MOST_PIXELS:
        raise BadImage(
            f"The image declares {width:,} x {height:,} pixels; {MOST_PIXELS // 1_000_000} million pixels are the "
            "most: make it smaller."
        )


def orientation_of(exif: bytes) -> int:
    """Tag 0x0112 of the first directory of EXIF (TIFF 6.0, section 2); 1 where there is none."""
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
