"""What may stand in a post's HTML. The list is short on purpose: all else is taken out."""

import re

import nh3

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
    "img": {"src", "alt", "width", "height", "loading", "decoding"},
    "td": {"colspan", "rowspan", "align"},
    "th": {"colspan", "rowspan", "scope", "align"},
    "col": {"span"},
    "ol": {"start", "reversed"},
    "time": {"datetime"},
    "details": {"open"},
}
CLASS = re.compile(r"highlight|footnotes?(-[a-z]+)?|heading-link|missing-image|[a-z]{1,3}[0-9]?")
# The page has ids of its own; what a post brings must not be taken for them.
RESERVED_IDS = {"main", "comments", "theme", "top", "search"}
DROPPED_WITH_CONTENT = {"script", "style", "svg", "math", "template", "noscript", "iframe", "object", "form"}


def kept_attribute(element: str, attribute: str, value: str) -> str | None:
    if attribute == "class":
        return " ".join(name for name in value.split() if CLASS.fullmatch(name)) or None
    if attribute == "id" and value in RESERVED_IDS:
        return f"post-{value}"
    return value


def sanitise(markup: str) -> str:
    """Safe to show: no script, no style, no form, no frame, no URL but http(s), mailto, relative ones."""
    return nh3.clean(
        markup,
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=kept_attribute,
        url_schemes={"http", "https", "mailto"},
        clean_content_tags=DROPPED_WITH_CONTENT,
        link_rel="noopener",
        strip_comments=True,
    )
