"""Front matter: YAML between lines of ---, TOML between lines of +++, JSON between lines of ;;; or as an object.

A value of another type than expected counts as missing, except for dates.
"""

import json
import re
import tomllib
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

import yaml
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from content.importers.report import BadFile

LONGEST_NAME = 200
LONGEST_VALUE = 5000
MOST_NAMES = 50
# No database stores NUL, half of a surrogate pair is no text, and control characters are not visible.
UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
NO = {"false", "no", "off", "0", "n", "f", "never", "none", "null", ""}
DATED_NAME = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})-(.+)")
# 2024-05-31 12:00:00 -0400, as Jekyll writes it.
ZONE_APART = re.compile(r"\s+(Z|UTC|[+-]\d{2}:?\d{2})$")
DATE_HINT = "write 2024-05-31 or 2024-05-31T12:00:00Z"

Matter = dict[str, Any]


def get_text(matter: Matter, *keys: str) -> str:
    """The first of these fields that is a plain value, on one line."""
    for key in keys:
        value = matter.get(key)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            line = " ".join(UNREADABLE.sub("", str(value)[:LONGEST_VALUE]).split())
            if line:
                return line
    return ""


def get_plain_values(matter: Matter) -> dict[str, str]:
    """The values that a template can refer to by name."""
    return {key: value for key in matter if (value := get_text(matter, key))}


def get_names(matter: Matter, *keys: str, by_space: bool = False) -> tuple[str, ...]:
    """Names from a text, a list of texts, or a list of mappings with a name; in order, each once.

    A single text is split at commas or, as Jekyll does it, `by_space`.
    """
    for key in keys:
        value = matter.get(key)
        if isinstance(value, str):
            value = value.split(",") if "," in value else value.split() if by_space else [value]
        items = value if isinstance(value, list) else [value]
        names = [name[:LONGEST_NAME].strip() for item in items[:MOST_NAMES] if (name := get_name(item))]
        if names:
            return tuple(dict.fromkeys(names))
    return ()


def get_name(item: Any) -> str:
    return get_text(item, "name", "title", "id") if isinstance(item, dict) else get_text({"name": item}, "name")


def get_picture(matter: Matter) -> tuple[str, str]:
    """The address of the cover, and its alternative text."""
    alt = get_text(matter, "image_alt", "cover_alt", "alt", "hero_alt")
    for key in ("cover", "image", "featured_image", "cover_image", "hero_image", "thumbnail", "images"):
        value = matter.get(key)
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, dict):
            address = get_text(value, "image", "src", "path", "url", "file")
            return address, get_text(value, "alt", "caption", "title") or alt
        if address := get_text({key: value}, key):
            return address, alt
    return "", ""


def is_true(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() in ("true", "yes"))


def is_no(value: Any) -> bool:
    """Whether a value is empty or a word for no."""
    if isinstance(value, str):
        return value.strip().casefold() in NO
    return not value


def normalize_name(name: Any) -> str:
    """A field's name without case, dashes, underscores and spaces, as Hugo compares names."""
    return str(name).casefold().replace("-", "").replace("_", "").replace(" ", "")


def to_mapping(value: Any) -> Matter:
    return {str(name): each for name, each in value.items()} if isinstance(value, dict) else {}


def list_mappings(value: Any) -> list[Matter]:
    return [to_mapping(each) for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]


def list_texts(value: Any) -> list[str]:
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)]


def split_dated_name(stem: str) -> tuple[datetime | None, str]:
    """`2024-05-31-news` is the name `news` with that day."""
    match = DATED_NAME.fullmatch(stem)
    if match is None:
        return None, stem
    try:
        return to_midnight(date(int(match[1]), int(match[2]), int(match[3]))), match[4]
    except ValueError:
        return None, stem


def parse_time(value: Any, name: str) -> datetime | None:
    """A date or a time from a value of any type; one without a zone is in the site's. Raises BadFile."""
    try:
        match value:
            case None | "" | False:
                return None
            case datetime():
                return to_utc(value)
            case date():
                return to_midnight(value)
            case str() | int():
                return parse_time_text(str(value)[:100].strip())
    except (ValueError, OverflowError) as error:
        raise BadFile(f"Its {name} {str(value)[:80]!r} is no date ({error}): {DATE_HINT}.") from error
    raise BadFile(f"Its {name} is a {type(value).__name__} and no date: {DATE_HINT}.")


def parse_time_text(text: str) -> datetime:
    text = ZONE_APART.sub(lambda match: "Z" if match[1] == "UTC" else match[1], text)
    parsed = parse_datetime(text) or parse_date(text)
    if parsed is None:
        raise ValueError("not in a known form")
    return to_utc(parsed) if isinstance(parsed, datetime) else to_midnight(parsed)


def to_utc(value: datetime) -> datetime:
    return (value if value.tzinfo else timezone.make_aware(value)).astimezone(UTC)


def to_midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time())).astimezone(UTC)


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
