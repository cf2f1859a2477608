"""Single values of front matter: what is not a plain value is as if it were not there."""

import re
from typing import Any

from content.importers.remnants import person_name

LONGEST_NAME = 200
LONGEST_VALUE = 5000
MOST_NAMES = 50

# No database keeps NUL, half of a surrogate pair is no text, and nobody reads control characters.
UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

Matter = dict[str, Any]


def text(matter: Matter, *keys: str) -> str:
    """The first of these that is a plain value, on one line."""
    for key in keys:
        value = matter.get(key)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            line = " ".join(UNREADABLE.sub("", str(value)[:LONGEST_VALUE]).split())
            if line:
                return line
    return ""


def plain_values(matter: Matter) -> dict[str, str]:
    """What templates could refer to by name."""
    return {key: value for key in matter if (value := text(matter, key))}


def is_true(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() in ("true", "yes"))


def names(matter: Matter, *keys: str, by_space: bool = False) -> tuple[str, ...]:
    """A text, a list of texts, or a list of mappings with a name; in order, each once.

    A single text is cut at commas or, as Jekyll does it, `by_space`.
    """
    for key in keys:
        value = matter.get(key)
        if isinstance(value, str):
            value = value.split(",") if "," in value else value.split() if by_space else [value]
        items = value if isinstance(value, list) else [value]
        found = [name[:LONGEST_NAME].strip() for item in items[:MOST_NAMES] if (name := name_of(item))]
        if found:
            return tuple(dict.fromkeys(found))
    return ()


def people(matter: Matter, *keys: str) -> tuple[str, ...]:
    found = names(matter, *keys)
    return tuple(dict.fromkeys(person_name(name) for name in found))


def name_of(item: Any) -> str:
    return text(item, "name", "title", "id") if isinstance(item, dict) else text({"name": item}, "name")


def picture(matter: Matter) -> tuple[str, str]:
    """The cover's address and what it shows."""
    alt = text(matter, "image_alt", "cover_alt", "alt", "hero_alt")
    for key in ("cover", "image", "featured_image", "cover_image", "hero_image", "thumbnail", "images"):
        value = matter.get(key)
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, dict):
            return text(value, "image", "src", "path", "url", "file"), text(value, "alt", "caption", "title") or alt
        if found := text({key: value}, key):
            return found, alt
    return "", ""
