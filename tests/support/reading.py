"""What a page or feed says, read strictly."""

from datetime import datetime, timedelta
from xml.etree import ElementTree

import html5lib
from defusedxml.ElementTree import fromstring

ATOM = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def page_of(response) -> ElementTree.Element:
    """A page as a tree; fails where it is not valid HTML."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(response.content)


def xml_of(response) -> ElementTree.Element:
    return fromstring(response.content)


def locations(response) -> list[str]:
    return [node.text for node in xml_of(response).iter(f"{SITEMAP}loc")]


def moment(text: str) -> datetime:
    """RFC 3339 in UTC, as Atom and sitemaps write it."""
    parsed = datetime.fromisoformat(text)
    assert parsed.utcoffset() == timedelta(0)
    return parsed
