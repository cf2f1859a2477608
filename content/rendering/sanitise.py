"""The HTML that posts may contain. The lists are short on purpose; all else is removed."""

import re
from collections import Counter

import nh3

from content.rendering.text import remove_disallowed

# fmt: off
TAGS = {
    "a", "abbr", "aside", "b", "blockquote", "br", "caption", "cite", "code", "col", "colgroup", "dd", "del",
    "details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "h2", "h3", "h4", "h5", "h6", "hr",
    "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp", "section", "small", "span",
    "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "time", "tr", "u",
    "ul", "var",
}
# fmt: on
ATTRIBUTES = {
    "*": {"id", "class", "lang", "dir", "title"},
    "a": {"href", "aria-label"},
    "pre": {"data-language"},
    "img": {"src", "alt", "width", "height", "loading", "decoding"},
    "td": {"colspan", "rowspan", "align"},
    "th": {"colspan", "rowspan", "scope", "align"},
    "col": {"span"},
    "ol": {"start", "reversed"},
    "time": {"datetime"},
    "details": {"open"},
}
CLASSES = {
    "pre": re.compile(r"highlight"),
    "span": re.compile(r"[a-z]{1,3}[0-9]?"),  # Pygments' names of tokens
    "sup": re.compile(r"footnote-ref"),
    "hr": re.compile(r"footnotes-sep"),
    "section": re.compile(r"footnotes"),
    "ol": re.compile(r"footnotes-list"),
    "li": re.compile(r"footnote-item"),
    "a": re.compile(r"heading-link|footnote-backref"),
    "em": re.compile(r"missing-image"),
    "figure": re.compile(r"wide|align-(?:left|right|center)"),
}
# Ids of the page itself; ids of a post must differ from them.
RESERVED_IDS = {
    "main", "comments", "theme", "top", "search", "contents", "related-posts", "trending-now", "most-read",
    "all-sections", "all-tags",
}  # fmt: skip
RESERVED_BEGINNINGS = ("comment-", "comments-")
# Names of Pygments' lexers: "C++", "Objective-C", "Common Lisp".
LANGUAGE = re.compile(r"[\w+#.*/() -]{1,40}")
DROPPED_WITH_CONTENT = {"script", "style", "svg", "math", "template", "noscript", "iframe", "object", "form"}

# Two passes are enough for all known markup.
MAX_PASSES = 5

TOP_HEADING = re.compile(r"(</?)h1(?=[\s>/])", re.IGNORECASE)
IMAGE = re.compile(r"<img( [^<>]*)?>")
ALT = re.compile(r' alt="([^"<>]*)"')

# Bounds for the HTML parser, which has none: its time grows with depth times length. 20,000 nested elements take it
# six seconds.
DEEPEST = 200
MOST_REOPENED = 200_000

OPEN_OR_CLOSE = re.compile(r"<(/?)([a-z][a-z0-9-]*)", re.IGNORECASE)
# Elements that need no end tag: the next of the same kind ends them.
UNNESTED = {
    "a", "br", "hr", "img", "input", "col", "p", "li", "dt", "dd", "td", "th", "tr", "tbody", "thead", "tfoot",
}  # fmt: skip
# The parser opens these again in each block that follows, until they are closed (HTML, 13.2.4.3).
FORMATTING = {"b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"}


class BodyTooLarge(ValueError):
    """A body beyond the bounds of length or depth."""


def sanitise(markup: str) -> str:
    """Make HTML safe to show: no scripts, styles, forms or frames; only http(s), mailto and relative URLs.

    No characters that HTML does not allow are left, written or as references.

    Raises BodyTooLarge for elements nested too deep.
    """
    check_depth(markup)
    # They go before addresses and ids are judged for the last time: without them another address may be left.
    safe = remove_disallowed(clean(TOP_HEADING.sub(r"\1h2", markup)))
    return clean_until_stable(IMAGE.sub(replace_broken_image, safe))


def clean_until_stable(markup: str) -> str:
    """Clean again until nothing changes.

    Where an element was removed, the rest may nest in a way that a browser parses differently.
    """
    for _ in range(MAX_PASSES):
        before, markup = markup, clean(markup)
        if markup == before:
            break
    return markup


def clean(markup: str) -> str:
    return nh3.clean(
        markup,
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=filter_attribute,
        set_tag_attribute_values={"img": {"loading": "lazy"}},
        url_schemes={"http", "https", "mailto"},
        clean_content_tags=DROPPED_WITH_CONTENT,
        link_rel="noopener",
        strip_comments=True,
    )


def filter_attribute(element: str, attribute: str, value: str) -> str | None:
    if attribute == "class":
        allowed = CLASSES.get(element)
        return " ".join(name for name in value.split() if allowed and allowed.fullmatch(name)) or None
    if attribute == "id":
        return avoid_reserved_id(value)
    if attribute == "href" and value.startswith("#"):
        return f"#{avoid_reserved_id(value[1:])}"
    if attribute == "data-language":
        return value if LANGUAGE.fullmatch(value) else None
    return value


def avoid_reserved_id(name: str) -> str:
    return f"post-{name}" if name in RESERVED_IDS or name.startswith(RESERVED_BEGINNINGS) else name


def replace_broken_image(match: re.Match[str]) -> str:
    """An image without an address becomes its alt text."""
    attributes = match[1] or ""
    if re.search(r' src="[^"]', attributes):
        return match[0]
    alt = ALT.search(attributes)
    return f'<em class="missing-image">{alt[1]}</em>' if alt and alt[1] else ""


def check_depth(markup: str) -> None:
    """Raise BodyTooLarge for elements nested too deep. The count is never less than the parser's depth."""
    opened: Counter[str] = Counter()
    depth = formatting = reopened = 0
    for tag in OPEN_OR_CLOSE.finditer(markup):
        name = tag[2].lower()
        step = 0 if name in UNNESTED else 1
        if tag[1]:
            # An end tag without an open element has no effect.
            step = -min(step, opened[name])
        else:
            reopened += formatting
        opened[name] += step
        depth += step
        formatting += step if name in FORMATTING else 0
        if depth > DEEPEST or reopened > MOST_REOPENED:
            raise BodyTooLarge(f"Its HTML is nested more than {DEEPEST} deep: close the elements that it opens.")
