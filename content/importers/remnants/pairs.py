"""Remnants that have an end: which belong together, and which are dropped with all between them."""

from collections import defaultdict
from collections.abc import Sequence

from content.importers.remnants.arguments import arguments
from content.importers.remnants.scan import LITERALS, Remnant

HIGHLIGHTS = {"highlight"}
# A loop's body is a template of what is not here; the text inside of an `if` is kept.
DROPPED_WHOLE = {
    "comment",
    "capture",
    "macro",
    "for",
    "tablerow",
    "set",
    "style",
    "stylesheet",
    "javascript",
    "schema",
}
PAIRED = LITERALS | HIGHLIGHTS | DROPPED_WHOLE


def ends_of(found: Sequence[Remnant]) -> dict[int, int]:
    """Of each remnant that is dealt with as a whole and has an end: where that is. By index, in one walk."""
    ends: dict[int, int] = {}
    waiting: dict[str, list[int]] = defaultdict(list)
    for index, remnant in enumerate(found):
        name = remnant.name.removeprefix("end").removeprefix("/")
        if name not in PAIRED or remnant.kind not in ("tag", "shortcode"):
            continue
        if name == remnant.name:
            # In a literal, its own name is text; `set x = 1` has no end.
            if not (name in LITERALS and waiting[name]) and not (name == "set" and "=" in remnant.arguments):
                waiting[name].append(index)
        elif waiting[name]:
            ends[waiting[name].pop()] = index
    return ends


def language_of(highlight: Remnant) -> str:
    found = arguments(highlight.arguments)
    words = found.words or list(found.named.values())
    return "".join(letter for letter in words[0] if letter.isalnum() or letter in "+#-_.") if words else ""
