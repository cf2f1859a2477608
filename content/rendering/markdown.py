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
from mdit_py_plugins.footnote.index import render_footnote_anchor

from content.rendering.code import highlighted
from content.rendering.errors import BodyTooLarge
from content.rendering.sanitise import free_id, sanitise
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
        max_level=6,
        slug_func=heading_id,
        permalink=True,
        permalinkSymbol="#",
        permalinkSpace=False,
    )
    markdown.add_render_rule("link_open", heading_link)
    markdown.add_render_rule("footnote_anchor", footnote_anchor)
    markdown.add_render_rule("th_open", aligned_cell)
    markdown.add_render_rule("td_open", aligned_cell)
    # Whatever is written as a link is parsed as one: the sanitiser takes its address away if it must.
    markdown.validateLink = lambda url: True  # type: ignore[method-assign]
    return markdown


def lower_headings(state: StateCore) -> None:
    """The highest heading of a body is an h2, and the others keep their distance to it."""
    headings = [token for token in state.tokens if token.type in ("heading_open", "heading_close")]
    highest = min((int(token.tag[1]) for token in headings), default=2)
    for token in headings:
        token.tag = f"h{min(int(token.tag[1]) + 2 - highest, 6)}"


def heading_id(title: str) -> str:
    return free_id(slugify(title, fallback="section"))


def heading_link(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: dict[str, object]
) -> str:
    token = tokens[index]
    if token.attrGet("class") == "header-anchor":
        token.attrSet("class", "heading-link")
        token.attrSet("aria-label", "Link to this heading")
    return self.renderToken(tokens, index, options, env)


def footnote_anchor(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: dict[str, object]
) -> str:
    """The way back from a note, with a name for who cannot see the arrow."""
    link = render_footnote_anchor(self, tokens, index, options, env)
    return link.replace('class="footnote-backref"', 'class="footnote-backref" aria-label="Back to the text"')


def aligned_cell(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: dict[str, object]
) -> str:
    """Alignment as an attribute: a post has no styles of its own."""
    style = str(tokens[index].attrs.pop("style", ""))
    if style.startswith("text-align:"):
        tokens[index].attrSet("align", style.removeprefix("text-align:"))
    return self.renderToken(tokens, index, options, env)
