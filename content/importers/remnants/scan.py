"""Finding template remnants: tags, values, shortcodes and comments, each with its name and arguments."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST = 4000

OPENING = re.compile(r"\{\{|\{%|\{#(?![\w:.-]+[^}#\n]*\})")
BLANK_LINE = re.compile(r"\n[ \t]*\n")
NAME = re.compile(r"/?\s*[A-Za-z_][\w.-]*")
LITERALS = {"raw", "verbatim"}
LITERAL_END = re.compile(r"\{%[-~+]?\s*end(?:raw|verbatim)\s*[-~+]?%\}")
CLOSINGS = {"{{<": ">}}", "{{%": "%}}", "{{": "}}", "{%": "%}", "{#": "#}"}
KINDS = {"{{<": "shortcode", "{{%": "shortcode", "{{": "value", "{%": "tag", "{#": "comment"}


@dataclass(frozen=True)
class Remnant:
    """One remnant. `kind` is tag, value, shortcode, comment or stray; `inside` is what stands between its marks."""

    start: int
    end: int
    kind: str
    inside: str

    @property
    def name(self) -> str:
        """`image`, `site.baseurl`, `/highlight`; empty for what begins with no word."""
        match = NAME.match(self.inside)
        return match.group(0).replace(" ", "") if match else ""

    @property
    def arguments(self) -> str:
        match = NAME.match(self.inside)
        return self.inside[match.end() if match else 0 :].strip()


def remnants(text: str) -> Iterator[Remnant]:
    """In order, none inside of another. One that is not closed before a blank line is stray: its mark alone."""
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
                yield Remnant(start, at, "stray", "")
            continue
        at = end + len(CLOSINGS[mark])
        # Whitespace control ({%- -%}, {{~ ~}}) and a shortcode's closing slash are no words of it.
        inside = text[start + len(mark) : end].strip().lstrip("-~+").rstrip("-~+/" if len(mark) == 3 else "-~+")
        found = Remnant(start, at, KINDS[mark], inside.strip())
        yield found
        # What is literal may hold anything, the beginning of a tag that its own end would close included.
        if found.name in LITERALS and (closing := LITERAL_END.search(text, at)):
            at = closing.end()
            yield Remnant(closing.start(), at, "tag", f"end{found.name}")
