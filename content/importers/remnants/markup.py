"""What remnants become, as Markdown in prose and as HTML inside of HTML."""

import re
from html import escape
from urllib.parse import quote

from content.importers.places import Place

MARKED = re.compile(r"([\\`*_\[\]<>&#|~])")
BRACES = re.compile(r"[{}](?=[{}%#])")


def plain(text: str, place: Place) -> str:
    """Text that is shown as it is, on one line, and never as a template."""
    line = BRACES.sub("", " ".join(text.split()))
    return MARKED.sub(r"\\\1", line) if place is Place.PROSE else escape(line)


def address(url: str) -> str:
    """Safe between quotes and between the brackets of a Markdown link."""
    return quote(url.strip(), safe="/:?#@!$&*+,;=%~.-_")


def image(source: str, alt: str, place: Place) -> str:
    if not source.strip():
        return plain(alt, place)
    if place is Place.PROSE:
        return f"![{plain(alt, place)}]({address(source)})"
    return f'<img src="{escape(address(source))}" alt="{plain(alt, place)}">'


def link(url: str, label: str, place: Place) -> str:
    if place is Place.PROSE:
        return f"[{plain(label or url, place)}]({address(url)})"
    return f'<a href="{escape(address(url))}">{plain(label or url, place)}</a>'


def figure(source: str, alt: str, caption: str, target: str, place: Place) -> str:
    """One line of HTML, which CommonMark takes for a block of its own in prose too."""
    picture = image(source, alt or caption, Place.HTML)
    if target:
        picture = f'<a href="{escape(address(target))}">{picture}</a>'
    below = f"<figcaption>{plain(caption, Place.HTML)}</figcaption>" if caption else ""
    if not below and not target:
        return image(source, alt, place)
    return f"<figure>{picture}{below}</figure>" + ("\n" if place is Place.PROSE else "")


def code(text: str, place: Place) -> str:
    """Shown as code: what was to be literal stays so, and is no remnant any more."""
    if place is Place.HTML:
        return f"<code>{escape(text)}</code>"
    line = " ".join(text.split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    space = " " if "`" in line else ""
    return f"{fence}{space}{line}{space}{fence}"


def fence(text: str, language: str) -> str:
    marks = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"\n{marks}{language}\n{text.strip(chr(10)).rstrip()}\n{marks}\n"
