"""What the demo blog writes about: the words in words/*.toml, a file a theme."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from content.demo.grammar import Grammar

HERE = Path(__file__).parent
WORDS = HERE / "words"
COMMON = WORDS / "common.toml"

NAMED = {"name", "slug", "description", "tags", "covers", "acts", "titles", "table"}


@dataclass(frozen=True)
class Table:
    columns: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Theme:
    """A section of the blog, and how one talks in it."""

    name: str
    slug: str
    description: str
    tags: list[str]
    covers: list[str]
    titles: list[str]
    table: Table
    grammar: Grammar


@dataclass(frozen=True)
class Person:
    name: str
    bio: str


@dataclass(frozen=True)
class Sample:
    """A block of code, and the sentence that leads to it."""

    language: str
    lead: str
    code: str


def load_themes(rng: Random) -> list[Theme]:
    common = read(COMMON)
    return [theme(read(path), common, rng) for path in sorted(WORDS.glob("*.toml")) if path != COMMON]


def load_people() -> list[Person]:
    return [Person(**entry) for entry in read(HERE / "people.toml")["person"]]


def load_samples() -> list[Sample]:
    return [Sample(**entry) for entry in read(HERE / "samples.toml")["sample"]]


def theme(words: dict[str, Any], common: dict[str, Any], rng: Random) -> Theme:
    rules = {symbol: lines for symbol, lines in words.items() if symbol not in NAMED}
    forms = {
        "act": [f"{base} {what}" for base, _, _, what in words["acts"]],
        "acting": [f"{gerund} {what}" for _, gerund, _, what in words["acts"]],
        "acted": [f"{past} {what}" for _, _, past, what in words["acts"]],
    }
    return Theme(
        name=words["name"],
        slug=words["slug"],
        description=words["description"],
        tags=words["tags"],
        covers=words["covers"],
        titles=words["titles"],
        table=Table(**words["table"]),
        grammar=Grammar(common | rules | forms, rng),
    )


def read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())
