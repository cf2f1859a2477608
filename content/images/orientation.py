"""The orientation of EXIF: read from a file, and applied to its pixels."""

from io import BytesIO
from typing import Any

from PIL import Image, ImageSequence, JpegImagePlugin

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


def read_orientation(exif: bytes) -> int:
    """Tag 0x0112 of the first directory of EXIF (TIFF 6.0, section 2), or 1."""
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
    """As the image was encoded, as far as its format says."""
    options: dict[str, Any] = {"icc_profile": image.info.get("icc_profile")}
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        sampling = JpegImagePlugin.get_sampling(image)
        options |= {"qtables": image.quantization, "subsampling": sampling if sampling >= 0 else 0}
        options["progressive"] = bool(image.info.get("progressive"))
    elif image.format == "WEBP":
        options |= {"quality": WEBP_QUALITY, "method": 4}
    return options
