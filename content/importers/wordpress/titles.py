"""Titles and slugs: what WordPress keeps as HTML, or percent-encoded, as the plain text that is meant."""

from html import unescape
from urllib.parse import unquote

from content.importers.fields import UNREADABLE
from content.importers.wordpress.item import Item
from content.rendering import plain_text, shortened, slugify

LONGEST_TITLE = 300
WORDS_OF_A_TITLE = 60


def plain_title(text: str) -> str:
    """One line without tags; entities are decoded."""
    text = UNREADABLE.sub("", text)
    return plain_text(text) if "<" in text or "&" in text else " ".join(text.split())


def title_of(item: Item, words: str) -> str:
    """A title to click on: where there is none, the first words of the text itself."""
    title = plain_title(item.title) or shortened(words, WORDS_OF_A_TITLE)
    return title[:LONGEST_TITLE].strip() or "Untitled"


def slug_of(item: Item) -> str:
    name = unquote(item.record.value("wp:post_name"))
    return slugify(name or unescape(plain_title(item.title)) or f"{item.type}-{item.id}")
