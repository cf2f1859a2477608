"""Fenced code with Pygments' classes; the colours are in highlight.css."""

from html import escape
from typing import Any, NamedTuple

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.styles import get_style_by_name
from pygments.token import STANDARD_TYPES, Whitespace
from pygments.util import ClassNotFound

# Past this many characters code is shown plain: highlighting would take longer than it is worth.
LONGEST_HIGHLIGHTED = 100_000

# Names that tell a reader nothing.
UNNAMED = {"Text only", "Text output"}

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
    said = "" if lexer.name in UNNAMED else f' data-language="{escape(lexer.name)}"'
    return f'<pre class="highlight"{said}><code>{highlight(code, lexer, formatter)}</code></pre>'


def stylesheet() -> str:
    """Colours for light pages and for dark ones, a rule for all kinds of words that look alike."""
    light, dark = looks("xcode"), looks("github-dark")
    alike: dict[str, list[str]] = {}
    for kind in sorted(light.keys() | dark.keys()):
        rule = declarations(light.get(kind, PLAIN), dark.get(kind, PLAIN))
        if rule:
            alike.setdefault(rule, []).append(f".{kind}")
    return "".join(f".highlight :is({', '.join(kinds)}) {{ {rule} }}\n" for rule, kinds in alike.items())


class Look(NamedTuple):
    colour: str = ""
    bold: bool = False
    italic: bool = False


PLAIN = Look()


def looks(style: str) -> dict[str, Look]:
    """By the class of the word."""
    return {
        STANDARD_TYPES[kind]: Look(f"#{rules['color']}" if rules["color"] else "", rules["bold"], rules["italic"])
        for kind, rules in get_style_by_name(style)
        if STANDARD_TYPES.get(kind) and kind is not Whitespace
    }


def declarations(light: Look, dark: Look) -> str:
    said = []
    if light.colour or dark.colour:
        # Browsers without light-dark() stay light, as the whole site does.
        said.append(f"color: {light.colour or 'inherit'};")
        said.append(f"color: light-dark({light.colour or 'var(--ink)'}, {dark.colour or 'var(--ink)'});")
    if light.bold:
        said.append("font-weight: 600;")
    if light.italic or dark.italic:
        said.append("font-style: italic;")
    return " ".join(said)
