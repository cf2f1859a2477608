"""A post's HTML for a reader who is elsewhere: every address whole."""

import re
from collections.abc import Callable
from html import escape, unescape
from urllib.parse import urljoin

from content.documents import CoverDocument, PostDocument

# The sanitiser's output: attributes in double quotes, in which a ">" may stand.
TAG = re.compile(r'<[a-zA-Z][^<>"]*(?:"[^"]*"[^<>"]*)*>')
ADDRESS = re.compile(r'(?<= )(href|src|poster|cite)="([^"]*)"')
SOURCES = re.compile(r'(?<= )srcset="([^"]*)"')
# On the page they lead to a heading; in a feed they are a stray sign behind it.
HEADING_LINK = re.compile(r'<a(?= )[^<>]* class="heading-link"[^<>]*>[^<]*</a>')


def whole_body(post: PostDocument, absolute: Callable[[str], str]) -> str:
    """Cover and body. Relative addresses are relative to the post."""
    base = absolute(post.url)
    cover = image(post.cover, absolute) if post.cover else ""
    return cover + TAG.sub(lambda tag: with_whole_addresses(tag[0], base), HEADING_LINK.sub("", post.html))


def with_whole_addresses(tag: str, base: str) -> str:
    tag = SOURCES.sub(lambda found: f'srcset="{whole_sources(found[1], base)}"', tag)
    return ADDRESS.sub(lambda found: f'{found[1]}="{whole(found[2], base)}"', tag)


def whole(address: str, base: str) -> str:
    """As it stands in an attribute. What is no address at all stays as it is: it leads nowhere here either."""
    try:
        return escape(urljoin(base, unescape(address).strip()))
    except ValueError:
        return address


def whole_sources(sources: str, base: str) -> str:
    """Of candidates as `a.webp 480w, b.webp 960w`."""
    candidates = [candidate.split() for candidate in sources.split(",")]
    return ", ".join(" ".join([whole(parts[0], base), *parts[1:]]) for parts in candidates if parts)


def image(cover: CoverDocument, absolute: Callable[[str], str]) -> str:
    size = f' width="{cover.width}" height="{cover.height}"' if cover.width and cover.height else ""
    return f'<p><img src="{escape(absolute(cover.url))}" alt="{escape(cover.alt)}"{size}></p>\n'
