"""Front matter: YAML between lines of ---, or TOML between lines of +++."""

import re
import tomllib
from typing import Any

import yaml

from content.importers.errors import BadFile

LARGEST_FRONT_MATTER = 100_000
DEEPEST = 20
FENCES = {"---": "YAML", "+++": "TOML"}

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def checked(matter: str) -> str:
    """Deep nesting can crash the parser in C, and aliases let a small file fill the memory: neither passes."""
    depth = 0
    for event in yaml.parse(matter, Loader):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not supported")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise yaml.YAMLError(f"it is nested more than {DEEPEST} deep")
    return matter


def split(text: str) -> tuple[dict[str, Any], str]:
    """The front matter as a mapping, and the body behind it. A file without any is all body."""
    first, _, rest = text.partition("\n")
    fence = first.strip()
    if fence not in FENCES:
        return {}, text
    lines = rest.split("\n")
    end = next((number for number, line in enumerate(lines) if line.rstrip() == fence), None)
    if end is None and fence == "---" and not looks_like_yaml(lines):
        return {}, text
    if end is None:
        raise BadFile(f"Its front matter begins with {fence} and has no {fence} to end it.")
    matter = "\n".join(lines[:end])
    if len(matter) > LARGEST_FRONT_MATTER:
        raise BadFile(f"Its front matter has {len(matter):,} characters; {LARGEST_FRONT_MATTER:,} is the most.")
    return parse(FENCES[fence], matter), "\n".join(lines[end + 1 :])


def looks_like_yaml(lines: list[str]) -> bool:
    """A text may begin with a rule of three dashes and have no front matter."""
    return bool(lines) and re.match(r"[\w-]+\s*:", lines[0]) is not None


def parse(language: str, matter: str) -> dict[str, Any]:
    values = parse_toml(matter) if language == "TOML" else parse_yaml(matter)
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise BadFile(f"Its front matter is a {type(values).__name__}, where names and values belong.")
    return {str(name): value for name, value in values.items()}


def parse_toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadFile(f"Its front matter is not valid TOML: {one_line(error)}.") from error


def parse_yaml(text: str, name: str = "Its front matter") -> Any:
    """Plain values alone, and none that are nested deep. Raises BadFile, which says that `name` is not valid."""
    try:
        return yaml.load(checked(text), Loader)  # noqa: S506
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadFile(f"{name} is not valid YAML: {one_line(error)}.") from error


def one_line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 2}, column {mark.column + 1}: " if mark else ""
    return place + " ".join(str(getattr(error, "problem", None) or error).split()).rstrip(".")
