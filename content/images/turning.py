"""The orientation of EXIF applied to the pixels, which are encoded again as they were, as far as the format goes."""

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
MOST_TURNED_PIXELS = 400_000_000


def turned(image: Image.Image, orientation: int) -> bytes:
    """All frames of it, in its own format. Raises OSError for pixels that cannot be decoded."""
    options = options_of(image)
    frames = []
    for frame in ImageSequence.Iterator(image):
        frames.append(frame.transpose(METHODS[orientation]))
        if sum(each.width * each.height for each in frames) > MOST_TURNED_PIXELS:
            raise OSError("it has more frames than can be turned")
        options.setdefault("duration", []).append(frame.info.get("duration", 0))
    if len(frames) > 1:
        options |= {"save_all": True, "append_images": frames[1:], "loop": image.info.get("loop", 0)}
    else:
        options.pop("duration", None)
    result = BytesIO()
    frames[0].save(result, image.format, **options)
    return result.getvalue()


def options_of(image: Image.Image) -> dict[str, Any]:
    options: dict[str, Any] = {"icc_profile": image.info.get("icc_profile")}
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        sampling = JpegImagePlugin.get_sampling(image)
        options |= {"qtables": image.quantization, "subsampling": sampling if sampling >= 0 else 0}
        options["progressive"] = bool(image.info.get("progressive"))
    elif image.format == "WEBP":
        options |= {"quality": WEBP_QUALITY, "method": 4}
    return options
