"""What stands behind a remnant's name: words, quoted words, and named ones."""

import re
from dataclasses import dataclass, field

QUOTED = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""
ONE = re.compile(rf"(?:(?P<name>[A-Za-z_][\w-]*)\s*[=:]\s*)?(?P<value>{QUOTED}|[^\s,()'\"]+)", re.DOTALL)
LIST_OF_QUOTED = re.compile(rf"\s*(?:{QUOTED})(?:\s*,\s*(?:{QUOTED}))*\s*", re.DOTALL)


@dataclass
class Arguments:
    words: list[str] = field(default_factory=list)
    named: dict[str, str] = field(default_factory=dict)

    def get(self, *names: str) -> str:
        """The first of these names that has a value."""
        return next((self.named[name] for name in names if self.named.get(name)), "")

    def first(self, *names: str) -> str:
        """By name, or the first word."""
        return self.get(*names) or (self.words[0] if self.words else "")


def arguments(text: str) -> Arguments:
    found = Arguments()
    for match in ONE.finditer(text):
        value = unquoted(match["value"])
        if match["name"]:
            found.named[match["name"].lower()] = value
        else:
            found.words.append(value)
    return found


def image_words(text: str, *, with_class: bool = False) -> tuple[str, str]:
    """Source and description of `image "source" "description"`, which may have quotes inside of it."""
    if LIST_OF_QUOTED.fullmatch(text):
        return padded(arguments(text).words, with_class=with_class)
    first = re.match(rf"\s*({QUOTED}|\S+)\s*,?\s*", text)
    if first is None:
        return "", ""
    rest = text[first.end() :]
    if with_class and (skipped := re.match(rf"({QUOTED}|\S+)\s*,?\s*", rest)):
        rest = rest[skipped.end() :]
    return unquoted(first[1]), rest.strip().strip("\"'")


def padded(words: list[str], *, with_class: bool) -> tuple[str, str]:
    alt = 2 if with_class else 1
    return words[0], words[alt] if len(words) > alt else ""


def unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return re.sub(r"\\([\"'\\])", r"\1", text[1:-1])
    return text
