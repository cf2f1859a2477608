"""Parse a page or a feed; fail if it is not valid."""

from datetime import datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import html5lib
from defusedxml.ElementTree import fromstring

ATOM = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def parse_page(response: Any) -> ElementTree.Element:
    """A page as a tree; fails if it is not valid HTML."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(response.content)


def parse_xml(response: Any) -> ElementTree.Element:
    return fromstring(response.content)


def locations(response: Any) -> list[str]:
    return [node.text or "" for node in parse_xml(response).iter(f"{SITEMAP}loc")]


def parse_time(text: str) -> datetime:
    """RFC 3339 in UTC, as Atom and sitemaps write it."""
    parsed = datetime.fromisoformat(text)
    assert parsed.utcoffset() == timedelta(0)
    return parsed
