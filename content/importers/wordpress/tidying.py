"""A tree as a plain sequence of blocks: paragraphs around loose words, no boxes, nothing empty."""

from collections.abc import Iterable, Iterator

from content.importers.wordpress.tree import BLOCKS, BOXES, INLINE, Node, Piece

# What may stand in them is fixed; words between are the gaps of whoever typed it.
ROWS = {"table", "thead", "tbody", "tfoot", "tr", "colgroup"}
LISTS = {"ul", "ol"}
# These hold words as they are, and paragraphs only where there are several.
TERSE = {"li", "td", "th", "dd", "dt", "figcaption", "figure", "summary", "caption"}
ONE_LINE = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "dt", "figcaption", "summary", "caption"}
# A picture that nobody described, as a link.
NAMELESS = "Image"
SHOWN_EMPTY = {"img", "br", "hr", "col", "td", "th", "iframe", "audio", "video", "embed"}


class Tidying:
    """`breaks`: an end of a line is one for the reader too, as in texts that were typed without paragraphs."""

    def __init__(self, *, breaks: bool) -> None:
        self.breaks = breaks

    def blocks(self, pieces: Iterable[Piece]) -> list[Node]:
        """Blocks alone: what is loose between them becomes paragraphs."""
        found: list[Node] = []
        run: list[Piece] = []
        for piece in self.flat(pieces):
            if isinstance(piece, Node) and piece.tag in BLOCKS:
                found += [*self.paragraph(run), *self.block(piece)]
                run = []
            else:
                run.append(piece)
        return [*found, *self.paragraph(run)]

    def flat(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """Without boxes, and with words that enclose blocks put into those instead."""
        for piece in pieces:
            if isinstance(piece, str) or piece.tag in BLOCKS:
                yield piece
            elif is_listing(piece):
                yield Node("pre", children=[piece])
            elif piece.tag in BOXES:
                yield from (Node("p", children=[]), *self.blocks(piece.children), Node("p", children=[]))
            elif any(inner.tag not in INLINE for inner in piece.below()):
                yield from (pushed_down(piece, block) for block in self.blocks(piece.children))
            else:
                yield piece

    def paragraph(self, run: list[Piece]) -> list[Node]:
        words = self.line(run)
        return [Node("p", children=words)] if words else []

    def block(self, node: Node) -> list[Node]:
        """The same block, with what is in it tidied; nothing, if nobody would see it."""
        if node.tag == "pre":
            return [node] if node.words().strip() else []
        if node.tag == "figure":
            return self.figure(node)
        if node.tag in ROWS | LISTS | {"dl"}:
            node = node.copy(list(self.items(node)))
        elif node.tag in TERSE and not self.has_blocks(node):
            node = node.copy(self.line(node.children))
        elif node.tag in ONE_LINE:
            return self.one_line(node)
        elif node.tag not in SHOWN_EMPTY or node.children:
            blocks = self.blocks(node.children)
            node = node.copy([*terse(blocks)] if node.tag in TERSE else [*blocks])
        return [node] if node.children or node.tag in SHOWN_EMPTY else []

    def has_blocks(self, node: Node) -> bool:
        return any(inner.tag in BLOCKS | BOXES or is_listing(inner) for inner in node.below())

    def one_line(self, node: Node) -> list[Node]:
        """A heading or a paragraph; blocks that an editor put into one stand beside it."""
        if not self.has_blocks(node):
            words = self.line(node.children)
            return [node.copy(words)] if words else []
        return [node.copy(block.children) if block.tag == "p" else block for block in self.blocks(node.children)]

    def figure(self, node: Node) -> list[Node]:
        """Its picture as it is, and the caption last; without a picture or a caption it is none."""
        blocks = self.blocks(node.children)
        captions = [block for block in blocks if is_caption(block)]
        inside = [block for block in blocks if not is_caption(block)]
        if not captions or not inside:
            has_picture = any(each.tag == "img" for block in inside for each in block.below())
            return [node.copy(terse(inside))] if has_picture else inside or paragraphs(captions)
        if len(inside) == 1 and is_link(inside[0]):
            return [named_link(inside[0], captions[0])]
        return [node.copy([*terse(inside), captions[0]])]

    def items(self, node: Node) -> Iterator[Piece]:
        """A list's items, a table's rows, a row's cells; a list that stands loose in a list goes into an item."""
        for piece in node.children:
            if isinstance(piece, str) or (piece.tag == "p" and not piece.words().strip()):
                continue
            if piece.tag in BOXES:
                yield from self.items(piece)
            elif node.tag in LISTS and piece.tag != "li":
                yield from self.block(Node("li", children=[piece]))
            elif piece.tag in BLOCKS:
                yield from self.block(piece)

    def line(self, run: Iterable[Piece]) -> list[Piece]:
        """Words of one paragraph, with nothing empty in them and no space or break around them."""
        words = joined(self.lines(run))
        while words and is_space(words[0]):
            words.pop(0)
        while words and is_space(words[-1]):
            words.pop()
        if words and isinstance(words[0], str):
            words[0] = words[0].lstrip()
        if words and isinstance(words[-1], str):
            words[-1] = words[-1].rstrip()
        return words if any(is_shown(piece) for piece in words) else []

    def lines(self, run: Iterable[Piece]) -> Iterator[Piece]:
        for piece in run:
            if isinstance(piece, Node):
                inner = piece if piece.tag == "code" else piece.copy(list(self.lines(piece.children)))
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


def joined(pieces: Iterable[Piece]) -> list[Piece]:
    """One break where several meet: the one that was typed, and the end of the line behind it."""
    kept: list[Piece] = []
    for piece in pieces:
        if piece == "":
            continue
        if kept and is_tag(piece, "a") and is_tag(kept[-1], "a"):
            kept.append(" ")
        if is_tag(piece, "br") and kept and is_space(kept[-1]):
            while kept and is_space(kept[-1]):
                kept.pop()
        kept.append(piece)
    return kept


def is_space(piece: Piece) -> bool:
    return not piece.strip("\xa0 \n\t\r") if isinstance(piece, str) else piece.tag == "br"


def is_shown(piece: Piece) -> bool:
    if isinstance(piece, str):
        return bool(piece.strip("\xa0 \n\t\r\u200b"))
    return piece.tag in SHOWN_EMPTY - {"br"} or any(is_shown(child) for child in piece.children)


def terse(blocks: list[Node]) -> list[Piece]:
    """A single paragraph as the words that it is; the first one too, where only lists follow it."""
    loose = sum(block.tag == "p" for block in blocks) == 1
    pieces: list[Piece] = []
    for block in blocks:
        pieces += block.children if loose and block.tag == "p" else [block]
    return pieces


def pushed_down(outer: Node, block: Node) -> Node:
    """`<a><p>words</p></a>` is a paragraph with a link in it; of other blocks, only the picture can be linked."""
    if block.tag in ("p", "h1", "h2", "h3", "h4", "h5", "h6"):
        return block.copy([outer.copy(block.children)])
    if block.tag == "figure":
        picture = [each for each in block.children if not is_caption(each)]
        return block.copy([outer.copy(picture), *(each for each in block.children if is_caption(each))])
    return block


def is_tag(piece: Piece, tag: str) -> bool:
    return isinstance(piece, Node) and piece.tag == tag


def is_listing(node: Node) -> bool:
    """Code of several lines, which nobody meant to stand in one."""
    return node.tag == "code" and "\n" in node.words().strip()


def is_caption(piece: Piece) -> bool:
    return is_tag(piece, "figcaption")


def is_link(block: Node) -> bool:
    """What became of a picture or a player that is not here."""
    return block.tag == "p" and len(block.children) == 1 and is_tag(block.children[0], "a") and bool(block.words())


def named_link(paragraph: Node, caption: Node) -> Node:
    """The link and its caption below it; the caption is the link where the link has no words of its own."""
    [link] = paragraph.children
    assert isinstance(link, Node)  # noqa: S101 - is_link has seen it
    own, said = link.words().strip(), caption.words().strip()
    if own in (NAMELESS, said) and not any(each.tag == "a" for each in caption.below()):
        return paragraph.copy([link.copy(caption.children)])
    return paragraph.copy([link, Node("br"), *caption.children])


def paragraphs(captions: list[Node]) -> list[Node]:
    return [Node("p", children=caption.children) for caption in captions]
