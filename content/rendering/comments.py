"""Comments: plain text, turned into paragraphs, line breaks and links."""

import re
from html import escape
from urllib.parse import urlsplit

from content.rendering.sanitise import BodyTooLarge

LARGEST_COMMENT = 100_000
# The site does not vouch for these links to search engines.
REL = "nofollow ugc noopener"

URL = re.compile(r"https?://[^\s<>\"]{1,2000}", re.IGNORECASE)
PARAGRAPHS = re.compile(r"\n(?:[^\S\n]*\n)+")
# Control characters, except tabs and line ends.
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]|[\ud800-\udfff]")
LINE_END = re.compile(r"\r\n?|[\u2028\u2029]")
# Punctuation after an address, which belongs to the sentence.
TRAILING = ".,;:!?'*_"
BRACKETS = {")": "(", "]": "["}


def render_comment(text: str) -> str:
    """Safe HTML. Raises BodyTooLarge for more than 100,000 characters; forms allow fewer, imports may have more."""
    if len(text) > LARGEST_COMMENT:
        raise BodyTooLarge(f"The comment has {len(text):,} characters; {LARGEST_COMMENT:,} is the most.")
    plain = CONTROLS.sub("", LINE_END.sub("\n", text)).strip()
    return "\n".join(f"<p>{break_lines(part)}</p>" for part in PARAGRAPHS.split(plain) if part.strip())


def break_lines(text: str) -> str:
    return "<br>\n".join(link_addresses(each.strip()) for each in text.strip().split("\n"))


def link_addresses(text: str) -> str:
    """Escape each piece by itself, so that no text is read as markup."""
    parts, end = [], 0
    for match in URL.finditer(text):
        url = trim_address(match[0])
        parts += [escape(text[end : match.start()]), make_link(url)]
        end = match.start() + len(url)
    return "".join([*parts, escape(text[end:])])


def trim_address(found: str) -> str:
    """Remove the punctuation of the sentence: a full stop, or a bracket that opened before the address."""
    while found and (found[-1] in TRAILING or is_unopened(found)):
        found = found[:-1]
    return found


def is_unopened(found: str) -> bool:
    opening = BRACKETS.get(found[-1])
    return opening is not None and found.count(opening) < found.count(found[-1])


def make_link(url: str) -> str:
    return f'<a href="{escape(url)}" rel="{REL}">{escape(url)}</a>' if has_host(url) else escape(url)


def has_host(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False


def count_links(text: str) -> int:
    """Count addresses in a text, also in forms of markup that comments do not support."""
    return len(re.findall(r"https?://|\bwww\.|\[url\b|\bhref\s*=", text, re.IGNORECASE))
