"""Front matter: YAML between lines of ---, TOML between lines of +++, JSON between lines of ;;; or as an object."""

import json
import re
import tomllib
from collections.abc import Callable
from typing import Any

import yaml

from content.importers.report import BadFile

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
HINT = "write YAML between lines of ---, TOML between lines of +++, or a JSON object"

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def check_yaml(matter: str) -> None:
    """Refuse aliases, by which a small file fills the memory, and deep nesting, which can crash the parser in C."""
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


def split(text: str) -> tuple[dict[str, Any], str]:
    """The front matter of a file, and its body. Blank lines before the front matter are ignored, as in Hugo.

    Raises BadFile for front matter that is invalid or of an unknown language.
    """
    start = BLANK_LINES.sub("", text)
    if JSON_OBJECT.match(start):
        return split_json(start)
    first, _, rest = start.partition("\n")
    fence, language = find_fence(first)
    if not fence:
        return {}, text
    lines = rest.split("\n")
    ends = ENDS.get(fence, {fence})
    end = next((number for number, line in enumerate(lines) if line.rstrip() in ends), None)
    if end is None and first.strip() == "---" and not looks_like_yaml(lines):
        return {}, text
    if end is None:
        raise BadFile(f"Its front matter begins with {first.strip()[:80]} and has no {fence} to end it.")
    matter = "\n".join(lines[:end])
    check_size(matter)
    return parse(language, matter), "\n".join(lines[end + 1 :])


def find_fence(line: str) -> tuple[str, str]:
    """The fence in a first line, and its language; empty for a line of text. Raises BadFile."""
    match = FENCE.fullmatch(line.strip())
    if match is None:
        if COMMENTED.match(line):
            raise BadFile(f"Its front matter stands in an HTML comment: {HINT}.")
        return "", ""
    fence, named = match[1], (match[2] or "").strip()
    language = LANGUAGES.get(named.casefold()) if named else FENCES[fence]
    if language is None:
        raise BadFile(f"Its front matter begins with {line.strip()[:80]!r}, which is not read here: {HINT}.")
    return fence, language


def split_json(text: str) -> tuple[dict[str, Any], str]:
    """Front matter that is an object at the beginning, as Hugo writes it."""
    try:
        values, end = JSON.raw_decode(text[: LARGEST_FRONT_MATTER + 1])
    except (ValueError, RecursionError) as error:
        raise BadFile(f"Its front matter is not valid JSON: {describe(error)}.") from error
    check_size(text[:end])
    return to_fields(values), text[end:].removeprefix("\n")


def check_size(matter: str) -> None:
    if len(matter) > LARGEST_FRONT_MATTER:
        raise BadFile(f"Its front matter has {len(matter):,} characters; {LARGEST_FRONT_MATTER:,} is the most.")


def looks_like_yaml(lines: list[str]) -> bool:
    """A text may begin with a rule of three dashes and have no front matter."""
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    return re.match(r"""(["']?)[\w-]+\1\s*:(\s|$)""", first) is not None


def parse(language: str, matter: str) -> dict[str, Any]:
    values = PARSERS[language](matter)
    return {} if values is None else to_fields(values)


def to_fields(values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise BadFile(f"Its front matter is a {type(values).__name__}, where names and values belong.")
    return {str(name): value for name, value in values.items()}


def parse_toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadFile(f"Its front matter is not valid TOML: {describe(error)}.") from error


def parse_json(text: str) -> Any:
    """An object, or its inside alone, as Middleman writes it."""
    inside = text.strip()
    try:
        return JSON.decode(inside if inside.startswith("{") else f"{{{inside}}}")
    except (ValueError, RecursionError) as error:
        raise BadFile(f"Its front matter is not valid JSON: {describe(error)}.") from error


def refuse_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def parse_yaml(text: str, name: str = "Its front matter") -> Any:
    """Plain values, nested at most DEEPEST deep. Raises BadFile, whose message begins with `name`."""
    try:
        check_yaml(text)
        return yaml.load(text, Loader)  # noqa: S506
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadFile(f"{name} is not valid YAML: {describe(error)}.") from error


def describe(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 2}, column {mark.column + 1}: " if mark else ""
    return place + " ".join(str(getattr(error, "problem", None) or error).split()).rstrip(".")


JSON = json.JSONDecoder(parse_constant=refuse_number)
PARSERS: dict[str, Callable[[str], Any]] = {"JSON": parse_json, "TOML": parse_toml, "YAML": parse_yaml}
