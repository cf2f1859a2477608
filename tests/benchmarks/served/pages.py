"""The pages that all contenders serve: of a known size, plain and compressed."""

import random
from dataclasses import dataclass
from functools import cached_property

import brotli

WORDS = ("evergreen", "leaf", "needle", "root", "bark", "cone", "resin", "moss", "fern", "wood", "rain", "light")
# Beyond that quality it is not what a server does at run time.
QUALITY = 5


@dataclass(frozen=True)
class Page:
    """`varies`: by Accept-Encoding, with the answer in brotli for who takes it."""

    body: bytes
    varies: bool = False

    @cached_property
    def compressed(self) -> bytes:
        return brotli.compress(self.body, quality=QUALITY)


def text_of(size: int) -> bytes:
    """As many bytes of markup, the same in every process."""
    chosen = random.Random(size)
    paragraphs: list[str] = []
    while sum(map(len, paragraphs)) < size:
        paragraphs.append(f"<p>{' '.join(chosen.choices(WORDS, k=60))}, {chosen.random()}</p>\n")
    return "".join(paragraphs).encode()[:size]


PAGES = {
    "/8k": Page(text_of(8192)),
    "/8k-varies": Page(text_of(8192), varies=True),
    "/100k": Page(text_of(100_000)),
}
