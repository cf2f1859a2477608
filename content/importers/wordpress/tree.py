"""A tree of HTML: parsed, and written as a body of Markdown.

nh3 repairs the HTML first, as a browser does: each element is closed.

Headings and code become Markdown. Other blocks stay HTML, each on a line of its own: CommonMark ends an HTML block at
the first blank line, and reads nothing before it as Markdown.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser
from typing import Union

import nh3

from content.importers.template_tags import write_fence
from content.rendering.sanitise import check_depth

# fmt: off
INLINE = {
    "a", "abbr", "b", "big", "br", "cite", "code", "del", "dfn", "em", "font", "i", "iframe", "img", "ins", "kbd",
    "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "audio",
    "video", "embed", "source",
}
BLOCKS = {
    "blockquote", "dd", "details", "dl", "dt", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr",
    "li", "ol", "p", "pre", "summary", "table", "caption", "col", "colgroup", "tbody", "td", "tfoot", "th", "thead",
    "tr", "ul",
}
# Boxes end a paragraph. Their content stays.
BOXES = {
    "address", "article", "aside", "center", "div", "footer", "header", "main", "nav", "section",
}
VOID = {"br", "col", "embed", "hr", "img", "source"}
ATTRIBUTES = {
    "*": {"class", "id", "lang", "dir", "title", "style"},
    "a": {"href", "name"},
    "img": {"src", "alt", "width", "height", "data-src"},
    "iframe": {"src", "title"}, "audio": {"src"}, "video": {"src"}, "source": {"src"}, "embed": {"src"},
    "td": {"colspan", "rowspan", "align"}, "th": {"colspan", "rowspan", "scope", "align"},
    "col": {"span"}, "ol": {"start", "reversed"}, "time": {"datetime"}, "details": {"open"},
}
# fmt: on
DROPPED_WITH_CONTENT = {"script", "style", "svg", "math", "template", "noscript", "form", "select", "textarea"}
MARKDOWN_MARKS = re.compile(r"([\\`*_\[\]|~#!])")
LANGUAGE = re.compile(r"(?:language|lang|brush:)[-\s]*([\w+#-]{1,30})")
SPACE = re.compile(r"[ \t\r\n]+")
# fmt: off
WRITTEN_ATTRIBUTES = {
    "*": ("id", "lang", "dir"), "a": ("href",), "img": ("src", "alt", "width", "height"),
    "td": ("colspan", "rowspan", "align"), "th": ("colspan", "rowspan", "scope", "align"), "col": ("span",),
    "ol": ("start", "reversed"), "time": ("datetime",), "details": ("open",), "figure": ("class",),
    "abbr": ("title",), "em": ("class",),
}
# fmt: on
RENAMED = {"big": "strong", "strike": "s", "tt": "code", "font": "span"}


@dataclass
class Node:
    """An element."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Union["Node", str]] = field(default_factory=list)

    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text() for child in self.children)

    def descendants(self) -> Iterator["Node"]:
        """All elements inside it, in order."""
        for child in self.children:
            if isinstance(child, Node):
                yield child
                yield from child.descendants()

    def copy(self, children: list[Union["Node", str]]) -> "Node":
        return Node(self.tag, dict(self.attributes), children)


Piece = Node | str


def parse_html(markup: str) -> Node:
    """Raises BodyTooLarge for elements nested too deep."""
    check_depth(markup)
    clean = nh3.clean(
        markup,
        tags=INLINE | BLOCKS | BOXES,
        attributes=ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        clean_content_tags=DROPPED_WITH_CONTENT,
        link_rel=None,
        strip_comments=True,
    )
    builder = TreeBuilder()
    builder.feed(clean)
    builder.close()
    return builder.root


class TreeBuilder(HTMLParser):
    """Builds a tree from well-formed HTML."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("root")
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and len(self.open) > 1:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def write_body(blocks: Iterable[Node]) -> str:
    return "\n\n".join(text for block in blocks if (text := write_block(block)))


def write_block(block: Node) -> str:
    if re.fullmatch("h[1-6]", block.tag):
        return write_heading(block)
    if block.tag == "pre":
        return write_code_block(block)
    return write_html(block)


def write_heading(node: Node) -> str:
    anchor = node.attributes.get("id")
    span = f'<span id="{escape(anchor)}"></span>' if anchor else ""
    words = "".join(write_markdown(child) for child in node.children if not is_break(child))
    return f"{'#' * int(node.tag[1])} {span}{SPACE.sub(' ', words).strip()}"


def is_break(piece: Piece) -> bool:
    return isinstance(piece, Node) and piece.tag == "br"


def write_markdown(piece: Piece) -> str:
    """Text in Markdown with each mark escaped; tags stay."""
    if isinstance(piece, str):
        return MARKDOWN_MARKS.sub(r"\\\1", escape(piece, quote=False))
    inside = "".join(write_markdown(child) for child in piece.children)
    return f"{write_opening(piece)}{inside}{write_closing(piece)}"


def write_code_block(node: Node) -> str:
    """A fence, which is longer than any in the code; HTML, if there are other elements in the code."""
    inner = [each for each in node.descendants() if each.tag not in ("code", "br", "span", "font")]
    if inner:
        return write_html(node)
    return write_fence(get_code(node), find_language(node)).strip("\n")


def get_code(node: Node) -> str:
    if node.tag == "br":
        return "\n"
    return "".join(piece if isinstance(piece, str) else get_code(piece) for piece in node.children)


def find_language(node: Node) -> str:
    for each in (node, *node.descendants()):
        if match := LANGUAGE.search(each.attributes.get("class", "")):
            return match[1].lower()
    return ""


def write_html(piece: Piece, *, in_pre: bool = False) -> str:
    """HTML on one line. In preformatted text, a line end is an entity."""
    if isinstance(piece, str):
        text = escape(piece, quote=False)
        return text.replace("\n", "&#10;") if in_pre else SPACE.sub(" ", text)
    in_pre = in_pre or piece.tag == "pre"
    inside = "".join(write_html(child, in_pre=in_pre) for child in piece.children)
    return f"{write_opening(piece)}{inside}{write_closing(piece)}"


def write_opening(node: Node) -> str:
    tag = RENAMED.get(node.tag, node.tag)
    names = (*WRITTEN_ATTRIBUTES["*"], *WRITTEN_ATTRIBUTES.get(node.tag, ()))
    attributes = ((name, node.attributes[name]) for name in names if name in node.attributes)
    written = "".join(
        f' {name}="{SPACE.sub(" ", escape(value))}"' for name, value in attributes if value or name == "alt"
    )
    return f"<{tag}{written}>"


def write_closing(node: Node) -> str:
    return "" if node.tag in VOID else f"</{RENAMED.get(node.tag, node.tag)}>"
