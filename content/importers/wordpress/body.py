"""The content of an item becomes a body of Markdown, without references to other hosts that a browser would load."""

import re
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from content.importers.front_matter import UNREADABLE
from content.importers.media import RemoteMedia
from content.importers.template_tags import to_watch_url
from content.importers.wordpress.blocks import NO_DESCRIPTION, BlockBuilder
from content.importers.wordpress.catalogue import Catalogue
from content.importers.wordpress.shortcodes import VERBATIM, ShortcodeConverter, shortcodes_of
from content.importers.wordpress.tree import Node, Piece, parse_html, write_body
from content.models.media import ALLOWED_EXTENSIONS
from content.rendering import slugify

MORE = re.compile(r"<!--more\b.*?-->", re.DOTALL)
# Marks of pages and teasers: here a post is one page.
PAGE_MARKS = re.compile(r"<!--(?:nextpage|more\b.*?|noteaser)-->", re.DOTALL)
BLOCK = re.compile(r"<!--\s+wp:([a-z][\w/-]*)")
# Blocks without content, which WordPress fills when it shows them: lists of posts, calendars, forms.
DYNAMIC_BLOCK = re.compile(r"<!--\s+wp:([a-z][\w/-]*)(?:\s[^<>]*?)?/-->")
BLANK_LINES = re.compile(r"\n[ \t\xa0]*(?:\n[ \t\xa0]*)+")
# WordPress embeds the page at an address that is alone on its line.
LONE_ADDRESS = re.compile(r"^[ \t]*(https?://[^\s<>\"']+)[ \t]*$", re.MULTILINE)
PLAYERS = {"iframe", "audio", "video", "embed"}
ALIGNED = re.compile(r"\balign(left|right|center|wide|full)\b")
BACKGROUND = re.compile(r"background-image\s*:\s*url\(\s*['\"]?(https?://[^'\")\s]+)")
EMOJI = re.compile(r"\b(?:wp-smiley|emoji)\b")
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}


@dataclass
class Body:
    """A body, the text before its "more", and the counts of converted and dropped shortcodes by name."""

    text: str = ""
    teaser: str = ""
    converted: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)


def convert_body(content: str, item_id: str, catalogue: Catalogue, media: RemoteMedia) -> Body:
    """Raises BodyTooLarge."""
    content = normalize_text(content)
    body = Body()
    body.text = convert_content(content, item_id, catalogue, media, body)
    before = MORE.search(content)
    if before and (teaser := content[: before.start()]).strip():
        body.teaser = convert_content(teaser, item_id, catalogue, media, Body())
    return body


def normalize_text(content: str) -> str:
    return UNREADABLE.sub("", content).replace("\r\n", "\n").replace("\r", "\n")


def convert_content(content: str, item_id: str, catalogue: Catalogue, media: RemoteMedia, counts: Body) -> str:
    counts.dropped.update(match[1] for match in DYNAMIC_BLOCK.finditer(content))
    has_blocks = BLOCK.search(content) is not None
    shortcodes = ShortcodeConverter(shortcodes_of(catalogue, item_id), counts.converted, counts.dropped)
    tree = parse_html(mark_paragraphs(shortcodes.convert(PAGE_MARKS.sub("\n\n", content))))
    ReferenceResolver(catalogue, media).resolve(tree)
    blocks = BlockBuilder(breaks=not has_blocks).build(tree.children)
    return write_body(remove_dead_anchors(blocks))


def mark_paragraphs(text: str) -> str:
    """A `<p>` at each blank line outside of code, as WordPress adds it when it shows a text.

    That is enough for an HTML parser, which closes the paragraph before. It leaves empty paragraphs before blocks,
    which BlockBuilder drops.
    """
    pieces, at = [], 0
    for match in VERBATIM.finditer(text):
        pieces += [mark_blank_lines(text[at : match.start()]), match[0]]
        at = match.end()
    return "".join([*pieces, mark_blank_lines(text[at:])])


def mark_blank_lines(text: str) -> str:
    return BLANK_LINES.sub("<p>", LONE_ADDRESS.sub(r'<a href="\1">\1</a>', text))


class ReferenceResolver:
    def __init__(self, catalogue: Catalogue, media: RemoteMedia) -> None:
        self.catalogue = catalogue
        self.media = media

    def resolve(self, node: Node, *, in_link: bool = False) -> None:
        """Replace the references inside a node, in place."""
        if background := BACKGROUND.search(node.attributes.get("style", "")):
            node.children.insert(0, Node("p", children=[Node("img", {"src": background[1]})]))
        pieces: list[Piece] = []
        for piece in node.children:
            pieces += [piece] if isinstance(piece, str) else self.resolve_element(piece, in_link)
        node.children = pieces
        if node.tag == "figure":
            node.attributes["class"] = choose_figure_class(node)

    def resolve_element(self, node: Node, in_link: bool) -> list[Piece]:
        if node.tag == "img":
            return self.resolve_image(node, in_link)
        if node.tag in PLAYERS:
            return self.resolve_player(node, in_link)
        self.resolve(node, in_link=in_link or (node.tag == "a" and "href" in node.attributes))
        if node.tag == "a":
            return self.resolve_link(node)
        return [node]

    def resolve_image(self, node: Node, in_link: bool) -> list[Piece]:
        alt = " ".join((node.attributes.get("alt") or node.attributes.get("title", "")).split())
        if EMOJI.search(node.attributes.get("class", "")):
            return [alt]
        address = node.attributes.get("data-src") or node.attributes.get("src", "")
        local = self.media.find(address)
        if local is not None:
            size = {"width": str(local.width), "height": str(local.height)} if local.width else {}
            kept = {"class": node.attributes.get("class", "")}
            return [Node("img", {"src": local.file.url, "alt": alt, **size, **kept})]
        if get_host(address):
            words = alt or NO_DESCRIPTION
            return [words] if in_link else [Node("a", {"href": address}, [words])]
        return [Node("em", {"class": "missing-image"}, [alt])] if alt else []

    def resolve_player(self, node: Node, in_link: bool) -> list[Piece]:
        """A frame, a sound or a video becomes a link to its source."""
        sources = [each.attributes.get("src", "") for each in (node, *node.descendants())]
        address = to_watch_url(next((source for source in sources if get_host(source)), ""))
        if not address:
            return []
        local = self.media.find(address)
        words = node.attributes.get("title") or address
        return [words] if in_link else [Node("a", {"href": local.file.url if local else address}, [words])]

    def resolve_link(self, node: Node) -> list[Piece]:
        """A link without an address becomes its text."""
        address = node.attributes.get("href", "").strip()
        anchor = node.attributes.get("id") or node.attributes.get("name", "")
        if not address:
            return [Node("span", {"id": anchor}), *node.children] if anchor else node.children
        node.attributes["href"] = self.resolve_address(address)
        return [node]

    def resolve_address(self, address: str) -> str:
        if address.startswith("#"):
            return address
        if moved := self.catalogue.new_path(address):
            return moved
        address = self.catalogue.file_of_page(address) or address
        if self.catalogue.has_file(address) or (self.catalogue.is_own(address) and has_media_suffix(address)):
            local = self.media.find(address)
            return local.file.url if local is not None else address
        return address


def get_host(address: str) -> str:
    """The host of an address that a browser could request; empty for others."""
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return ""
    return parts.netloc if parts.scheme in ("http", "https", "") else ""


def has_media_suffix(address: str) -> bool:
    return urlsplit(address).path.rpartition(".")[2].lower() in ALLOWED_EXTENSIONS


def choose_figure_class(figure: Node) -> str:
    """The class of a figure here, by the class that it or its picture had in WordPress."""
    images = [each for each in figure.descendants() if each.tag == "img"]
    for each in (figure, *images):
        if images and (match := ALIGNED.search(each.attributes.get("class", ""))):
            return "wide" if match[1] in ("wide", "full") else f"align-{match[1]}"
    return ""


def remove_dead_anchors(blocks: list[Node]) -> list[Node]:
    """The blocks without ids to which no link leads, and without links to ids that do not exist."""
    nodes = [each for block in blocks for each in (block, *block.descendants())]
    wanted = {href[1:] for each in nodes if (href := each.attributes.get("href", "")).startswith("#")}
    ids = {each.attributes["id"] for each in nodes if each.attributes.get("id")}
    ids |= {slugify(each.text()) for each in blocks if each.tag in HEADINGS}
    for each in nodes:
        if each.attributes.get("id", "") not in wanted:
            each.attributes.pop("id", None)
        each.children = [piece for child in each.children for piece in unlink_dead(child, ids)]
    return blocks


def unlink_dead(piece: Piece, ids: set[str]) -> list[Piece]:
    """The piece itself, or its content if it is a link to an id that does not exist."""
    if isinstance(piece, str) or piece.tag != "a":
        return [piece]
    href = piece.attributes.get("href", "")
    return piece.children if href.startswith("#") and href[1:] not in ids else [piece]
