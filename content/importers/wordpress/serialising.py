"""Blocks as a body: Markdown for headings and code, HTML for all else, which our Markdown passes on as it stands.

CommonMark ends an HTML block at the first blank line, so each is written on a line of its own and has none;
nothing in it is read as Markdown then, however it is indented and whatever stars and underscores stand in it.
"""

import re
from collections.abc import Iterable
from html import escape

from content.importers.wordpress.tree import VOID, Node, Piece

MARKS = re.compile(r"([\\`*_\[\]|~#!])")
LANGUAGE = re.compile(r"(?:language|lang|brush:)[-\s]*([\w+#-]{1,30})")
SPACE = re.compile(r"[ \t\r\n]+")
# fmt: off
KEPT = {
    "*": ("id", "lang", "dir"), "a": ("href",), "img": ("src", "alt", "width", "height"),
    "td": ("colspan", "rowspan", "align"), "th": ("colspan", "rowspan", "scope", "align"), "col": ("span",),
    "ol": ("start", "reversed"), "time": ("datetime",), "details": ("open",), "figure": ("class",),
    "abbr": ("title",), "em": ("class",),
}
# fmt: on
RENAMED = {"big": "strong", "strike": "s", "tt": "code", "font": "span"}


def body_of(blocks: Iterable[Node]) -> str:
    return "\n\n".join(text for block in blocks if (text := block_text(block)))


def block_text(block: Node) -> str:
    if re.fullmatch("h[1-6]", block.tag):
        return heading(block)
    if block.tag == "pre":
        return code_block(block)
    return html(block)


def heading(node: Node) -> str:
    anchor = node.attributes.get("id")
    span = f'<span id="{escape(anchor)}"></span>' if anchor else ""
    words = "".join(markdown(child) for child in node.children if not is_break(child))
    return f"{'#' * int(node.tag[1])} {span}{SPACE.sub(' ', words).strip()}"


def is_break(piece: Piece) -> bool:
    return isinstance(piece, Node) and piece.tag == "br"


def markdown(piece: Piece) -> str:
    """Words within Markdown: tags as they are, every mark escaped."""
    if isinstance(piece, str):
        return MARKS.sub(r"\\\1", escape(piece, quote=False))
    inside = "".join(markdown(child) for child in piece.children)
    return f"{opening(piece)}{inside}{closing(piece)}"


def code_block(node: Node) -> str:
    """A fence where it is nothing but text; its marks are longer than any that stand in it."""
    inner = [each for each in node.below() if each.tag not in ("code", "br", "span", "font")]
    if inner:
        return html(node)
    text = code_text(node).strip("\n").rstrip()
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{language(node)}\n{text}\n{fence}"


def code_text(node: Node) -> str:
    if node.tag == "br":
        return "\n"
    return "".join(piece if isinstance(piece, str) else code_text(piece) for piece in node.children)


def language(node: Node) -> str:
    for each in (node, *node.below()):
        if match := LANGUAGE.search(each.attributes.get("class", "")):
            return match[1].lower()
    return ""


def html(piece: Piece, *, in_pre: bool = False) -> str:
    """On one line; in preformatted text an end of line is written as what it is called."""
    if isinstance(piece, str):
        text = escape(piece, quote=False)
        return text.replace("\n", "&#10;") if in_pre else SPACE.sub(" ", text)
    in_pre = in_pre or piece.tag == "pre"
    inside = "".join(html(child, in_pre=in_pre) for child in piece.children)
    return f"{opening(piece)}{inside}{closing(piece)}"


def opening(node: Node) -> str:
    tag = RENAMED.get(node.tag, node.tag)
    names = (*KEPT["*"], *KEPT.get(node.tag, ()))
    kept = ((name, node.attributes[name]) for name in names if name in node.attributes)
    written = "".join(f' {name}="{SPACE.sub(" ", escape(value))}"' for name, value in kept if value or name == "alt")
    return f"<{tag}{written}>"


def closing(node: Node) -> str:
    return "" if node.tag in VOID else f"</{RENAMED.get(node.tag, node.tag)}>"
