"""Walks through a text from template tag to template tag, and replaces each."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from content.importers.markdown import Region, Regions
from content.importers.template_tags.converters import convert_tag, write_code, write_fence
from content.importers.template_tags.scanner import (
    HIGHLIGHTS,
    LITERALS,
    TemplateTag,
    find_tags,
    pair_tags,
    parse_language,
)
from content.rendering import slugify

# The comment inside a tag by which Hugo shows it.
ESCAPED = re.compile(r"(\{\{[<%])/\*(.*?)\*/([>%]\}\})", re.DOTALL)
TEMPLATE = re.compile(r"\{\{.*?\}\}+|\{%.*?%\}|\{#.*?#\}|\{\{+|\{%|\{#", re.DOTALL)
UNCLOSED = re.compile(r"\{\{[^{}]*$")
REST = re.compile(r"[^{}\n]{0,200}\}\}")
MOST_ROUNDS = 5
# Attributes of kramdown, Hugo and Zola in prose: `{: .wide}`, `## Heading {#its-id}`.
ATTRIBUTE = r"(?:[.#][\w:.-]+|[\w-]+=(?:\"[^\"\n]*\"|'[^'\n]*'|[\w.-]+)|toc)"
ATTRIBUTES = re.compile(rf"[ \t]*\{{:?[ \t]*{ATTRIBUTE}(?:[ \t]+{ATTRIBUTE}){{0,20}}[ \t]*\}}")
HEADING = re.compile(r"^( {0,3}#{1,6}[ \t]+)([^\n{]*?)[ \t]*\{#([\w:.-]+)[^}\n]*\}[ \t]*$", re.MULTILINE)


@dataclass
class Converted:
    """A text without template tags, and the counts of converted and dropped ones by name."""

    text: str = ""
    converted: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)


def convert_template_tags(text: str, values: Mapping[str, str] | None = None) -> Converted:
    """`values` are the plain values of the front matter.

    The text beside a dropped tag may form another one. So this repeats until nothing changes.
    """
    result = Converted(text)
    for _ in range(MOST_ROUNDS):
        before = result.text
        if "{" in before:
            result.text = Cleaner(before, values or {}, result).run()
        if result.text == before:
            break
    return result


class Cleaner:
    """One walk through a text."""

    def __init__(self, text: str, values: Mapping[str, str], result: Converted) -> None:
        self.text = text
        self.values = values
        self.result = result
        self.tags = list(find_tags(text))
        self.ends = pair_tags(self.tags)
        self.regions = Regions(text)
        self.pieces: list[str] = []
        self.at = 0

    def run(self) -> str:
        index = 0
        while index < len(self.tags):
            index = self.replace_tag(index)
        self.copy(len(self.text))
        return "".join(self.pieces)

    def replace_tag(self, index: int) -> int:
        """Replace one tag, and return the index of the next."""
        tag = self.tags[index]
        end = self.ends.get(index)
        region = self.regions.at(tag.start)
        if tag.name in LITERALS and end is not None:
            self.replace_literal(tag, self.tags[end])
            return end + 1
        if region is Region.CODE or ESCAPED.match(self.text, tag.start, tag.end):
            self.show_tag(tag, region)
            return index + 1
        if end is not None:
            self.replace_pair(tag, self.tags[end])
            return end + 1
        self.replace_single(tag, region)
        return index + 1

    def replace_literal(self, opening: TemplateTag, closing: TemplateTag) -> None:
        """The text between raw and endraw stays. Tags in it become code where they are not in code already."""
        self.copy(opening.start)
        for start, end, region in self.regions.pieces(opening.end, closing.start):
            piece = self.text[start:end]
            if region is Region.CODE:
                self.pieces.append(piece)
                continue
            if end == closing.start and UNCLOSED.search(piece):
                # {% raw %}{{{% endraw %} name }}: only the opening mark is literal.
                rest = REST.match(self.text, closing.end)
                piece += rest[0] if rest else ""
                closing = replace(closing, end=rest.end() if rest else closing.end)
            self.pieces.append(TEMPLATE.sub(partial(write_match_as_code, region=region), piece))
        self.at = closing.end
        self.result.converted[opening.name] += 1

    def show_tag(self, tag: TemplateTag, region: Region) -> None:
        """A tag in code stays. A tag that Hugo shows loses its comment marks."""
        shown = self.text[tag.start : tag.end]
        if escaped := ESCAPED.fullmatch(shown):
            shown = f"{escaped[1]}{escaped[2]}{escaped[3]}"
            self.result.converted["escaped"] += 1
        self.copy(tag.start)
        self.pieces.append(shown if region is Region.CODE else write_code(shown, region))
        self.at = tag.end

    def replace_pair(self, opening: TemplateTag, closing: TemplateTag) -> None:
        """A pair of tags with all text between: highlighted code, or a template for missing data."""
        if opening.name in HIGHLIGHTS:
            inside = self.text[opening.end : closing.start]
            self.put(opening.start, closing.end, write_fence(inside, parse_language(opening)))
            self.result.converted["highlight"] += 1
        else:
            self.put(opening.start, closing.end, "")
            self.result.dropped[opening.name] += 1

    def replace_single(self, tag: TemplateTag, region: Region) -> None:
        text = convert_tag(tag, region, self.values)
        counter = self.result.dropped if text is None else self.result.converted
        # A value is counted by its filter.
        filtered = re.search(r"\|\s*([A-Za-z_]\w*)", tag.inside) if tag.kind == "value" else None
        counter[(filtered[1] if filtered else tag.name or tag.kind)[:40]] += 1
        self.put(tag.start, tag.end, text or "")

    def put(self, start: int, end: int, text: str) -> None:
        """Put a text in place of a tag. A line with nothing but dropped tags is dropped too."""
        if not text:
            line = self.text.rfind("\n", 0, start) + 1
            after = self.text.find("\n", end)
            after = len(self.text) if after < 0 else after + 1
            if line >= self.at and not (self.text[line:start] + self.text[end:after]).strip():
                start, end = line, after
        self.copy(start)
        self.pieces.append(text)
        self.at = end

    def copy(self, until: int) -> None:
        """Copy text without tags. Prose loses its attributes."""
        for start, end, region in self.regions.pieces(self.at, until):
            piece = self.text[start:end]
            self.pieces.append(self.remove_attributes(piece) if region is Region.PROSE else piece)
        self.at = max(self.at, until)

    def remove_attributes(self, text: str) -> str:
        if "{" not in text:
            return text
        text, count = ATTRIBUTES.subn("", HEADING.sub(anchor_heading, text))
        if count:
            self.result.dropped["attributes"] += count
        return text


def write_match_as_code(match: re.Match[str], region: Region) -> str:
    return write_code(match[0], region)


def anchor_heading(match: re.Match[str]) -> str:
    """A heading with an anchor of its own id, so that links to it keep working."""
    before, title, name = match.groups()
    return f"{before}{title}" if slugify(title) == name else f'{before}<span id="{name}"></span>{title}'
