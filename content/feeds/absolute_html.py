"""The HTML of a post for readers on other hosts: each URL is absolute."""

import re
from collections.abc import Callable
from html import escape, unescape
from urllib.parse import urljoin

from content.documents import CoverDocument, PostDocument

# The sanitiser's output: attributes in double quotes, in which a ">" may stand.
TAG = re.compile(r'<[a-zA-Z][^<>"]*(?:"[^"]*"[^<>"]*)*>')
URL = re.compile(r'(?<= )(href|src|poster|cite)="([^"]*)"')
SRCSET = re.compile(r'(?<= )srcset="([^"]*)"')
# Links beside headings are of use only on the page.
HEADING_LINK = re.compile(r'<a(?= )[^<>]* class="heading-link"[^<>]*>[^<]*</a>')


def absolute_body(post: PostDocument, absolute: Callable[[str], str]) -> str:
    """Cover and body. Relative URLs are relative to the post."""
    base = absolute(post.url)
    cover = cover_image(post.cover, absolute) if post.cover else ""
    return cover + TAG.sub(lambda tag: absolute_tag(tag[0], base), HEADING_LINK.sub("", post.html))


def absolute_tag(tag: str, base: str) -> str:
    tag = SRCSET.sub(lambda match: f'srcset="{absolute_srcset(match[1], base)}"', tag)
    return URL.sub(lambda match: f'{match[1]}="{absolute_value(match[2], base)}"', tag)


def absolute_value(url: str, base: str) -> str:
    """Make the URL in an attribute absolute. An invalid URL stays as it is."""
    try:
        return escape(urljoin(base, unescape(url).strip()))
    except ValueError:
        return url


def absolute_srcset(srcset: str, base: str) -> str:
    """Make the URLs of candidates such as `a.webp 480w, b.webp 960w` absolute."""
    candidates = [candidate.split() for candidate in srcset.split(",")]
    return ", ".join(" ".join([absolute_value(parts[0], base), *parts[1:]]) for parts in candidates if parts)


def cover_image(cover: CoverDocument, absolute: Callable[[str], str]) -> str:
    size = f' width="{cover.width}" height="{cover.height}"' if cover.width and cover.height else ""
    return f'<p><img src="{escape(absolute(cover.url))}" alt="{escape(cover.alt)}"{size}></p>\n'
