"""Code in posts, with Pygments' classes; the colours are in highlight.css."""

from html import escape
from typing import Any, NamedTuple

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.styles import get_style_by_name
from pygments.token import STANDARD_TYPES, Whitespace
from pygments.util import ClassNotFound

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
