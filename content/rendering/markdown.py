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

from content.rendering.code import highlight_code
from content.rendering.sanitise import BodyTooLarge, avoid_reserved_id, sanitise
from content.rendering.text import slugify

LARGEST_BODY = 2_000_000


def render_markdown(text: str) -> str:
    """CommonMark with tables, footnotes, definition lists, anchors and highlighted code, sanitised.

    Raises BodyTooLarge for more than 2,000,000 characters.
    """
    if len(text) > LARGEST_BODY:
        raise BodyTooLarge(f"The body has {len(text):,} characters; {LARGEST_BODY:,} is the most.")
    return sanitise(parser().render(text.replace("\x00", "")))


@cache
def parser() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": True, "highlight": highlight_code, "typographer": False})
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
    markdown.add_render_rule("link_open", label_heading_link)
    markdown.add_render_rule("footnote_anchor", label_footnote_link)
    markdown.add_render_rule("th_open", align_cell)
    markdown.add_render_rule("td_open", align_cell)
    # All links are parsed as links; the sanitiser removes unsafe addresses.
    markdown.validateLink = lambda url: True  # type: ignore[method-assign]
    return markdown


def lower_headings(state: StateCore) -> None:
    """Make the highest heading of a body an h2, and lower the others by as much."""
    headings = [token for token in state.tokens if token.type in ("heading_open", "heading_close")]
    highest = min((int(token.tag[1]) for token in headings), default=2)
    for token in headings:
        token.tag = f"h{min(int(token.tag[1]) + 2 - highest, 6)}"


def heading_id(title: str) -> str:
    return avoid_reserved_id(slugify(title, fallback="section"))


def label_heading_link(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: dict[str, object]
) -> str:
    token = tokens[index]
    if token.attrGet("class") == "header-anchor":
        token.attrSet("class", "heading-link")
        token.attrSet("aria-label", "Link to this heading")
    return self.renderToken(tokens, index, options, env)


def label_footnote_link(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: dict[str, object]
) -> str:
    """The link from a note back to the text, with a label for screen readers."""
    link = render_footnote_anchor(self, tokens, index, options, env)
    return link.replace('class="footnote-backref"', 'class="footnote-backref" aria-label="Back to the text"')


def align_cell(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: dict[str, object]
) -> str:
    """Alignment as an attribute, because the sanitiser removes styles."""
    style = str(tokens[index].attrs.pop("style", ""))
    if style.startswith("text-align:"):
        tokens[index].attrSet("align", style.removeprefix("text-align:"))
    return self.renderToken(tokens, index, options, env)
