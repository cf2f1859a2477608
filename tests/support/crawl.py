"""Follow every link of the site: in pages, feeds, sitemaps and responses of the API."""

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from content.warming.items import encode

# Not pages of the site: files, the comment form (each reader's own), and searches, which need words.
SKIPPED = re.compile(r"/(?:static|media|admin)/|/posts/[^/]+/comment/|/search/\?|/api/v1/search/")
HREF = re.compile(r'<(?:a|link)\b[^>]*?\shref="([^"]+)"')
# Links of feeds and sitemaps.
XML_LINK = re.compile(r"<(?:loc|link|uri|comments|guid)\b[^>]*>([^<]+)</|<(?:atom:)?link\b[^>]*?\shref=\"([^\"]+)\"")
ROBOTS_LINK = re.compile(r"^Sitemap: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Visit:
    status: int
    cache_status: str
    location: str = ""


# Path with query -> response with status_code, headers and text.
Get = Callable[[str], Awaitable[Any]]


async def crawl(get: Get, origin: str, *starts: str) -> dict[str, Visit]:
    """Each path with its query that the site links to, directly or not, from the starts on."""
    waiting, visits = list(starts), dict[str, Visit]()
    while waiting:
        path = waiting.pop()
        if path in visits:
            continue
        response = await get(path)
        headers = response.headers
        visits[path] = Visit(response.status_code, headers.get("cache-status", ""), headers.get("location", ""))
        links = [headers["location"]] if "location" in headers else links_of(response)
        waiting += filter(None, (own_path(link, origin, path) for link in links))
    return visits


def links_of(response: Any) -> Iterator[str]:
    kind, text = response.headers.get("content-type", ""), response.text
    if kind.startswith("text/html"):
        yield from map(unescape, HREF.findall(text))
    elif kind.startswith("text/plain"):
        yield from ROBOTS_LINK.findall(text)
    elif "json" in kind and "openapi" not in text[:20]:
        yield from strings_of(json.loads(text))
    elif "xml" in kind:
        yield from (unescape(one or other).strip() for one, other in XML_LINK.findall(text))


def strings_of(value: Any) -> Iterator[str]:
    """The paths in a response of the API. Texts in HTML are the pages' own."""
    if isinstance(value, dict):
        for name, each in value.items():
            if name not in ("html", "bio", "title", "excerpt", "name", "description"):
                yield from strings_of(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings_of(each)
    elif isinstance(value, str) and value.startswith("/"):
        yield value


def own_path(link: str, origin: str, base: str) -> str | None:
    """Path and query, encoded as browsers do; None for another site's, and for what is no page."""
    parts = urlsplit(urljoin(origin + base, link))
    if f"{parts.scheme}://{parts.netloc}" != origin:
        return None
    path = parts.path if "%" in parts.path else encode(parts.path)
    target = f"{path}?{quote(parts.query, safe='%&=+,')}" if parts.query else path
    return None if SKIPPED.match(target) else target
