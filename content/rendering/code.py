"""Fenced code with Pygments' classes; the colours are in highlight.css."""

from html import escape

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

# Past this many characters code is shown plain: highlighting would take longer than it is worth.
LONGEST_HIGHLIGHTED = 100_000

formatter = HtmlFormatter(nowrap=True)


def highlighted(code: str, language: str, attributes: str) -> str:
    """The inside of <pre>, as markdown-it's `highlight` option wants it."""
    name = language.strip().split(" ")[0].lower()
    try:
        lexer = get_lexer_by_name(name) if name else None
    except ClassNotFound:
        lexer = None
    if lexer is None or len(code) > LONGEST_HIGHLIGHTED:
        return f'<pre class="highlight"><code>{escape(code)}</code></pre>'
    return f'<pre class="highlight"><code>{highlight(code, lexer, formatter)}</code></pre>'


def stylesheet() -> str:
    """Colours for light pages, and for dark ones by preference or by choice."""
    light = HtmlFormatter(style="friendly").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark")
    preferred = dark.get_style_defs(':root:not([data-theme="light"]) .highlight')
    chosen = dark.get_style_defs(':root[data-theme="dark"] .highlight')
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{preferred}\n}}\n{chosen}\n"
