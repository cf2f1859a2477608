"""What readers type under a post: plain text, of which paragraphs, line breaks and links are made."""

import re
from html import escape
from urllib.parse import urlsplit

from content.rendering.errors import BodyTooLarge

LARGEST_COMMENT = 100_000
# Who follows it, leaves; and no search engine shall take it for the site's own word.
REL = "nofollow ugc noopener"

URL = re.compile(r"https?://[^\s<>\"]{1,2000}", re.IGNORECASE)
PARAGRAPHS = re.compile(r"\n(?:[^\S\n]*\n)+")
# All that is no text but a command to whoever shows it; tabs and ends of lines apart.
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]|[\ud800-\udfff]")
LINE_END = re.compile(r"\r\n?|[\u2028\u2029]")
# What stands behind an address in a sentence, and is not of it.
BEHIND = ".,;:!?'*_"
BRACKETS = {")": "(", "]": "["}


def render_comment(text: str) -> str:
    """Safe HTML. Raises BodyTooLarge past 100,000 characters; forms allow far fewer, imports may bring more."""
    if len(text) > LARGEST_COMMENT:
        raise BodyTooLarge(f"The comment has {len(text):,} characters; {LARGEST_COMMENT:,} is the most.")
    plain = CONTROLS.sub("", LINE_END.sub("\n", text)).strip()
    return "\n".join(f"<p>{paragraph(part)}</p>" for part in PARAGRAPHS.split(plain) if part.strip())


def paragraph(text: str) -> str:
    return "<br>\n".join(line(each.strip()) for each in text.strip().split("\n"))


def line(text: str) -> str:
    """Escaped piece by piece: what is no link is never read as markup."""
    parts, end = [], 0
    for match in URL.finditer(text):
        url = address(match[0])
        parts += [escape(text[end : match.start()]), link(url)]
        end = match.start() + len(url)
    return "".join([*parts, escape(text[end:])])


def address(found: str) -> str:
    """Without the sentence around it: a full stop behind, the bracket that was opened before."""
    while found and (found[-1] in BEHIND or is_unopened(found)):
        found = found[:-1]
    return found


def is_unopened(found: str) -> bool:
    opening = BRACKETS.get(found[-1])
    return opening is not None and found.count(opening) < found.count(found[-1])


def link(url: str) -> str:
    return f'<a href="{escape(url)}" rel="{REL}">{escape(url)}</a>' if leads_somewhere(url) else escape(url)


def leads_somewhere(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False


def count_links(text: str) -> int:
    """Addresses in a text, those in markup that we do not read included."""
    return len(re.findall(r"https?://|\bwww\.|\[url\b|\bhref\s*=", text, re.IGNORECASE))
