"""The text of an item, from what WordPress keeps to a body of ours."""

import re
from collections import Counter
from dataclasses import dataclass, field

from content.importers.fields import UNREADABLE
from content.importers.wordpress.anchors import without_dead_anchors
from content.importers.wordpress.catalogue import Catalogue
from content.importers.wordpress.known import known_shortcodes
from content.importers.wordpress.media import Media
from content.importers.wordpress.paragraphs import with_paragraphs
from content.importers.wordpress.referring import Referring
from content.importers.wordpress.serialising import body_of
from content.importers.wordpress.shortcodes import Shortcodes
from content.importers.wordpress.tidying import Tidying
from content.importers.wordpress.tree import tree_of

MORE = re.compile(r"<!--more\b.*?-->", re.DOTALL)
# Marks of pages and of what has been said above: here a post is one page.
PAGES = re.compile(r"<!--(?:nextpage|more\b.*?|noteaser)-->", re.DOTALL)
BLOCK = re.compile(r"<!--\s+wp:([a-z][\w/-]*)")
# Blocks that WordPress fills when it shows them: lists of posts, calendars, forms.
FILLED_LATER = re.compile(r"<!--\s+wp:([a-z][\w/-]*)(?:\s[^<>]*?)?/-->")


@dataclass
class Text:
    """A body, what stands before its "more", and how many remnants it had of which kind."""

    body: str = ""
    teaser: str = ""
    converted: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)


def text_of(content: str, number: str, catalogue: Catalogue, media: Media) -> Text:
    """Raises BodyTooLarge. `number` is the item's, for what was uploaded to it."""
    content = UNREADABLE.sub("", content).replace("\r\n", "\n").replace("\r", "\n")
    writing = Writing(number, catalogue, media)
    text = Text(converted=writing.converted, dropped=writing.dropped)
    text.body = writing.body(content)
    before, more = MORE.search(content), ""
    if before and (more := content[: before.start()]).strip():
        text.teaser = Writing(number, catalogue, media).body(more)
    return text


class Writing:
    """One text on its way."""

    def __init__(self, number: str, catalogue: Catalogue, media: Media) -> None:
        self.converted: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.known = known_shortcodes(catalogue, number)
        self.referring = Referring(catalogue, media)

    def body(self, content: str) -> str:
        self.dropped.update(match[1] for match in FILLED_LATER.finditer(content))
        has_blocks = BLOCK.search(content) is not None
        content = PAGES.sub("\n\n", content)
        content = Shortcodes(self.known, self.converted, self.dropped).convert(content)
        tree = tree_of(with_paragraphs(content))
        self.referring.resolve(tree)
        blocks = Tidying(breaks=not has_blocks).blocks(tree.children)
        return body_of(without_dead_anchors(blocks))
