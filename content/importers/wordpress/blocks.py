"""A tree becomes a flat list of blocks: loose text in paragraphs, no boxes, and no empty elements."""

from collections.abc import Iterable, Iterator

from content.importers.wordpress.tree import BLOCKS, BOXES, INLINE, Node, Piece

# Text directly in these is white space.
ROWS = {"table", "thead", "tbody", "tfoot", "tr", "colgroup"}
LISTS = {"ul", "ol"}
# These contain text directly, and paragraphs only if there are several.
TERSE = {"li", "td", "th", "dd", "dt", "figcaption", "figure", "summary", "caption"}
ONE_LINE = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "dt", "figcaption", "summary", "caption"}
# The text of a link to a picture without a description.
NO_DESCRIPTION = "Image"
SHOWN_EMPTY = {"img", "br", "hr", "col", "td", "th", "iframe", "audio", "video", "embed"}


class BlockBuilder:
    """`breaks`: a line end is a line break, as in texts without block marks."""

    def __init__(self, *, breaks: bool) -> None:
        self.breaks = breaks

    def build(self, pieces: Iterable[Piece]) -> list[Node]:
        """Blocks alone: the text between them becomes paragraphs."""
        blocks: list[Node] = []
        run: list[Piece] = []
        for piece in self.flatten(pieces):
            if isinstance(piece, Node) and piece.tag in BLOCKS:
                blocks += [*self.build_paragraph(run), *self.build_block(piece)]
                run = []
            else:
                run.append(piece)
        return [*blocks, *self.build_paragraph(run)]

    def flatten(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """The pieces without boxes. An inline element around blocks moves into them."""
        for piece in pieces:
            if isinstance(piece, str) or piece.tag in BLOCKS:
                yield piece
            elif is_listing(piece):
                yield Node("pre", children=[piece])
            elif piece.tag in BOXES:
                yield from (Node("p", children=[]), *self.build(piece.children), Node("p", children=[]))
            elif any(inner.tag not in INLINE for inner in piece.descendants()):
                yield from (move_inside(piece, block) for block in self.build(piece.children))
            else:
                yield piece

    def build_paragraph(self, run: list[Piece]) -> list[Node]:
        words = self.build_line(run)
        return [Node("p", children=words)] if words else []

    def build_block(self, node: Node) -> list[Node]:
        """The block with its content rebuilt. Empty for an invisible one."""
        if node.tag == "pre":
            return [node] if node.text().strip() else []
        if node.tag == "figure":
            return self.build_figure(node)
        if node.tag in ROWS | LISTS | {"dl"}:
            node = node.copy(list(self.build_items(node)))
        elif node.tag in TERSE and not self.has_blocks(node):
            node = node.copy(self.build_line(node.children))
        elif node.tag in ONE_LINE:
            return self.build_line_block(node)
        elif node.tag not in SHOWN_EMPTY or node.children:
            blocks = self.build(node.children)
            node = node.copy([*unwrap_paragraph(blocks)] if node.tag in TERSE else [*blocks])
        return [node] if node.children or node.tag in SHOWN_EMPTY else []

    def has_blocks(self, node: Node) -> bool:
        return any(inner.tag in BLOCKS | BOXES or is_listing(inner) for inner in node.descendants())

    def build_line_block(self, node: Node) -> list[Node]:
        """A heading or a paragraph. Blocks inside one move beside it."""
        if not self.has_blocks(node):
            words = self.build_line(node.children)
            return [node.copy(words)] if words else []
        return [node.copy(block.children) if block.tag == "p" else block for block in self.build(node.children)]

    def build_figure(self, node: Node) -> list[Node]:
        """A figure with its caption last. Without a picture or a caption it is no figure."""
        blocks = self.build(node.children)
        captions = [block for block in blocks if is_caption(block)]
        inside = [block for block in blocks if not is_caption(block)]
        if not captions or not inside:
            has_picture = any(each.tag == "img" for block in inside for each in block.descendants())
            return [node.copy(unwrap_paragraph(inside))] if has_picture else inside or to_paragraphs(captions)
        if len(inside) == 1 and is_link(inside[0]):
            return [caption_link(inside[0], captions[0])]
        return [node.copy([*unwrap_paragraph(inside), captions[0]])]

    def build_items(self, node: Node) -> Iterator[Piece]:
        """The items of a list, or the rows or cells of a table. A list directly in a list moves into an item."""
        for piece in node.children:
            if isinstance(piece, str) or (piece.tag == "p" and not piece.text().strip()):
                continue
            if piece.tag in BOXES:
                yield from self.build_items(piece)
            elif node.tag in LISTS and piece.tag != "li":
                yield from self.build_block(Node("li", children=[piece]))
            elif piece.tag in BLOCKS:
                yield from self.build_block(piece)

    def build_line(self, run: Iterable[Piece]) -> list[Piece]:
        """The content of one paragraph, without empty elements, and without spaces and breaks around it."""
        words = join_breaks(self.split_lines(run))
        while words and is_space(words[0]):
            words.pop(0)
        while words and is_space(words[-1]):
            words.pop()
        if words and isinstance(words[0], str):
            words[0] = words[0].lstrip()
        if words and isinstance(words[-1], str):
            words[-1] = words[-1].rstrip()
        return words if any(is_visible(piece) for piece in words) else []

    def split_lines(self, run: Iterable[Piece]) -> Iterator[Piece]:
        for piece in run:
            if isinstance(piece, Node):
                inner = piece if piece.tag == "code" else piece.copy(list(self.split_lines(piece.children)))
                if inner.tag in SHOWN_EMPTY or inner.children or inner.attributes.get("id"):
                    yield inner
            elif self.breaks:
                first, *others = piece.split("\n")
                yield first
                for line in others:
                    yield Node("br")
                    yield line.strip("\t\r")
            else:
                yield piece


def join_breaks(pieces: Iterable[Piece]) -> list[Piece]:
    """One break for several: one that was typed, and the line end after it."""
    result: list[Piece] = []
    for piece in pieces:
        if piece == "":
            continue
        if result and is_tag(piece, "a") and is_tag(result[-1], "a"):
            result.append(" ")
        if is_tag(piece, "br") and result and is_space(result[-1]):
            while result and is_space(result[-1]):
                result.pop()
        result.append(piece)
    return result


def is_space(piece: Piece) -> bool:
    return not piece.strip("\xa0 \n\t\r") if isinstance(piece, str) else piece.tag == "br"


def is_visible(piece: Piece) -> bool:
    if isinstance(piece, str):
        return bool(piece.strip("\xa0 \n\t\r\u200b"))
    return piece.tag in SHOWN_EMPTY - {"br"} or any(is_visible(child) for child in piece.children)


def unwrap_paragraph(blocks: list[Node]) -> list[Piece]:
    """The content of a single paragraph without its element, and the other blocks."""
    loose = sum(block.tag == "p" for block in blocks) == 1
    pieces: list[Piece] = []
    for block in blocks:
        pieces += block.children if loose and block.tag == "p" else [block]
    return pieces


def move_inside(outer: Node, block: Node) -> Node:
    """`<a><p>text</p></a>` becomes a paragraph with a link. In other blocks, only a picture can be a link."""
    if block.tag in ("p", "h1", "h2", "h3", "h4", "h5", "h6"):
        return block.copy([outer.copy(block.children)])
    if block.tag == "figure":
        picture = [each for each in block.children if not is_caption(each)]
        return block.copy([outer.copy(picture), *(each for each in block.children if is_caption(each))])
    return block


def is_tag(piece: Piece, tag: str) -> bool:
    return isinstance(piece, Node) and piece.tag == tag


def is_listing(node: Node) -> bool:
    """Whether it is code of several lines."""
    return node.tag == "code" and "\n" in node.text().strip()


def is_caption(piece: Piece) -> bool:
    return is_tag(piece, "figcaption")


def is_link(block: Node) -> bool:
    """Whether it is a link in place of a missing picture or player."""
    return block.tag == "p" and len(block.children) == 1 and is_tag(block.children[0], "a") and bool(block.text())


def caption_link(paragraph: Node, caption: Node) -> Node:
    """A link with its caption below; the caption is the link, if the link has no text of its own."""
    [link] = paragraph.children
    assert isinstance(link, Node)  # noqa: S101 - is_link is true
    own_text, caption_text = link.text().strip(), caption.text().strip()
    if own_text in (NO_DESCRIPTION, caption_text) and not any(each.tag == "a" for each in caption.descendants()):
        return paragraph.copy([link.copy(caption.children)])
    return paragraph.copy([link, Node("br"), *caption.children])


def to_paragraphs(captions: list[Node]) -> list[Node]:
    return [Node("p", children=caption.children) for caption in captions]
