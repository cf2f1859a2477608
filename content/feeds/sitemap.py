"""Sitemaps, by the protocol of sitemaps.org: URLs of pages or of other sitemaps, with their latest changes."""

from collections.abc import Callable, Iterable
from datetime import UTC
from html import escape

from content.documents import SitemapEntry

CONTENT_TYPE = "application/xml; charset=utf-8"
NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
MOST_URLS = 50_000

Writer = Callable[[Iterable[SitemapEntry], Callable[[str], str]], str]


def write_sitemap(entries: Iterable[SitemapEntry], absolute: Callable[[str], str]) -> str:
    return write("urlset", "url", entries, absolute)


def write_index(entries: Iterable[SitemapEntry], absolute: Callable[[str], str]) -> str:
    return write("sitemapindex", "sitemap", entries, absolute)


def write(root: str, element: str, entries: Iterable[SitemapEntry], absolute: Callable[[str], str]) -> str:
    lines = (f"<{element}>{write_entry(entry, absolute)}</{element}>\n" for entry in entries)
    return f'<?xml version="1.0" encoding="utf-8"?>\n<{root} xmlns="{NAMESPACE}">\n{"".join(lines)}</{root}>\n'


def write_entry(entry: SitemapEntry, absolute: Callable[[str], str]) -> str:
    """`absolute` percent-encodes all characters that XML does not allow."""
    location = f"<loc>{escape(absolute(entry.path))}</loc>"
    if entry.changed_at is None:
        return location
    changed = entry.changed_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return f"{location}<lastmod>{changed}</lastmod>"
