"""An image file without its metadata, the bounds of an image, and its errors."""

import warnings
from dataclasses import dataclass

from PIL import Image

# 100 megapixels take 400 MB where they are decoded with an alpha channel.
MAX_PIXELS = 100_000_000
LARGEST_IMAGE = 50 * 1024 * 1024

# Pillow warns past its bound and fails past twice the bound. In this process both fail.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


class BadImage(ValueError):
    """An image that is refused. The message gives the reason to the person who uploads it."""


class DamagedImage(BadImage):
    def __init__(self, format: str, reason: str) -> None:
        super().__init__(f"This {format} is damaged: {reason}. Save it anew in an image editor.")


@dataclass(frozen=True)
class StrippedImage:
    """`content` has no metadata. `orientation` is that of EXIF, 1 to 8, and still has to be applied.

    Width and height are the largest that the file declares, in pixels.
    """

    width: int
    height: int
    content: bytes
    orientation: int = 1


def check_pixels(width: int, height: int) -> None:
    """Raises BadImage for a side of no pixel, and past the bound."""
    if width < 1 or height < 1:
        raise BadImage(f"The image declares {width:,} x {height:,} pixels, so there is nothing to show.")
    if width * height > MAX_PIXELS:
        raise BadImage(
            f"The image declares {width:,} x {height:,} pixels; {MAX_PIXELS // 1_000_000} million pixels are the "
            "most: make it smaller."
        )
