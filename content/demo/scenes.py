"""What the cover pictures show."""

from dataclasses import dataclass

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Scene:
    """What a picture shows, and its colours: the sky from top to horizon, the land from far to near."""

    shows: str
    sky: tuple[Colour, Colour, Colour]
    far: Colour
    near: Colour
    light: Colour
    light_at: tuple[float, float] = (0.68, 0.42)
    light_size: float = 0.05
    stars: int = 0
    haze: float = 0.35
    trees: bool = True
    snow: bool = False
    lake: bool = False


SCENES = {
    "dawn": Scene(
        "Ridges of conifers at dawn, under a pale pink sky",
        sky=((92, 128, 158), (232, 180, 160), (252, 222, 184)),
        far=(176, 150, 156),
        near=(22, 48, 46),
        light=(255, 240, 214),
        light_at=(0.66, 0.5),
    ),
    "mist": Scene(
        "Fir tops in drifting mist",
        sky=((168, 186, 184), (204, 214, 208), (226, 230, 222)),
        far=(178, 194, 190),
        near=(30, 58, 50),
        light=(240, 242, 232),
        light_at=(0.3, 0.3),
        light_size=0.04,
        haze=0.75,
    ),
    "dusk": Scene(
        "Dark pines against an orange evening sky",
        sky=((44, 42, 82), (178, 86, 92), (248, 172, 106)),
        far=(120, 72, 96),
        near=(18, 22, 34),
        light=(255, 224, 160),
        light_at=(0.36, 0.54),
        light_size=0.06,
    ),
    "night": Scene(
        "A clear night with stars and a full moon above a wooded valley",
        sky=((10, 18, 38), (22, 44, 70), (52, 86, 104)),
        far=(36, 66, 84),
        near=(5, 13, 20),
        light=(238, 238, 222),
        light_at=(0.74, 0.24),
        light_size=0.035,
        stars=260,
    ),
    "snow": Scene(
        "Snow-covered hills with a row of dark spruces",
        sky=((126, 160, 190), (188, 206, 222), (236, 236, 236)),
        far=(196, 210, 224),
        near=(40, 66, 74),
        light=(255, 252, 240),
        light_at=(0.22, 0.3),
        snow=True,
    ),
    "lake": Scene(
        "A still lake that mirrors the forest on its far shore",
        sky=((56, 104, 132), (142, 186, 190), (230, 226, 196)),
        far=(104, 146, 150),
        near=(20, 52, 50),
        light=(255, 246, 216),
        light_at=(0.58, 0.36),
        lake=True,
    ),
    "meadow": Scene(
        "Rolling green hills on a summer morning, with conifers on the skyline",
        sky=((110, 166, 196), (182, 212, 214), (244, 238, 206)),
        far=(150, 182, 162),
        near=(52, 98, 56),
        light=(255, 250, 220),
        light_at=(0.8, 0.3),
        haze=0.25,
    ),
}
