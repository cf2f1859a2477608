"""What may stand in a post's HTML. The list is short on purpose: all else is taken out."""

import re

import nh3

from content.rendering.depth import check_depth

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
# The page has ids of its own; what a post brings must not be taken for them.
RESERVED_IDS = {
    "main", "comments", "theme", "top", "search", "contents", "related-posts", "trending-now", "most-read",
    "all-sections", "all-tags",
}  # fmt: skip
RESERVED_BEGINNINGS = ("comment-", "comments-")
# As Pygments names them, for people: "C++", "Objective-C", "Common Lisp".
LANGUAGE = re.compile(r"[\w+#.*/() -]{1,40}")
DROPPED_WITH_CONTENT = {"script", "style", "svg", "math", "template", "noscript", "iframe", "object", "form"}

# Two are enough for all that is known; the bound is for what is not.
MAX_PASSES = 5

TOP_HEADING = re.compile(r"(</?)h1(?=[\s>/])", re.IGNORECASE)
IMAGE = re.compile(r"<img( [^<>]*)?>")
ALT = re.compile(r' alt="([^"<>]*)"')


def sanitise(markup: str) -> str:
    """Safe to show: no script, no style, no form, no frame, no URL but http(s), mailto, relative ones.

    Raises BodyTooLarge for elements nested too deep.
    """
    check_depth(markup)
    safe = cleaned(TOP_HEADING.sub(r"\1h2", markup))
    return settled(IMAGE.sub(image_or_words, safe))


def settled(markup: str) -> str:
    """As a browser will understand it: around an element that was taken out, the rest may nest as no parser would
    read it again. And the cleaner has the last word of what was put together here.
    """
    for _ in range(MAX_PASSES):
        before, markup = markup, cleaned(markup)
        if markup == before:
            break
    return markup


def cleaned(markup: str) -> str:
    return nh3.clean(
        markup,
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=kept_attribute,
        set_tag_attribute_values={"img": {"loading": "lazy"}},
        url_schemes={"http", "https", "mailto"},
        clean_content_tags=DROPPED_WITH_CONTENT,
        link_rel="noopener",
        strip_comments=True,
    )


def kept_attribute(element: str, attribute: str, value: str) -> str | None:
    if attribute == "class":
        allowed = CLASSES.get(element)
        return " ".join(name for name in value.split() if allowed and allowed.fullmatch(name)) or None
    if attribute == "id":
        return free_id(value)
    if attribute == "href" and value.startswith("#"):
        return f"#{free_id(value[1:])}"
    if attribute == "data-language":
        return value if LANGUAGE.fullmatch(value) else None
    return value


def free_id(name: str) -> str:
    return f"post-{name}" if name in RESERVED_IDS or name.startswith(RESERVED_BEGINNINGS) else name


def image_or_words(match: re.Match[str]) -> str:
    """An image whose address was refused is its words, not a broken picture."""
    attributes = match[1] or ""
    if re.search(r' src="[^"]', attributes):
        return match[0]
    alt = ALT.search(attributes)
    return f'<em class="missing-image">{alt[1]}</em>' if alt and alt[1] else ""
