"""A comment's HTML as the plain text that a comment is here: paragraphs, lists and addresses stay readable."""

from content.importers.fields import UNREADABLE
from content.importers.wordpress.paragraphs import with_paragraphs
from content.importers.wordpress.tidying import Tidying
from content.importers.wordpress.tree import BLOCKS, Node, Piece, tree_of
from content.models.comment import LONGEST_COMMENT
from content.rendering import shortened

ROWS = {"thead", "tbody", "tfoot", "table"}


def comment_text(content: str) -> str:
    """At most as long as a comment may be. Raises BodyTooLarge for elements nested too deep."""
    content = UNREADABLE.sub("", content).replace("\r\n", "\n").replace("\r", "\n")
    blocks = Tidying(breaks=True).blocks(tree_of(with_paragraphs(content)).children)
    text = "\n\n".join(part for block in blocks if (part := block_text(block).strip()))
    return text if len(text) <= LONGEST_COMMENT else shortened(text, LONGEST_COMMENT)


def block_text(node: Node) -> str:
    match node.tag:
        case "ul" | "ol":
            return "\n".join(item_text(node, number, piece) for number, piece in enumerate(node.children, 1))
        case "blockquote":
            return "\n".join(f"> {line}".rstrip() for line in inner_text(node).split("\n"))
        case "tr":
            return " | ".join(words(piece) for piece in node.children)
        case "pre":
            return node.words()
        case "dd":
            return f"  {inner_text(node)}"
        case "hr":
            return "* * *"
    separator = "\n" if node.tag in ROWS | {"dl"} else "\n\n"
    return inner_text(node, separator)


def item_text(node: Node, number: int, piece: Piece) -> str:
    mark = f"{number}." if node.tag == "ol" else "-"
    inside = inner_text(piece, "\n") if isinstance(piece, Node) else piece
    return f"{mark} " + inside.replace("\n", "\n  ")


def inner_text(node: Node, separator: str = "\n\n") -> str:
    """Blocks apart from each other, and words as they run."""
    parts: list[str] = []
    run = ""
    for piece in node.children:
        if isinstance(piece, Node) and is_block(piece):
            parts += [run.strip(), block_text(piece)]
            run = ""
        else:
            run += words(piece)
    return separator.join(part for part in [*parts, run.strip()] if part)


def is_block(node: Node) -> bool:
    return node.tag in BLOCKS


def words(piece: Piece) -> str:
    if isinstance(piece, str):
        return piece
    if piece.tag == "br":
        return "\n"
    if piece.tag == "img":
        return with_address(piece.attributes.get("alt", ""), piece.attributes.get("src", ""))
    inside = "".join(words(child) for child in piece.children)
    address = piece.attributes.get("href", "") or piece.attributes.get("src", "")
    return with_address(inside, address) if piece.tag in ("a", "iframe", "video", "audio") else inside


def with_address(text: str, address: str) -> str:
    """`words (address)`, or the one of them that says both."""
    text = text.strip()
    if not address.startswith(("http://", "https://")) or address.rstrip("/") in text:
        return text
    if not text or is_beginning(text, address):
        return address
    return f"{text} ({address})"


def is_beginning(text: str, address: str) -> bool:
    """Whether the words are the address itself, as far as they go."""
    bare = address.partition("://")[2].removeprefix("www.")
    return bare.startswith(text.partition("://")[2].removeprefix("www.").rstrip("/… .") or text.rstrip("/… ."))
