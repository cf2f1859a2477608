"""Cover pictures drawn in code: a sky, ridges that fade into haze, and conifers."""

import math
from collections.abc import Callable
from io import BytesIO
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from content.demo.scenes import Colour, Scene

# Drawn larger and made smaller, for soft edges.
SCALE = 1.5

Skyline = Callable[[float], float]


def draw(scene: Scene, rng: Random, size: tuple[int, int]) -> bytes:
    """The picture as WebP, `size` being its pixels."""
    width, height = round(size[0] * SCALE), round(size[1] * SCALE)
    picture = gradient(scene.sky, width, height)
    hang_stars(picture, scene, rng)
    picture = hang_light(picture, scene)
    layers = 4 if scene.lake else 5
    for layer in range(layers):
        picture = add_ridge(picture, scene, rng, layer / (layers - 1))
    if scene.lake:
        picture = add_lake(picture)
    buffer = BytesIO()
    picture.resize(size, Image.Resampling.BILINEAR).save(buffer, "WEBP", quality=80, method=2)
    return buffer.getvalue()


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def gradient(colours: tuple[Colour, Colour, Colour], width: int, height: int) -> Image.Image:
    """From the first colour at the top over the second to the third at two thirds of the height."""
    column = Image.new("RGB", (1, height))
    for y in range(height):
        place = min(y / height / 0.66, 1.0) * 2
        pair = colours[:2] if place < 1 else colours[1:]
        column.putpixel((0, y), mixed(pair[0], pair[1], place % 1 if place < 2 else 1.0))
    return column.resize((width, height))


def hang_stars(picture: Image.Image, scene: Scene, rng: Random) -> None:
    pen = ImageDraw.Draw(picture)
    for _ in range(scene.stars):
        x, y = rng.uniform(0, picture.width), rng.uniform(0, picture.height * 0.62)
        radius = SCALE * rng.choice((0.5, 0.7, 0.7, 1.2))
        shine = mixed(scene.sky[1], scene.light, rng.uniform(0.4, 1.0))
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=shine)


def hang_light(picture: Image.Image, scene: Scene) -> Image.Image:
    """Sun or moon: a disc, and a glow blurred at a small size, where blurring is cheap."""
    small = (picture.width // 16, picture.height // 16)
    x, y = scene.light_at[0] * small[0], scene.light_at[1] * small[1]
    radius = scene.light_size * small[0]
    mask = Image.new("L", small)
    ImageDraw.Draw(mask).ellipse((x - radius * 2, y - radius * 2, x + radius * 2, y + radius * 2), fill=150)
    glow = mask.filter(ImageFilter.GaussianBlur(radius * 1.6)).resize(picture.size, Image.Resampling.BICUBIC)
    lit = Image.composite(Image.new("RGB", picture.size, scene.light), picture, glow)
    x, y, radius = x * 16, y * 16, radius * 16
    ImageDraw.Draw(lit).ellipse((x - radius, y - radius, x + radius, y + radius), fill=scene.light)
    return lit


def add_ridge(picture: Image.Image, scene: Scene, rng: Random, nearness: float) -> Image.Image:
    """A ridge line with trees on it; haze rises from its foot, less of it the nearer it is."""
    width, height = picture.size
    line = skyline(rng, height * (0.5 + 0.4 * nearness), height * (0.1 - 0.05 * nearness), width)
    mask = Image.new("L", picture.size)
    pen = ImageDraw.Draw(mask)
    points = [(float(x), line(x)) for x in range(0, width + 24, 24)]
    pen.polygon([(0, height), *points, (width, height)], fill=255)
    if scene.trees and (nearness > 0 or not scene.snow):
        plant(pen, line, rng, width, height * (0.03 + 0.14 * nearness**1.6))
    colour = mixed(scene.far, scene.near, nearness**0.9)
    foot = mixed(colour, scene.sky[2], scene.haze * (1 - nearness * 0.75))
    if scene.snow:
        return snowy(picture, mask, points, colour, scene)
    picture.paste(gradient((colour, colour, foot), width, height), mask=mask)
    return picture


def snowy(
    picture: Image.Image, mask: Image.Image, points: list[tuple[float, float]], trees: Colour, scene: Scene
) -> Image.Image:
    """Dark trees, white ground: the ground is painted over the mask that both share."""
    picture.paste(trees, mask=mask)
    ground = Image.new("L", picture.size)
    ImageDraw.Draw(ground).polygon([(0, picture.height), *points, (picture.width, picture.height)], fill=255)
    shade = mixed(trees, scene.sky[2], 0.86)
    picture.paste(gradient((shade, scene.sky[2], shade), *picture.size), mask=ImageChops.darker(mask, ground))
    return picture


def skyline(rng: Random, base: float, swing: float, width: int) -> Skyline:
    """A few sines of random phase: smooth hills that never repeat within the picture."""
    waves = [(rng.uniform(0.6, 1.4) * n, rng.uniform(0, math.tau), swing / n) for n in (1, 2, 4, 9)]

    def height_at(x: float) -> float:
        return base + sum(size * math.sin(often * x / width * math.tau + phase) for often, phase, size in waves)

    return height_at


def plant(pen: ImageDraw.ImageDraw, line: Skyline, rng: Random, width: int, tallest: float) -> None:
    """Conifers in clumps along the ridge."""
    x = 0.0
    while x < width:
        clump = 0.5 + 0.5 * math.sin(x / width * math.tau * 2.3 + tallest)
        tree = tallest * rng.uniform(0.45, 1.0) * (0.55 + 0.45 * clump)
        conifer(pen, x, line(x) + tree * 0.08, tree, rng)
        x += tallest * rng.uniform(0.12, 0.3) * (1.9 - clump)


def conifer(pen: ImageDraw.ImageDraw, x: float, foot: float, height: float, rng: Random) -> None:
    """A trunk and drooping tiers, each wider than the one above it."""
    tiers = 7
    lean = rng.uniform(-0.02, 0.02) * height
    spread = height * rng.uniform(0.15, 0.21)
    outline: list[tuple[float, float]] = [(x + lean, foot - height)]
    left: list[tuple[float, float]] = []
    for tier in range(1, tiers + 1):
        share = tier / tiers
        y = foot - height * (1 - share * 0.93)
        out = spread * share * rng.uniform(0.85, 1.1)
        outline += [(x + out, y), (x + out * 0.5, y - height * 0.02)]
        left += [(x - out, y), (x - out * 0.5, y - height * 0.02)]
    pen.polygon([*outline, (x, foot - height * 0.07), *reversed(left)], fill=255)
    trunk = max(height * 0.018, 1.0)
    pen.rectangle((x - trunk, foot - height * 0.1, x + trunk, foot + height * 0.05), fill=255)


def add_lake(picture: Image.Image) -> Image.Image:
    """The lower part mirrors what stands above the shore, darker and a little blurred."""
    shore = round(picture.height * 0.74)
    depth = picture.height - shore
    above = picture.crop((0, shore - depth, picture.width, shore)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    rippled = above.resize((picture.width // 2, depth // 24)).resize((picture.width, depth), Image.Resampling.BICUBIC)
    mirrored = Image.blend(above.filter(ImageFilter.BoxBlur(3)), rippled, 0.5)
    picture.paste(Image.blend(mirrored, Image.new("RGB", mirrored.size, (24, 48, 60)), 0.22), (0, shore))
    return picture
