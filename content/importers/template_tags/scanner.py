"""Finds template tags in a text: tags, values, shortcodes and comments, with their names, arguments and ends."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

LONGEST = 4000
OPENING = re.compile(r"\{\{|\{%|\{#(?![\w:.-]+[^}#\n]*\})")
BLANK_LINE = re.compile(r"\n[ \t]*\n")
NAME = re.compile(r"/?\s*[A-Za-z_][\w.-]*")
LITERALS = {"raw", "verbatim"}
LITERAL_END = re.compile(r"\{%[-~+]?\s*end(?:raw|verbatim)\s*[-~+]?%\}")
CLOSINGS = {"{{<": ">}}", "{{%": "%}}", "{{": "}}", "{%": "%}", "{#": "#}"}
KINDS = {"{{<": "shortcode", "{{%": "shortcode", "{{": "value", "{%": "tag", "{#": "comment"}
HIGHLIGHTS = {"highlight"}
# The text in a loop is a template for missing data. The text in an `if` stays.
DROPPED_WITH_TEXT = {
    "comment", "capture", "macro", "for", "tablerow", "set", "style", "stylesheet", "javascript", "schema",
}  # fmt: skip
PAIRED = LITERALS | HIGHLIGHTS | DROPPED_WITH_TEXT
QUOTED = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""
ARGUMENT = re.compile(rf"(?:(?P<name>[A-Za-z_][\w-]*)\s*[=:]\s*)?(?P<value>{QUOTED}|[^\s,()'\"]+)", re.DOTALL)
LIST_OF_QUOTED = re.compile(rf"\s*(?:{QUOTED})(?:\s*,\s*(?:{QUOTED}))*\s*", re.DOTALL)


@dataclass(frozen=True)
class TemplateTag:
    """`kind` is tag, value, shortcode, comment or stray; `inside` is the text between its marks."""

    start: int
    end: int
    kind: str
    inside: str

    @property
    def name(self) -> str:
        """`image`, `site.baseurl`, `/highlight`; empty if it does not begin with a word."""
        match = NAME.match(self.inside)
        return match.group(0).replace(" ", "") if match else ""

    @property
    def arguments(self) -> str:
        match = NAME.match(self.inside)
        return self.inside[match.end() if match else 0 :].strip()


def find_tags(text: str) -> Iterator[TemplateTag]:
    """All tags in order, without nested ones. An opening mark without an end before a blank line is a stray one."""
    at = 0
    while opening := OPENING.search(text, at):
        start = opening.start()
        mark = next(mark for mark in CLOSINGS if text.startswith(mark, start))
        end = text.find(CLOSINGS[mark], start + len(mark), start + LONGEST)
        if end < 0 and len(mark) == 3:
            mark = "{{"
            end = text.find("}}", start + 2, start + LONGEST)
        if end < 0 or BLANK_LINE.search(text, start, end):
            at = start + 2
            if mark != "{#":
                yield TemplateTag(start, at, "stray", "")
            continue
        at = end + len(CLOSINGS[mark])
        # Whitespace control ({%- -%}, {{~ ~}}) and the closing slash of a shortcode are no arguments.
        inside = text[start + len(mark) : end].strip().lstrip("-~+").rstrip("-~+/" if len(mark) == 3 else "-~+")
        tag = TemplateTag(start, at, KINDS[mark], inside.strip())
        yield tag
        # Literal text may contain the beginning of a tag that the end of the literal would close.
        if tag.name in LITERALS and (closing := LITERAL_END.search(text, at)):
            at = closing.end()
            yield TemplateTag(closing.start(), at, "tag", f"end{tag.name}")


def pair_tags(tags: Sequence[TemplateTag]) -> dict[int, int]:
    """The index of the end tag of each paired tag, by the index of that tag."""
    ends: dict[int, int] = {}
    open_tags: dict[str, list[int]] = defaultdict(list)
    for index, tag in enumerate(tags):
        name = tag.name.removeprefix("end").removeprefix("/")
        if name not in PAIRED or tag.kind not in ("tag", "shortcode"):
            continue
        if name == tag.name:
            # Inside a literal its own name is text; `set x = 1` has no end.
            if not (name in LITERALS and open_tags[name]) and not (name == "set" and "=" in tag.arguments):
                open_tags[name].append(index)
        elif open_tags[name]:
            ends[open_tags[name].pop()] = index
    return ends


@dataclass
class Arguments:
    """The arguments of a tag: those without a name in order, and those with one."""

    words: list[str] = field(default_factory=list)
    named: dict[str, str] = field(default_factory=dict)

    def get(self, *names: str) -> str:
        """The first of these arguments that has a value."""
        return next((self.named[name] for name in names if self.named.get(name)), "")

    def first(self, *names: str) -> str:
        """The argument with that name, or the first one without a name."""
        return self.get(*names) or (self.words[0] if self.words else "")


def parse_arguments(text: str) -> Arguments:
    arguments = Arguments()
    for match in ARGUMENT.finditer(text):
        value = unquote(match["value"])
        if match["name"]:
            arguments.named[match["name"].lower()] = value
        else:
            arguments.words.append(value)
    return arguments


def parse_image_arguments(text: str, *, with_class: bool = False) -> tuple[str, str]:
    """Source and description of `image "source" "description"`, which may have quotes inside."""
    if LIST_OF_QUOTED.fullmatch(text):
        words = parse_arguments(text).words
        alt = 2 if with_class else 1
        return words[0], words[alt] if len(words) > alt else ""
    first = re.match(rf"\s*({QUOTED}|\S+)\s*,?\s*", text)
    if first is None:
        return "", ""
    rest = text[first.end() :]
    if with_class and (skipped := re.match(rf"({QUOTED}|\S+)\s*,?\s*", rest)):
        rest = rest[skipped.end() :]
    return unquote(first[1]), rest.strip().strip("\"'")


def parse_language(highlight: TemplateTag) -> str:
    arguments = parse_arguments(highlight.arguments)
    words = arguments.words or list(arguments.named.values())
    return "".join(letter for letter in words[0] if letter.isalnum() or letter in "+#-_.") if words else ""


def unquote(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return re.sub(r"\\([\"'\\])", r"\1", text[1:-1])
    return text
