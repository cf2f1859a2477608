"""XML for programs: RSS 2.0, Atom (RFC 4287) and sitemaps (sitemaps.org).

Feeds have whole posts, and are written by Django's feed generator. Pure: a function of the caller makes each path
absolute.
"""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from html import escape, unescape
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.utils.feedgenerator import Atom1Feed, Rss201rev2Feed, SyndicationFeed
from django.utils.xmlutils import SimplerXMLGenerator

from content.documents import CoverDocument, PostDocument, SitemapEntry

# The time of a feed without posts: the same for each request.
NEVER = datetime.fromtimestamp(0, UTC)
# The ids of Atom entries are tag URIs (RFC 4151) with this year. Another year would change each id.
TAG_YEAR = 2026
# All but Char (XML 1.0, section 2.2): control characters, halves of surrogate pairs, U+FFFE and U+FFFF.
ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# The sanitiser's output: attributes in double quotes, in which a ">" may stand.
OPENING_TAG = re.compile(r'<[a-zA-Z][^<>"]*(?:"[^"]*"[^<>"]*)*>')
URL_ATTRIBUTE = re.compile(r'(?<= )(href|src|poster|cite)="([^"]*)"')
SRCSET_ATTRIBUTE = re.compile(r'(?<= )srcset="([^"]*)"')
# Links beside headings are of use only on the page.
HEADING_LINK = re.compile(r'<a(?= )[^<>]* class="heading-link"[^<>]*>[^<]*</a>')
# Bodies that are remembered with absolute URLs, of a few kilobytes each.
BODIES = 256
SITEMAP_TYPE = "application/xml; charset=utf-8"
SITEMAP_NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
MOST_URLS = 50_000
SitemapWriter = Callable[[Iterable[SitemapEntry], Callable[[str], str]], str]


class PostFeed(SyndicationFeed):
    def latest_post_date(self) -> datetime:
        return super().latest_post_date() if self.items else NEVER


class RssFeed(PostFeed, Rss201rev2Feed):
    """RSS with all authors of a post, and the whole post in content:encoded."""

    def rss_attributes(self) -> dict[str, str]:
        return super().rss_attributes() | {
            "xmlns:content": "http://purl.org/rss/1.0/modules/content/",
            "xmlns:dc": "http://purl.org/dc/elements/1.1/",
        }

    def add_root_elements(self, handler: SimplerXMLGenerator) -> None:
        super().add_root_elements(handler)
        handler.addQuickElement("generator", "Evergreen")

    def add_item_elements(self, handler: SimplerXMLGenerator, item: dict[str, Any]) -> None:
        super().add_item_elements(handler, item)
        for name, _ in item["authors"]:
            handler.addQuickElement("dc:creator", name)
        handler.addQuickElement("content:encoded", item["body"])


class AtomFeed(PostFeed, Atom1Feed):
    """Atom with all authors of a post, its language, and the whole post as the content of its entry."""

    def add_root_elements(self, handler: SimplerXMLGenerator) -> None:
        super().add_root_elements(handler)
        handler.addQuickElement("generator", "Evergreen")

    def item_attributes(self, item: dict[str, Any]) -> dict[str, str]:
        return {"xml:lang": item["language"]} if item["language"] != self.feed["language"] else {}

    def add_item_elements(self, handler: SimplerXMLGenerator, item: dict[str, Any]) -> None:
        super().add_item_elements(handler, item | {"unique_id": item["tag_uri"], "categories": ()})
        for name, url in item["authors"]:
            handler.startElement("author", {})  # type: ignore[arg-type]
            handler.addQuickElement("name", name)
            handler.addQuickElement("uri", url)
            handler.endElement("author")
        for attributes in item["terms"]:
            handler.addQuickElement("category", attrs=attributes)
        handler.addQuickElement("content", item["body"], {"type": "html"})


def write_feed(
    writer: type[RssFeed | AtomFeed],
    *,
    title: str,
    description: str,
    page: str,
    path: str,
    language: str,
    posts: Iterable[PostDocument],
    absolute: Callable[[str], str],
) -> str:
    """Write a feed as XML.

    page      the path of the page that the feed follows
    path      the feed's own path
    absolute  makes a path absolute, because a feed is read on other hosts
    """
    url, title, description = absolute(path), remove_illegal_characters(title), remove_illegal_characters(description)
    feed = writer(
        title=title,
        link=absolute(page),
        description=description,
        subtitle=description,
        language=language,
        # Atom needs an author for posts that have none (RFC 4287, section 4.1.1).
        author_name=title,
        feed_url=url,
        feed_guid=url,
    )
    for post in posts:
        feed.add_item(**item_of(post, absolute))
    return feed.writeString("utf-8")


def item_of(post: PostDocument, absolute: Callable[[str], str]) -> dict[str, Any]:
    """The arguments of `add_item`. Django's own come first; RssFeed and AtomFeed read the others."""
    url = absolute(post.url)
    terms = [*([post.category] if post.category else []), *post.tags]
    return {
        "title": remove_illegal_characters(post.title),
        "link": url,
        # Both formats define it as HTML.
        "description": escape(remove_illegal_characters(post.excerpt)),
        "pubdate": post.published_at.astimezone(UTC),
        "updateddate": max(post.published_at, post.updated_at).astimezone(UTC),
        "unique_id": url,
        "unique_id_is_permalink": True,
        "categories": [remove_illegal_characters(term.name) for term in terms],
        # The same for ever, also when the slug changes (RFC 4287, section 4.2.6).
        "tag_uri": f"tag:{urlsplit(url).hostname},{TAG_YEAR}:post/{post.id}",
        "language": post.language,
        "authors": [(remove_illegal_characters(author.name), absolute(author.url)) for author in post.authors],
        "terms": [
            {
                "term": remove_illegal_characters(term.slug),
                "label": remove_illegal_characters(term.name),
                "scheme": absolute(f"/{term.kind}/"),
            }
            for term in terms
        ],
        "body": remove_illegal_characters(absolute_body(post, absolute)),
    }


def remove_illegal_characters(text: str) -> str:
    """Remove the characters that XML does not allow. Django raises an error for them."""
    return ILLEGAL.sub("", text)


def absolute_body(post: PostDocument, absolute: Callable[[str], str]) -> str:
    """Cover and body. Relative URLs are relative to the post."""
    base = absolute(post.url)
    cover = cover_image(post.cover, absolute) if post.cover else ""
    return cover + absolute_html(post.html, base)


@lru_cache(maxsize=BODIES)
def absolute_html(html: str, base: str) -> str:
    """Remembered: one edit changes a dozen feeds, and each has nineteen other posts."""
    return OPENING_TAG.sub(lambda tag: absolute_tag(tag[0], base), HEADING_LINK.sub("", html))


def absolute_tag(tag: str, base: str) -> str:
    tag = SRCSET_ATTRIBUTE.sub(lambda match: f'srcset="{absolute_srcset(match[1], base)}"', tag)
    return URL_ATTRIBUTE.sub(lambda match: f'{match[1]}="{absolute_value(match[2], base)}"', tag)


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


def write_sitemap(entries: Iterable[SitemapEntry], absolute: Callable[[str], str]) -> str:
    return write_urls("urlset", "url", entries, absolute)


def write_sitemap_index(entries: Iterable[SitemapEntry], absolute: Callable[[str], str]) -> str:
    return write_urls("sitemapindex", "sitemap", entries, absolute)


def write_urls(root: str, element: str, entries: Iterable[SitemapEntry], absolute: Callable[[str], str]) -> str:
    lines = (f"<{element}>{write_sitemap_entry(entry, absolute)}</{element}>\n" for entry in entries)
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<{root} xmlns="{SITEMAP_NAMESPACE}">\n{"".join(lines)}</{root}>\n'
    )


def write_sitemap_entry(entry: SitemapEntry, absolute: Callable[[str], str]) -> str:
    """`absolute` percent-encodes all characters that XML does not allow."""
    location = f"<loc>{escape(absolute(entry.path))}</loc>"
    if entry.changed_at is None:
        return location
    changed = entry.changed_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return f"{location}<lastmod>{changed}</lastmod>"
