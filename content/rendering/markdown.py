"""Markdown as HTML. Code gets Pygments' classes; their colours are in highlight.css."""

from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Any, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from mdit_py_plugins.anchors import anchors_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.footnote.index import render_footnote_anchor
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.styles import get_style_by_name
from pygments.token import STANDARD_TYPES, Whitespace
from pygments.util import ClassNotFound

from content.rendering.sanitise import BodyTooLarge, avoid_reserved_id, sanitise
from content.rendering.text import slugify

# Longer code, in characters, is shown plain, because highlighting takes too long.
LONGEST_HIGHLIGHTED = 100_000

# Lexers for text, whose names readers do not need.
UNNAMED = {"Text only", "Text output"}

formatter: Any = HtmlFormatter(nowrap=True)


def highlight_code(code: str, language: str, attributes: str) -> str:
    """The <pre> element, for markdown-it's `highlight` option."""
    name = language.strip().split(" ")[0].lower()
    try:
        lexer = get_lexer_by_name(name) if name else None
    except ClassNotFound:
        lexer = None
    if lexer is None or len(code) > LONGEST_HIGHLIGHTED:
        return f'<pre class="highlight"><code>{escape(code)}</code></pre>'
    label = "" if lexer.name in UNNAMED else f' data-language="{escape(lexer.name)}"'
    return f'<pre class="highlight"{label}><code>{highlight(code, lexer, formatter)}</code></pre>'


def stylesheet() -> str:
    """Colours for light and dark pages; tokens of the same look share a rule."""
    light, dark = load_looks("xcode"), load_looks("github-dark")
    kinds_by_rule: dict[str, list[str]] = {}
    for kind in sorted(light.keys() | dark.keys()):
        rule = declarations(light.get(kind, PLAIN), dark.get(kind, PLAIN))
        if rule:
            kinds_by_rule.setdefault(rule, []).append(f".{kind}")
    return "".join(f".highlight :is({', '.join(kinds)}) {{ {rule} }}\n" for rule, kinds in kinds_by_rule.items())


class Look(NamedTuple):
    colour: str = ""
    bold: bool = False
    italic: bool = False


PLAIN = Look()


def load_looks(style: str) -> dict[str, Look]:
    """The look of tokens in that style, by their CSS class."""
    return {
        STANDARD_TYPES[kind]: Look(f"#{rules['color']}" if rules["color"] else "", rules["bold"], rules["italic"])
        for kind, rules in get_style_by_name(style)
        if STANDARD_TYPES.get(kind) and kind is not Whitespace
    }


def declarations(light: Look, dark: Look) -> str:
    rules = []
    if light.colour or dark.colour:
        # Browsers without light-dark() show the light colours, as on the rest of the site.
        rules.append(f"color: {light.colour or 'inherit'};")
        rules.append(f"color: light-dark({light.colour or 'var(--ink)'}, {dark.colour or 'var(--ink)'});")
    if light.bold:
        rules.append("font-weight: 600;")
    if light.italic or dark.italic:
        rules.append("font-style: italic;")
    return " ".join(rules)


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
