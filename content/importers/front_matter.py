"""Front matter: YAML between lines of ---, TOML between lines of +++, JSON between lines of ;;; or as an object."""

import json
import re
import tomllib
from collections.abc import Callable
from typing import Any

import yaml

from content.importers.errors import BadFile

LARGEST_FRONT_MATTER = 100_000
DEEPEST = 20
FENCES = {"---": "YAML", "+++": "TOML", ";;;": "JSON"}
# Words that may follow a fence on its line. Any other names a program, or no language of front matter.
LANGUAGES = {"yaml": "YAML", "yml": "YAML", "toml": "TOML", "json": "JSON"}
FENCE = re.compile(r"(---|\+\+\+|;;;)(?:[ \t]*([A-Za-z].*))?")
# Jekyll ends YAML with dots too.
ENDS = {"---": {"---", "..."}}
JSON_OBJECT = re.compile(r"""\{\s*(?:["'}]|$|\w+\s*:|//|/\*)""")
BLANK_LINES = re.compile(r"\A(?:[ \t]*\n)+")
COMMENTED = re.compile(r"<!--\s*(?:---|\+\+\+|;;;)")
TO_DO = "write YAML between lines of ---, TOML between lines of +++, or a JSON object"

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
    """The front matter as a mapping, and the body behind it. A file without any is all body.

    As Hugo does, blank lines before it are passed over. Raises BadFile for a fence that is not known here.
    """
    start = BLANK_LINES.sub("", text)
    if JSON_OBJECT.match(start):
        return split_json(start)
    first, _, rest = start.partition("\n")
    fence, language = fence_of(first)
    if not fence:
        return {}, text
    lines = rest.split("\n")
    ends = ENDS.get(fence, {fence})
    end = next((number for number, line in enumerate(lines) if line.rstrip() in ends), None)
    if end is None and first.strip() == "---" and not looks_like_yaml(lines):
        return {}, text
    if end is None:
        raise BadFile(f"Its front matter begins with {first.strip()[:80]} and has no {fence} to end it.")
    matter = bounded("\n".join(lines[:end]))
    return parse(language, matter), "\n".join(lines[end + 1 :])


def fence_of(line: str) -> tuple[str, str]:
    """The fence that a first line is, and its language; empty for a line of text. Raises BadFile."""
    match = FENCE.fullmatch(line.strip())
    if match is None:
        if COMMENTED.match(line):
            raise BadFile(f"Its front matter stands in an HTML comment: {TO_DO}.")
        return "", ""
    fence, named = match[1], (match[2] or "").strip()
    language = LANGUAGES.get(named.casefold()) if named else FENCES[fence]
    if language is None:
        raise BadFile(f"Its front matter begins with {line.strip()[:80]!r}, which is not read here: {TO_DO}.")
    return fence, language


def split_json(text: str) -> tuple[dict[str, Any], str]:
    """An object at the beginning, as Hugo has it."""
    try:
        values, end = JSON.raw_decode(text[: LARGEST_FRONT_MATTER + 1])
    except (ValueError, RecursionError) as error:
        raise BadFile(f"Its front matter is not valid JSON: {one_line(error)}.") from error
    bounded(text[:end])
    return named_values(values), text[end:].removeprefix("\n")


def bounded(matter: str) -> str:
    if len(matter) > LARGEST_FRONT_MATTER:
        raise BadFile(f"Its front matter has {len(matter):,} characters; {LARGEST_FRONT_MATTER:,} is the most.")
    return matter


def looks_like_yaml(lines: list[str]) -> bool:
    """A text may begin with a rule of three dashes and have no front matter."""
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    return re.match(r"""(["']?)[\w-]+\1\s*:(\s|$)""", first) is not None


def parse(language: str, matter: str) -> dict[str, Any]:
    values = PARSERS[language](matter)
    return {} if values is None else named_values(values)


def named_values(values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise BadFile(f"Its front matter is a {type(values).__name__}, where names and values belong.")
    return {str(name): value for name, value in values.items()}


def parse_toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadFile(f"Its front matter is not valid TOML: {one_line(error)}.") from error


def parse_json(text: str) -> Any:
    """An object, or its inside alone, as Middleman writes it."""
    inside = text.strip()
    try:
        return JSON.decode(inside if inside.startswith("{") else f"{{{inside}}}")
    except (ValueError, RecursionError) as error:
        raise BadFile(f"Its front matter is not valid JSON: {one_line(error)}.") from error


def no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


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


JSON = json.JSONDecoder(parse_constant=no_number)
PARSERS: dict[str, Callable[[str], Any]] = {"JSON": parse_json, "TOML": parse_toml, "YAML": parse_yaml}
