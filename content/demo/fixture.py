"""The text of fixture.toml, and the pictures beside it."""

import tomllib
from pathlib import Path

import msgspec
from msgspec import Struct

HERE = Path(__file__).parent


class Author(Struct, frozen=True):
    name: str
    bio: str = ""


class Picture(Struct, frozen=True):
    file: str
    alt_text: str

    def read(self) -> bytes:
        return (HERE / "pictures" / self.file).read_bytes()


class Page(Struct, frozen=True):
    title: str
    body: str


class Sample(Struct, frozen=True):
    """A block of code and the sentence before it. It suits one theme, or all if `theme` is empty."""

    language: str
    lead: str
    code: str
    theme: str = ""


class Theme(Struct, frozen=True):
    """A category, its own titles, and the phrases that posts in it use. The first row of `table` is its head."""

    name: str
    slug: str
    description: str
    tags: list[str]
    pictures: list[str]
    titles: list[str]
    table: list[list[str]]
    phrases: dict[str, list[str]]


class Fixture(Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    tagline: str
    menu: list[dict[str, str]]
    authors: list[Author]
    pictures: list[Picture]
    samples: list[Sample]
    pages: list[Page]
    phrases: dict[str, list[str]]
    themes: list[Theme]


def load_fixture() -> Fixture:
    return msgspec.convert(tomllib.loads((HERE / "fixture.toml").read_text(encoding="utf-8")), Fixture)
