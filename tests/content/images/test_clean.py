"""Images are bounded before they are decoded, and lose the metadata of places, cameras and authors."""

from io import BytesIO

import pytest
from PIL import Image, ImageSequence

from content.images import MAX_PIXELS, BadImage, clean_file, clean_image
from content.images.formats import check_pixels
from tests.support.photos import BLUE, RED, SECRET, photo, picture, place, places_in, png_of, profile

FORMATS = ("AVIF", "GIF", "JPEG", "PNG", "WEBP")


def open_image(content: bytes) -> Image.Image:
    return Image.open(BytesIO(content))


def is_near(pixel: tuple[int, ...], colour: tuple[int, int, int]) -> bool:
    return all(abs(a - b) < 60 for a, b in zip(pixel[:3], colour, strict=True))


def sides(content: bytes) -> dict[str, str]:
    """The colour in the middle of each edge."""
    image = open_image(content).convert("RGB")
    width, height = image.size
    spots = {"left": (2, height // 2), "right": (width - 3, height // 2), "top": (width // 2, 2)}
    spots["bottom"] = (width // 2, height - 3)
    colours = {name: image.getpixel(spot) for name, spot in spots.items()}
    return {
        name: "red" if is_near(pixel, RED) else "blue" if is_near(pixel, BLUE) else ""
        for name, pixel in colours.items()
    }


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("format", FORMATS)
def test_nothing_but_the_picture_and_its_profile_stays(format, frames):
    if format == "JPEG" and frames > 1:
        format = "MPO"
    content = photo(format, frames=frames)
    assert places_in(content), "the photo of the test has no place in it"
    clean = clean_image(content)
    assert places_in(clean.content) == []
    with open_image(clean.content) as image:
        image.load()
        assert (image.size, clean.width, clean.height) == ((64, 32), 64, 32)
        assert not {"exif", "xmp", "comment", "Comment", "XML:com.adobe.xmp"} & set(image.info) or format == "AVIF"
        assert len(dict(image.getexif())) == 0
        assert format in ("GIF", "MPO") or image.info["icc_profile"] == profile()
        assert image.n_frames == (1 if format == "MPO" else frames) if hasattr(image, "n_frames") else True
    assert clean_image(clean.content) == clean


@pytest.mark.parametrize("format", ["AVIF", "GIF", "PNG", "WEBP"])
def test_frames_stay_as_they_are(format):
    content = photo(format, frames=3)
    clean = clean_image(content).content
    before, after = (
        [
            (frame.convert("RGB").tobytes(), frame.info.get("duration"))
            for frame in ImageSequence.Iterator(open_image(each))
        ]
        for each in (content, clean)
    )
    assert len(after) == 3
    assert after == before


@pytest.mark.parametrize("format", ["GIF", "JPEG", "PNG", "WEBP"])
def test_pixels_stay_as_they_are_where_nothing_is_turned(format):
    content = photo(format)
    assert (
        open_image(clean_image(content).content).convert("RGB").tobytes()
        == open_image(content).convert("RGB").tobytes()
    )


# The edge at which readers see the left half of the stored picture, which is red.
SHOWN = {1: "left", 2: "right", 3: "right", 4: "left", 5: "top", 6: "top", 7: "bottom", 8: "bottom"}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["AVIF", "JPEG", "PNG", "WEBP"])
def test_a_photo_is_stored_the_right_way_up(format, orientation):
    clean = clean_image(photo(format, orientation=orientation))
    assert (clean.width, clean.height) == ((64, 32) if orientation < 5 else (32, 64))
    assert places_in(clean.content) == []
    if format == "AVIF":
        return  # its rotation is a property of the image, which browsers apply and Pillow leaves to its callers
    assert open_image(clean.content).size == (clean.width, clean.height)
    assert open_image(clean.content).getexif().get(0x0112, 1) == 1
    red = SHOWN[orientation]
    other = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}[red]
    colours = sides(clean.content)
    assert (colours[red], colours[other]) == ("red", "blue")
    assert open_image(clean.content).info["icc_profile"] == profile()
    assert clean_image(clean.content) == clean


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_all_frames_are_turned(format):
    clean = clean_image(photo(format, orientation=6, frames=3))
    frames = list(ImageSequence.Iterator(open_image(clean.content)))
    assert [frame.size for frame in frames] == [(32, 64)] * 3


def test_data_after_the_picture_is_dropped():
    """A film of a "motion photo", a second image of a set: each has a place of its own."""
    content = photo("JPEG")
    assert clean_image(content + photo("JPEG") + SECRET.encode()) == clean_image(content)
    png = photo("PNG")
    assert clean_image(png + SECRET.encode()) == clean_image(png)


def test_a_progressive_photo_stays_one():
    file = BytesIO()
    picture((640, 320)).save(file, "JPEG", progressive=True, exif=place(6))
    clean = clean_image(file.getvalue())
    assert places_in(clean.content) == []
    assert open_image(clean.content).info["progressive"]
    assert sides(clean.content)["top"] == "red"


def declaring(format: str, width: int, height: int) -> bytes:
    """A real small image whose header says otherwise."""
    if format == "PNG":
        return png_of(width, height)
    content = bytearray(photo(format, frames=2 if format == "WEBP" else 1))
    if format == "GIF":
        content[6:10] = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    elif format == "JPEG":
        at = content.index(b"\xff\xc0") + 5
        content[at : at + 4] = height.to_bytes(2) + width.to_bytes(2)
    elif format == "WEBP":
        at = content.index(b"VP8X") + 12
        content[at : at + 6] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    else:
        at = content.index(b"ispe") + 8
        content[at : at + 8] = width.to_bytes(4) + height.to_bytes(4)
    return bytes(content)


@pytest.mark.parametrize("size", [(60_000, 60_000), (16_320, 12_240), (65_535, 1_526)])
@pytest.mark.parametrize("format", FORMATS)
def test_too_many_declared_pixels_are_one_clear_sentence(format, size, monkeypatch):
    monkeypatch.setattr(Image, "open", lambda *args, **options: pytest.fail("Pillow was asked"))
    with pytest.raises(
        BadImage, match=rf"declares {size[0]:,} x {size[1]:,} pixels; 100 million pixels are the most"
    ):
        clean_image(declaring(format, *size))


def test_the_bound_is_the_last_size_that_passes():
    check_pixels(10_000, MAX_PIXELS // 10_000)
    with pytest.raises(BadImage):
        check_pixels(10_000, MAX_PIXELS // 10_000 + 1)
    with pytest.raises(BadImage, match="nothing to show"):
        clean_image(png_of(0, 5))


def test_a_large_frame_of_a_small_gif_counts():
    content = bytearray(photo("GIF"))
    at = content.index(b"\x2c\0\0\0\0") + 5
    content[at : at + 4] = b"\xff\xff\xff\xff"
    with pytest.raises(BadImage, match="65,535 x 65,535"):
        clean_image(bytes(content))


@pytest.mark.parametrize("format", FORMATS)
def test_no_damage_is_more_than_a_bad_image(format):
    """An image that is cut off, or has a wrong byte, is cleaned or is a BadImage."""
    content = photo(format)
    short = [content[:length] for length in range(0, len(content), 7)]
    turned = [content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :] for at in range(0, len(content), 5)]
    taken = 0
    for each in (*short, *turned):
        try:
            clean = clean_image(each)
        except BadImage:
            continue
        taken += clean is not None
        assert clean is None or each in turned or places_in(clean.content) == []
    assert taken, "no damaged image was looked at to its end"


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7", b"ID3\x04", b"\0\0\0\x18ftypmp42", b"plain", b"<svg/>"])
def test_other_files_are_left_alone(content):
    assert clean_image(content) is None
    assert clean_file("a.pdf", content) is None
    with pytest.raises(BadImage, match="no image that browsers know"):
        clean_file("a.JPG", content)


@pytest.mark.parametrize("format", ["TIFF", "BMP"])
def test_other_image_formats_are_refused_under_any_image_name(format):
    file = BytesIO()
    picture().save(file, format)
    with pytest.raises(BadImage, match="no image that browsers know"):
        clean_file("a.jpg", file.getvalue())


def test_an_image_is_recognised_under_any_name():
    assert places_in(clean_file("a.pdf", photo("JPEG")).content) == []
