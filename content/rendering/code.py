"""Fenced code with Pygments' classes; the colours are in highlight.css."""

from html import escape
from typing import Any

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

# Past this many characters code is shown plain: highlighting would take longer than it is worth.
LONGEST_HIGHLIGHTED = 100_000

formatter: Any = HtmlFormatter(nowrap=True)


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
    light: Any = HtmlFormatter(style="xcode")
    dark: Any = HtmlFormatter(style="github-dark")
    return "\n".join(
        [
            light.get_style_defs(".highlight"),
            "@media (prefers-color-scheme: dark) {",
            dark.get_style_defs(':root:not([data-theme="light"]) .highlight'),
            "}",
            dark.get_style_defs(':root[data-theme="dark"] .highlight'),
            "",
        ]
    )
