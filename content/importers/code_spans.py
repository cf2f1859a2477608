"""Where code is in a Markdown text: what stands there is shown as it is, template tags included."""

import re
from collections.abc import Callable

FENCE = re.compile(r"^ {0,12}(?:> ?)*(?:[-*+] |\d+\. )?\s*(`{3,}|~{3,})(.*)$")
INLINE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """The text with `change` applied to all that is neither fenced code nor a code span."""
    return "".join(part if is_code else outside_spans(part, change) for part, is_code in fenced_parts(text))


def outside_spans(text: str, change: Callable[[str], str]) -> str:
    pieces, at = [], 0
    for span in INLINE.finditer(text):
        if "\n\n" in span.group(2):
            continue
        pieces += [change(text[at : span.start()]), span.group(0)]
        at = span.end()
    return "".join([*pieces, change(text[at:])])


def fenced_parts(text: str) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it is fenced code. An open fence reaches to the end."""
    parts: list[tuple[str, bool]] = []
    lines: list[str] = []
    fence = ""
    for line in text.splitlines(keepends=True):
        marker = FENCE.match(line)
        if not fence and marker and "`" not in marker.group(2):
            parts.append(("".join(lines), False))
            lines, fence = [line], marker.group(1)
        elif fence and marker and marker.group(1).startswith(fence) and not marker.group(2).strip():
            parts.append(("".join([*lines, line]), True))
            lines, fence = [], ""
        else:
            lines.append(line)
    parts.append(("".join(lines), bool(fence)))
    return parts
