import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from content.importers.places import Place, Places
from content.importers.remnants import markup
from content.importers.remnants.attributes import without_attributes
from content.importers.remnants.known import Setting, converted
from content.importers.remnants.pairs import HIGHLIGHTS, ends_of, language_of
from content.importers.remnants.scan import LITERALS, Remnant, remnants

ESCAPED = re.compile(r"(\{\{[<%])/\*(.*?)\*/([>%]\}\})", re.DOTALL)
TEMPLATE = re.compile(r"\{\{.*?\}\}+|\{%.*?%\}|\{#.*?#\}|\{\{+|\{%|\{#", re.DOTALL)
UNCLOSED = re.compile(r"\{\{[^{}]*$")
REST = re.compile(r"[^{}\n]{0,200}\}\}")
MOST_ROUNDS = 5


@dataclass
class Cleaned:
    """A text without remnants, and how many of which kind it had."""

    text: str = ""
    converted: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)


def clean(text: str, values: Mapping[str, str] | None = None) -> Cleaned:
    """What a remnant leaves may make another with what stands beside it, so look again until nothing changes."""
    cleaned = Cleaned(text)
    for _ in range(MOST_ROUNDS):
        before = cleaned.text
        if "{" in before:
            cleaned.text = Cleaning(before, values or {}, cleaned).run()
        if cleaned.text == before:
            break
    return cleaned


def as_code(text: str, place: Place) -> str:
    """Templates that were to be literal, each as code; the text between them as it is."""
    return TEMPLATE.sub(lambda match: markup.code(match[0], place), text)


class Cleaning:
    """One walk through a text, from remnant to remnant."""

    def __init__(self, text: str, values: Mapping[str, str], cleaned: Cleaned) -> None:
        self.text = text
        self.values = values
        self.cleaned = cleaned
        self.found = list(remnants(text))
        self.ends = ends_of(self.found)
        self.places = Places(text)
        self.pieces: list[str] = []
        self.at = 0

    def run(self) -> str:
        index = 0
        while index < len(self.found):
            index = self.step(index)
        self.keep(len(self.text))
        return "".join(self.pieces)

    def step(self, index: int) -> int:
        """Deal with one remnant, and say which is next."""
        remnant = self.found[index]
        end = self.ends.get(index)
        place = self.places.at(remnant.start)
        if remnant.name in LITERALS and end is not None:
            self.literal(remnant, self.found[end])
            return end + 1
        if place is Place.CODE or ESCAPED.match(self.text, remnant.start, remnant.end):
            self.show(remnant, place)
            return index + 1
        if end is not None:
            self.whole(remnant, self.found[end])
            return end + 1
        self.single(remnant, place)
        return index + 1

    def literal(self, opening: Remnant, closing: Remnant) -> None:
        """What stands between raw and endraw stays; outside of code it is shown as code."""
        self.keep(opening.start)
        for start, end, place in self.places.pieces(opening.end, closing.start):
            piece = self.text[start:end]
            if place is not Place.CODE and end == closing.start and UNCLOSED.search(piece):
                # {% raw %}{{{% endraw %} name }}: only the opening mark was put aside.
                rest = REST.match(self.text, closing.end)
                piece += rest[0] if rest else ""
                closing = replace(closing, end=rest.end() if rest else closing.end)
            self.pieces.append(piece if place is Place.CODE else as_code(piece, place))
        self.at = closing.end
        self.cleaned.converted[opening.name] += 1

    def show(self, remnant: Remnant, place: Place) -> None:
        """A remnant in code is what the post is about. Hugo's own escape loses its comment marks."""
        shown = self.text[remnant.start : remnant.end]
        if escaped := ESCAPED.fullmatch(shown):
            shown = f"{escaped[1]}{escaped[2]}{escaped[3]}"
            self.cleaned.converted["escaped"] += 1
        self.keep(remnant.start)
        self.pieces.append(shown if place is Place.CODE else markup.code(shown, place))
        self.at = remnant.end

    def whole(self, opening: Remnant, closing: Remnant) -> None:
        """With all that stands up to its end: highlighted code, or what only a template could make."""
        inside = self.text[opening.end : closing.start]
        if opening.name in HIGHLIGHTS:
            self.put(opening.start, closing.end, markup.fence(inside, language_of(opening)))
            self.cleaned.converted["highlight"] += 1
        else:
            self.put(opening.start, closing.end, "")
            self.cleaned.dropped[opening.name] += 1

    def single(self, remnant: Remnant, place: Place) -> None:
        text = converted(remnant, Setting(place, self.values))
        counter = self.cleaned.dropped if text is None else self.cleaned.converted
        counter[self.label(remnant)] += 1
        self.put(remnant.start, remnant.end, text or "")

    def label(self, remnant: Remnant) -> str:
        """What it is counted as: its name, or the filter that its text goes through."""
        filtered = re.search(r"\|\s*([A-Za-z_]\w*)", remnant.inside) if remnant.kind == "value" else None
        return (filtered[1] if filtered else remnant.name or remnant.kind)[:40]

    def put(self, start: int, end: int, text: str) -> None:
        """A line that held nothing but what is dropped goes with it."""
        if not text:
            line = self.text.rfind("\n", 0, start) + 1
            after = self.text.find("\n", end)
            after = len(self.text) if after < 0 else after + 1
            if line >= self.at and not (self.text[line:start] + self.text[end:after]).strip():
                start, end = line, after
        self.keep(start)
        self.pieces.append(text)
        self.at = end

    def keep(self, until: int) -> None:
        """Copy what has no remnant, prose without the attributes that Markdown dialects write into it."""
        for start, end, place in self.places.pieces(self.at, until):
            piece = self.text[start:end]
            self.pieces.append(without_attributes(piece, self.cleaned.dropped) if place is Place.PROSE else piece)
        self.at = max(self.at, until)
