"""What a tree refers to: pictures that are here, links to what has moved here, and words for all else.

Nothing is left in it that a reader's browser would ask another host for.
"""

import re
from urllib.parse import urlsplit

from content.importers.remnants.videos import watchable
from content.importers.wordpress.catalogue import Catalogue
from content.importers.wordpress.media import Media
from content.importers.wordpress.tidying import NAMELESS
from content.importers.wordpress.tree import Node, Piece
from content.models.media import ALLOWED_EXTENSIONS

PLAYERS = {"iframe", "audio", "video", "embed"}
ALIGNED = re.compile(r"\balign(left|right|center|wide|full)\b")
BACKGROUND = re.compile(r"background-image\s*:\s*url\(\s*['\"]?(https?://[^'\")\s]+)")
EMOJI = re.compile(r"\b(?:wp-smiley|emoji)\b")


class Referring:
    """The references of one text."""

    def __init__(self, catalogue: Catalogue, media: Media) -> None:
        self.catalogue = catalogue
        self.media = media

    def resolve(self, node: Node, *, in_link: bool = False) -> None:
        """In place."""
        if background := BACKGROUND.search(node.attributes.get("style", "")):
            node.children.insert(0, Node("p", children=[Node("img", {"src": background[1]})]))
        pieces: list[Piece] = []
        for piece in node.children:
            pieces += [piece] if isinstance(piece, str) else self.resolved(piece, in_link)
        node.children = pieces
        if node.tag == "figure":
            node.attributes["class"] = figure_class(node)

    def resolved(self, node: Node, in_link: bool) -> list[Piece]:
        if node.tag == "img":
            return self.image(node, in_link)
        if node.tag in PLAYERS:
            return self.player(node, in_link)
        self.resolve(node, in_link=in_link or (node.tag == "a" and "href" in node.attributes))
        if node.tag == "a":
            return self.link(node)
        return [node]

    def image(self, node: Node, in_link: bool) -> list[Piece]:
        alt = " ".join((node.attributes.get("alt") or node.attributes.get("title", "")).split())
        if EMOJI.search(node.attributes.get("class", "")):
            return [alt]
        address = node.attributes.get("data-src") or node.attributes.get("src", "")
        here = self.media.media_for(address)
        if here is not None:
            size = {"width": str(here.width), "height": str(here.height)} if here.width else {}
            image = Node("img", {"src": here.file.url, "alt": alt, **size, "class": node.attributes.get("class", "")})
            return [image]
        if host(address):
            words = alt or NAMELESS
            return [words] if in_link else [Node("a", {"href": address}, [words])]
        return [Node("em", {"class": "missing-image"}, [alt])] if alt else []

    def player(self, node: Node, in_link: bool) -> list[Piece]:
        """A frame, a sound or a film becomes a link to what it would play."""
        sources = [each.attributes.get("src", "") for each in (node, *node.below())]
        address = watchable(next((source for source in sources if host(source)), ""))
        if not address:
            return []
        here = self.media.media_for(address)
        words = node.attributes.get("title") or address
        return [words] if in_link else [Node("a", {"href": here.file.url if here else address}, [words])]

    def link(self, node: Node) -> list[Piece]:
        """Its words alone where it leads nowhere."""
        address = node.attributes.get("href", "").strip()
        anchor = node.attributes.get("id") or node.attributes.get("name", "")
        if not address:
            return [Node("span", {"id": anchor}), *node.children] if anchor else node.children
        node.attributes["href"] = self.target(address)
        return [node]

    def target(self, address: str) -> str:
        if address.startswith("#"):
            return address
        if moved := self.catalogue.new_path(address):
            return moved
        address = self.catalogue.file_shown_at(address) or address
        if self.catalogue.has_file(address) or (self.catalogue.is_own(address) and is_media(address)):
            here = self.media.media_for(address)
            return here.file.url if here is not None else address
        return address


def host(address: str) -> str:
    """Of an address that a browser could ask for; empty for others."""
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return ""
    return parts.netloc if parts.scheme in ("http", "https", "") else ""


def is_media(address: str) -> bool:
    return urlsplit(address).path.rpartition(".")[2].lower() in ALLOWED_EXTENSIONS


def figure_class(figure: Node) -> str:
    """As our own figures are called, from what WordPress called it or the picture in it."""
    images = [each for each in figure.below() if each.tag == "img"]
    for each in (figure, *images):
        if images and (match := ALIGNED.search(each.attributes.get("class", ""))):
            return "wide" if match[1] in ("wide", "full") else f"align-{match[1]}"
    return ""
