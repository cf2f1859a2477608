"""Shortcodes: `[name key="value"]` and `[name]...[/name]`, found, paired and converted."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from content.importers.wordpress.code import Kept

SHORTCODE = re.compile(
    r"""\[(?P<before>\[?)(?P<close>/?)(?P<name>[A-Za-z][A-Za-z0-9_-]{0,60})
    (?P<attributes>(?:[\s/=:](?:[^\[\]"'<>]++|"[^"]{0,5000}"|'[^']{0,5000}'|"|'){0,200}+)?)\](?P<after>\]?)""",
    re.VERBOSE,
)
ATTRIBUTE = re.compile(r"""([\w-]{1,60})\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"']+))|"([^"]*)"|'([^']*)'|(\S+)""")
CURLED = str.maketrans({"\u201c": '"', "\u201d": '"', "\u2033": '"', "\u2018": "'", "\u2019": "'"})
DEEPEST = 20

# What a known shortcode becomes, as HTML; None: it is dropped.
Converter = Callable[[Mapping[str, str], str], str | None]


@dataclass(frozen=True)
class Shortcode:
    """An opening or closing tag, by its place in the text."""

    start: int
    end: int
    name: str
    closes: bool
    attributes: str
    escaped: bool


@dataclass
class Shortcodes:
    """Converts those that are known, and takes away those that are not; what they enclose stays."""

    known: Mapping[str, Converter]
    converted: Counter[str]
    dropped: Counter[str]

    def convert(self, text: str, depth: int = 0) -> str:
        if "[" not in text or depth > DEEPEST:
            return text
        found = list(shortcodes(text, self.known))
        ends = pairs(found)
        pieces, at, index = [], 0, 0
        while index < len(found):
            opening = found[index]
            pieces.append(text[at : opening.start])
            closing = found[ends[index]] if index in ends else None
            inside = text[opening.end : closing.start] if closing else ""
            index = ends.get(index, index) + 1
            at = closing.end if closing else opening.end
            pieces.append(self.one(text, opening, inside, depth, is_pair=closing is not None))
        return "".join([*pieces, text[at:]])

    def one(self, text: str, opening: Shortcode, inside: str, depth: int, *, is_pair: bool) -> str:
        if opening.escaped:
            return text[opening.start + 1 : opening.end - 1].replace("[", "&#91;")
        if not is_pair and not is_meant(opening, self.known):
            return text[opening.start : opening.end]
        is_code = opening.name in ("code", "sourcecode")
        inside = inside if is_code else self.convert(inside, depth + 1)
        converter = None if opening.closes else self.known.get(opening.name)
        html = converter(values(opening.attributes), inside) if converter else None
        (self.dropped if html is None else self.converted)[opening.name[:40]] += 1
        return inside if html is None else html


def shortcodes(text: str, known: Mapping[str, Converter]) -> Iterator[Shortcode]:
    kept = Kept(text)
    for match in SHORTCODE.finditer(text):
        if kept.holds(match.start()):
            continue
        escaped = bool(match["before"] and match["after"])
        yield Shortcode(
            start=match.start() + (0 if escaped or not match["before"] else 1),
            end=match.end() - (0 if escaped or not match["after"] else 1),
            name=match["name"].lower(),
            closes=bool(match["close"]),
            attributes=match["attributes"].strip().removesuffix("/"),
            escaped=escaped,
        )


def pairs(found: list[Shortcode]) -> dict[int, int]:
    """From each opening tag to the one that closes it; what was opened in between is closed with it."""
    ends: dict[int, int] = {}
    waiting: list[int] = []
    by_name: Counter[str] = Counter()
    for index, one in enumerate(found):
        if one.escaped:
            continue
        if not one.closes:
            waiting.append(index)
            by_name[one.name] += 1
            continue
        while by_name[one.name]:
            start = waiting.pop()
            by_name[found[start].name] -= 1
            if found[start].name == one.name:
                ends[start] = index
                break
    return ends


def is_meant(one: Shortcode, known: Mapping[str, Converter]) -> bool:
    """Whether it is a shortcode and not a remark in brackets, as [sic] is one."""
    if one.name in known or one.closes:
        return one.name in known or "_" in one.name or "-" in one.name
    return "=" in one.attributes or (not one.attributes and ("_" in one.name or "-" in one.name))


def values(attributes: str) -> dict[str, str]:
    """By name, and those without one by their place: "0", "1"."""
    found: dict[str, str] = {}
    for match in ATTRIBUTE.finditer(attributes.translate(CURLED)):
        value = next((group for group in match.groups()[1:] if group is not None), "")
        found.setdefault(match[1].lower() if match[1] else str(sum(name.isdecimal() for name in found)), value)
    return found
