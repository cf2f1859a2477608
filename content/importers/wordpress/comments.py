"""The comments of a batch of items. A known comment stays as it is: moderators here decide."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from content.importers.report import ImportReport
from content.importers.wordpress.blocks import BlockBuilder
from content.importers.wordpress.body import mark_paragraphs, normalize_text
from content.importers.wordpress.draft import get_time
from content.importers.wordpress.records import Item, Record, to_plain_line
from content.importers.wordpress.tree import BLOCKS, Node, Piece, parse_html
from content.models import Comment, Post
from content.models.comment import LONGEST_COMMENT
from content.rendering import BodyTooLarge, render_comment, shortened

STATUSES = {"1": Comment.Status.APPROVED, "0": Comment.Status.PENDING}
LONGEST_NAME = 100
LONGEST_EMAIL = 254
NO_NAME = "Anonymous"
TABLE_PARTS = {"thead", "tbody", "tfoot", "table"}


@dataclass(frozen=True)
class Reply:
    """One comment of an export, its name in later imports, and that of the comment that it answers."""

    name: str
    parent: str
    comment: Comment


def write_comments(items: Sequence[tuple[str, Item]], report: ImportReport, now: datetime) -> None:
    """Write the comments of items, which come with the names of their posts."""
    posts = dict(Post.objects.filter(source_path__in=[name for name, _ in items]).values_list("source_path", "pk"))
    for name, item in items:
        if name in posts:
            replies = [r for record in item.comments if (r := read_reply(record, name, posts[name], report, now))]
            if replies:
                write_thread(posts[name], replies, report)


def read_reply(record: Record, name: str, post: int, report: ImportReport, now: datetime) -> Reply | None:
    """None for spam, deleted comments, pings and empty ones, which are counted."""
    status = STATUSES.get(record.value("wp:comment_approved"))
    if status is None or record.value("wp:comment_type") not in ("", "comment"):
        report.comments_left_out += 1
        return None
    try:
        body = to_comment_text(record.value("wp:comment_content"))
        html = render_comment(body)
    except BodyTooLarge:
        body = html = ""
    if not body:
        report.comments_left_out += 1
        return None
    number, parent = record.value("wp:comment_id"), record.value("wp:comment_parent")
    comment = Comment(
        post_id=post,
        author_name=to_plain_line(record.value("wp:comment_author"))[:LONGEST_NAME].strip() or NO_NAME,
        author_email=record.value("wp:comment_author_email")[:LONGEST_EMAIL],
        body=body,
        html=html,
        status=status,
        created_at=get_time(record, "wp:comment_date_gmt", "wp:comment_date") or now,
        source_path=f"{name}#comment-{number}",
    )
    return Reply(comment.source_path, f"{name}#comment-{parent}" if parent not in ("", "0") else "", comment)


def write_thread(post: int, replies: Sequence[Reply], report: ImportReport) -> None:
    """Write new comments, parents first. A comment whose parent is left out begins a thread."""
    known = dict(Comment.objects.filter(post=post).exclude(source_path="").values_list("source_path", "pk"))
    new = {reply.name: reply for reply in replies if reply.name not in known}
    report.comments_unchanged += len(replies) - len(new)
    if not new:
        return
    with transaction.atomic():
        for level in split_levels(new):
            for reply in level:
                reply.comment.parent_id = known.get(reply.parent)
            Comment.objects.bulk_create([reply.comment for reply in level])
            known |= {reply.name: reply.comment.pk for reply in level}
    report.comments += len(new)


def split_levels(new: dict[str, Reply]) -> Iterator[list[Reply]]:
    """The comments by depth. Those that answer each other in a circle begin a thread each."""
    waiting = dict(new)
    while waiting:
        level = [reply for reply in waiting.values() if reply.parent not in waiting] or list(waiting.values())
        for reply in level:
            del waiting[reply.name]
        yield level


def to_comment_text(content: str) -> str:
    """The HTML of a comment as plain text, cut at the longest comment. Raises BodyTooLarge for deep nesting."""
    tree = parse_html(mark_paragraphs(normalize_text(content)))
    blocks = BlockBuilder(breaks=True).build(tree.children)
    text = "\n\n".join(part for block in blocks if (part := write_block(block).strip()))
    return text if len(text) <= LONGEST_COMMENT else shortened(text, LONGEST_COMMENT)


def write_block(node: Node) -> str:
    match node.tag:
        case "ul" | "ol":
            return "\n".join(write_list_item(node, number, piece) for number, piece in enumerate(node.children, 1))
        case "blockquote":
            return "\n".join(f"> {line}".rstrip() for line in write_children(node).split("\n"))
        case "tr":
            return " | ".join(write_inline(piece) for piece in node.children)
        case "pre":
            return node.text()
        case "dd":
            return f"  {write_children(node)}"
        case "hr":
            return "* * *"
    return write_children(node, "\n" if node.tag in TABLE_PARTS | {"dl"} else "\n\n")


def write_list_item(node: Node, number: int, piece: Piece) -> str:
    mark = f"{number}." if node.tag == "ol" else "-"
    inside = write_children(piece, "\n") if isinstance(piece, Node) else piece
    return f"{mark} " + inside.replace("\n", "\n  ")


def write_children(node: Node, separator: str = "\n\n") -> str:
    """Blocks and the text between them, with a separator."""
    parts: list[str] = []
    run = ""
    for piece in node.children:
        if isinstance(piece, Node) and piece.tag in BLOCKS:
            parts += [run.strip(), write_block(piece)]
            run = ""
        else:
            run += write_inline(piece)
    return separator.join(part for part in [*parts, run.strip()] if part)


def write_inline(piece: Piece) -> str:
    if isinstance(piece, str):
        return piece
    if piece.tag == "br":
        return "\n"
    if piece.tag == "img":
        return add_address(piece.attributes.get("alt", ""), piece.attributes.get("src", ""))
    inside = "".join(write_inline(child) for child in piece.children)
    address = piece.attributes.get("href", "") or piece.attributes.get("src", "")
    return add_address(inside, address) if piece.tag in ("a", "iframe", "video", "audio") else inside


def add_address(text: str, address: str) -> str:
    """`words (address)`, or one of them if it contains the other."""
    text = text.strip()
    if not address.startswith(("http://", "https://")) or address.rstrip("/") in text:
        return text
    if not text or is_beginning(text, address):
        return address
    return f"{text} ({address})"


def is_beginning(text: str, address: str) -> bool:
    """Whether a text is the beginning of an address."""
    bare = address.partition("://")[2].removeprefix("www.")
    return bare.startswith(text.partition("://")[2].removeprefix("www.").rstrip("/… .") or text.rstrip("/… ."))
