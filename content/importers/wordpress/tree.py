"""HTML as a small tree. nh3 repairs it first, as a browser would: every element is closed, in its place."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Union

import nh3

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
# Boxes for the eye: they end a paragraph, and what is in them stays.
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


@dataclass
class Node:
    """An element: its name, its attributes, and what is in it."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Union["Node", str]] = field(default_factory=list)

    def words(self) -> str:
        return "".join(child if isinstance(child, str) else child.words() for child in self.children)

    def below(self) -> Iterator["Node"]:
        """Every element in it, in order."""
        for child in self.children:
            if isinstance(child, Node):
                yield child
                yield from child.below()

    def copy(self, children: list[Union["Node", str]]) -> "Node":
        return Node(self.tag, dict(self.attributes), children)


Piece = Node | str


def tree_of(markup: str) -> Node:
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
    builder = Builder()
    builder.feed(clean)
    builder.close()
    return builder.root


class Builder(HTMLParser):
    """Of markup that is well-formed already."""

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
