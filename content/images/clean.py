"""Clean images: the admin and every import pass their images through here."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

from PIL import Image, ImageSequence, JpegImagePlugin

from content.images import avif, formats
from content.images.formats import LARGEST_IMAGE, BadImage, StrippedImage, check_pixels

EXTENSIONS = {".avif", ".gif", ".jpeg", ".jpg", ".png", ".webp"}
HEAD_BYTES = 64
# Errors that damaged files cause, here and in Pillow.
UNREADABLE = (
    OSError, ValueError, LookupError, TypeError, SyntaxError, EOFError, RuntimeError, MemoryError, OverflowError,
    struct.error, Image.DecompressionBombError, Image.DecompressionBombWarning,
)  # fmt: skip
ORIENTATION_TAG = 0x0112
# Operations by the orientation in EXIF.
METHODS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
WEBP_QUALITY = 90
MAX_TURNED_PIXELS = 400_000_000


@dataclass(frozen=True)
class Format:
    name: str
    extension: str
    strip_metadata: Callable[[bytes], StrippedImage]


AVIF, GIF = Format("AVIF", "avif", avif.strip_metadata), Format("GIF", "gif", formats.strip_gif)
JPEG, PNG = Format("JPEG", "jpg", formats.strip_jpeg), Format("PNG", "png", formats.strip_png)
WEBP = Format("WEBP", "webp", formats.strip_webp)


@dataclass(frozen=True)
class CleanImage:
    """An image that may be served; width and height in pixels, as readers see it."""

    content: bytes
    extension: str
    width: int
    height: int


def detect_format(head: bytes) -> Format | None:
    """The format by the first 64 bytes of the file, whatever its name says.

    None for formats that browsers do not show.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(formats.PNG_SIGNATURE):
        return PNG
    if head.startswith((b"GIF87a", b"GIF89a")):
        return GIF
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    brands = head[8 : min(int.from_bytes(head[:4]), HEAD_BYTES)]
    return AVIF if head[4:8] == b"ftyp" and (b"avif" in brands or b"avis" in brands) else None


def clean_image(content: bytes) -> CleanImage | None:
    """Remove EXIF, GPS, XMP and comments, and apply the orientation; colour profile and frames stay.

    None for a file that is no image. The result depends only on the bytes, and a clean image stays as it is.
    Raises BadImage; for an image of too many pixels it does so before anything is decoded.
    """
    format = detect_format(content[:HEAD_BYTES])
    if format is None:
        return None
    if len(content) > LARGEST_IMAGE:
        raise BadImage(f"The image has {len(content):,} bytes; {LARGEST_IMAGE:,} are the most.")
    try:
        stripped = format.strip_metadata(content)
        check_pixels(stripped.width, stripped.height)
        return orient(format, stripped)
    except BadImage:
        raise
    except UNREADABLE as error:
        raise BadImage(f"This {format.name} cannot be read as an image: {error}.") from error


def orient(format: Format, stripped: StrippedImage) -> CleanImage:
    """Pillow reads the header. It decodes the pixels only if they have to be turned."""
    content = stripped.content
    with Image.open(BytesIO(content), formats=[format.name]) as image:
        check_pixels(*image.size)
        width, height = image.size
        if format is AVIF and image.getexif().get(ORIENTATION_TAG, 1) >= 5:
            width, height = height, width
        if stripped.orientation != 1:
            content = format.strip_metadata(apply_orientation(image, stripped.orientation)).content
            if stripped.orientation >= 5:
                width, height = height, width
    return CleanImage(content, format.extension, width, height)


def apply_orientation(image: Image.Image, orientation: int) -> bytes:
    """Turn all frames, and encode them in the image's format. Raises OSError for pixels that cannot be decoded."""
    options = encoder_options(image)
    frames = []
    for frame in ImageSequence.Iterator(image):
        frames.append(frame.transpose(METHODS[orientation]))
        if sum(each.width * each.height for each in frames) > MAX_TURNED_PIXELS:
            raise OSError("it has too many frames to turn")
        options.setdefault("duration", []).append(frame.info.get("duration", 0))
    if len(frames) > 1:
        options |= {"save_all": True, "append_images": frames[1:], "loop": image.info.get("loop", 0)}
    else:
        options.pop("duration", None)
    result = BytesIO()
    frames[0].save(result, image.format, **options)
    return result.getvalue()


def encoder_options(image: Image.Image) -> dict[str, Any]:
    """The parameters with which the image was encoded, as far as its format says."""
    options: dict[str, Any] = {"icc_profile": image.info.get("icc_profile")}
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        sampling = JpegImagePlugin.get_sampling(image)
        options |= {"qtables": image.quantization, "subsampling": sampling if sampling >= 0 else 0}
        options["progressive"] = bool(image.info.get("progressive"))
    elif image.format == "WEBP":
        options |= {"quality": WEBP_QUALITY, "method": 4}
    return options


def clean_file(name: str, content: bytes) -> CleanImage | None:
    """Like `clean_image`. Also raises BadImage for a file that has an image's name and is no image."""
    image = clean_image(content)
    if image is None and PurePosixPath(name).suffix.lower() in EXTENSIONS:
        raise BadImage("It is no image that browsers know: AVIF, GIF, JPEG, PNG and WebP are.")
    return image
