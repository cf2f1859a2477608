"""Comments: plain text, turned into paragraphs, line breaks and links."""

import re
from functools import cache
from html import escape

from linkify_it import LinkifyIt

from content.rendering.sanitise import BodyTooLarge
from content.rendering.text import remove_disallowed

LARGEST_COMMENT = 100_000
# The site does not vouch for these links to search engines.
REL = "nofollow ugc noopener"

PARAGRAPHS = re.compile(r"\n(?:[^\S\n]*\n)+")
LINE_END = re.compile(r"\r\n?|[\u2028\u2029]")


def render_comment(text: str) -> str:
    """Safe HTML. Raises BodyTooLarge for more than 100,000 characters; forms allow fewer, imports may have more."""
    if len(text) > LARGEST_COMMENT:
        raise BodyTooLarge(f"The comment has {len(text):,} characters; {LARGEST_COMMENT:,} is the most.")
    plain = remove_disallowed(LINE_END.sub("\n", text)).strip()
    return "\n".join(f"<p>{break_lines(part)}</p>" for part in PARAGRAPHS.split(plain) if part.strip())


def break_lines(text: str) -> str:
    return "<br>\n".join(link_addresses(each.strip()) for each in text.strip().split("\n"))


def link_addresses(text: str) -> str:
    """Escape each piece by itself, so that no text is read as markup."""
    parts, end = [], 0
    for match in finder().match(text) or ():
        parts += [escape(text[end : match.index]), make_link(match.raw)]
        end = match.last_index
    return "".join([*parts, escape(text[end:])])


@cache
def finder() -> LinkifyIt:
    """Finds http and https addresses only. `match` keeps no state since linkify-it-py 2.2, so threads share it."""
    addresses = LinkifyIt(options={"fuzzy_link": False, "fuzzy_email": False, "fuzzy_ip": False})
    for scheme in ("ftp:", "//", "mailto:"):
        addresses.add(scheme, None)
    return addresses


def make_link(url: str) -> str:
    return f'<a href="{escape(url)}" rel="{REL}">{escape(url)}</a>'


def count_links(text: str) -> int:
    """Count addresses in a text, also in forms of markup that comments do not support."""
    return len(re.findall(r"https?://|\bwww\.|\[url\b|\bhref\s*=", text, re.IGNORECASE))
