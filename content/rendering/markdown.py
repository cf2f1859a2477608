from collections.abc import Sequence
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from mdit_py_plugins.anchors import anchors_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.footnote import footnote_plugin

from content.rendering.code import highlighted
from content.rendering.errors import BodyTooLarge
from content.rendering.sanitise import sanitise
from content.rendering.slugs import slugify

LARGEST_BODY = 2_000_000


def render_markdown(text: str) -> str:
    """CommonMark with tables, footnotes, definition lists, anchors and highlighted code, sanitised.

    Raises BodyTooLarge past 2,000,000 characters.
    """
    if len(text) > LARGEST_BODY:
        raise BodyTooLarge(f"The body has {len(text):,} characters; {LARGEST_BODY:,} is the most.")
    return sanitise(parser().render(text.replace("\x00", "")))


@cache
def parser() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": True, "highlight": highlighted, "typographer": False})
    markdown.enable(["table", "strikethrough"])
    markdown.use(footnote_plugin).use(deflist_plugin)
    # The page's own heading is the only h1.
    markdown.core.ruler.push("lower_headings", lower_headings)
    markdown.use(
        anchors_plugin,
        min_level=2,
        max_level=4,
        slug_func=lambda title: slugify(title, fallback="section"),
        permalink=True,
        permalinkSymbol="#",
        permalinkSpace=False,
    )
    markdown.add_render_rule("link_open", heading_link)
    markdown.add_render_rule("image", lazy_image)
    return markdown


def lower_headings(state: StateCore) -> None:
    """A body that begins at h1 moves down a level, and keeps its order."""
    headings = [token for token in state.tokens if token.type in ("heading_open", "heading_close")]
    if not any(token.tag == "h1" for token in headings):
        return
    for token in headings:
        token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"


def heading_link(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: dict[str, object]
) -> str:
    token = tokens[index]
    if token.attrGet("class") == "header-anchor":
        token.attrSet("class", "heading-link")
        token.attrSet("aria-label", "Link to this heading")
    return self.renderToken(tokens, index, options, env)


def lazy_image(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: dict[str, object]
) -> str:
    tokens[index].attrSet("loading", "lazy")
    return self.image(tokens, index, options, env)
