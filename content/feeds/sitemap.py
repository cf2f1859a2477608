"""Sitemaps, by the protocol of sitemaps.org: addresses, or other sitemaps, with the time of their latest change."""

from collections.abc import Callable, Iterable

from content.documents import SitemapEntry
from content.feeds.atom import date
from content.feeds.markup import DECLARATION, text

CONTENT_TYPE = "application/xml; charset=utf-8"
NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
MOST_ADDRESSES = 50_000

Writer = Callable[[Iterable[SitemapEntry], Callable[[str], str]], str]


def sitemap(entries: Iterable[SitemapEntry], absolute: Callable[[str], str]) -> str:
    return written("urlset", "url", entries, absolute)


def sitemap_index(entries: Iterable[SitemapEntry], absolute: Callable[[str], str]) -> str:
    return written("sitemapindex", "sitemap", entries, absolute)


def written(name: str, each: str, entries: Iterable[SitemapEntry], absolute: Callable[[str], str]) -> str:
    lines = (f"<{each}>{told(entry, absolute)}</{each}>\n" for entry in entries)
    return f'{DECLARATION}<{name} xmlns="{NAMESPACE}">\n{"".join(lines)}</{name}>\n'


def told(entry: SitemapEntry, absolute: Callable[[str], str]) -> str:
    changed = f"<lastmod>{date(entry.changed_at)}</lastmod>" if entry.changed_at else ""
    return f"<loc>{text(absolute(entry.path))}</loc>{changed}"
