"""Indented text in raw HTML: CommonMark takes it for code after a blank line, the generators here did not."""

import re

BLOCK = re.compile(
    r"<(/?)(?:div|blockquote|figure|section|aside|article|table|thead|tbody|tfoot|tr|td|th|dl|dd)\b", re.IGNORECASE
)
FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
LIST_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s")
SUSPECT = re.compile(r"\n[ \t]*\n(?: {4}|[ \t]*\t)[ \t]*\S")


def without_html_indent(text: str) -> str:
    """Indentation taken off what follows a blank line inside of an HTML block, lists and fences apart."""
    if not SUSPECT.search(text) or not BLOCK.search(text):
        return text
    lines: list[str] = []
    depth, fence, after_blank, in_list = 0, "", False, False
    for line in text.split("\n"):
        marker = FENCE.match(line)
        if marker and (not fence or marker[1].startswith(fence)):
            fence = "" if fence else marker[1]
        elif not fence:
            if depth and after_blank and not in_list:
                line = line.lstrip(" \t")
            in_list = bool(LIST_ITEM.match(line)) or (in_list and depth > 0)
            if depth or line.lstrip().startswith("<"):
                depth = max(0, depth + sum(-1 if match[1] else 1 for match in BLOCK.finditer(line)))
        after_blank = not line.strip()
        lines.append(line)
    return "\n".join(lines)
