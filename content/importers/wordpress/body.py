"""The content of an item becomes a body of Markdown."""

import re
from collections import Counter
from dataclasses import dataclass, field

from content.importers.fields import UNREADABLE
from content.importers.media import RemoteMedia
from content.importers.wordpress.blocks import BlockBuilder
from content.importers.wordpress.catalogue import Catalogue
from content.importers.wordpress.references import ReferenceResolver, remove_dead_anchors
from content.importers.wordpress.shortcodes import VERBATIM, ShortcodeConverter, shortcodes_of
from content.importers.wordpress.tree import parse_html, write_body

MORE = re.compile(r"<!--more\b.*?-->", re.DOTALL)
# Marks of pages and teasers: here a post is one page.
PAGE_MARKS = re.compile(r"<!--(?:nextpage|more\b.*?|noteaser)-->", re.DOTALL)
BLOCK = re.compile(r"<!--\s+wp:([a-z][\w/-]*)")
# Blocks without content, which WordPress fills when it shows them: lists of posts, calendars, forms.
DYNAMIC_BLOCK = re.compile(r"<!--\s+wp:([a-z][\w/-]*)(?:\s[^<>]*?)?/-->")
BLANK_LINES = re.compile(r"\n[ \t\xa0]*(?:\n[ \t\xa0]*)+")
# WordPress embeds the page at an address that is alone on its line.
LONE_ADDRESS = re.compile(r"^[ \t]*(https?://[^\s<>\"']+)[ \t]*$", re.MULTILINE)


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
