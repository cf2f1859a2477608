"""Links within a text: what leads to nothing there is no link."""

from content.importers.wordpress.tree import Node, Piece
from content.rendering import slugify

HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}


def without_dead_anchors(blocks: list[Node]) -> list[Node]:
    everything = [each for block in blocks for each in (block, *block.below())]
    wanted = {href[1:] for each in everything if (href := each.attributes.get("href", "")).startswith("#")}
    ids = {each.attributes["id"] for each in everything if each.attributes.get("id")}
    ids |= {slugify(each.words()) for each in blocks if each.tag in HEADINGS}
    for each in everything:
        if each.attributes.get("id", "") not in wanted:
            each.attributes.pop("id", None)
        each.children = [piece for child in each.children for piece in kept(child, ids)]
    return blocks


def kept(piece: Piece, ids: set[str]) -> list[Piece]:
    """The piece, or its words where it links to an id that is not there."""
    if isinstance(piece, str) or piece.tag != "a":
        return [piece]
    href = piece.attributes.get("href", "")
    return piece.children if href.startswith("#") and href[1:] not in ids else [piece]
