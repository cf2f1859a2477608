"""RSS 2.0 and Atom (RFC 4287) with whole posts, by Django's feed generator."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import urlsplit

from django.utils.feedgenerator import Atom1Feed, Rss201rev2Feed, SyndicationFeed
from django.utils.xmlutils import SimplerXMLGenerator

from content.documents import PostDocument
from content.feeds.absolute_html import absolute_body

# The time of a feed without posts: the same for each request.
NEVER = datetime.fromtimestamp(0, UTC)
# The ids of Atom entries are tag URIs (RFC 4151) with this year. Another year would change each id.
TAG_YEAR = 2026
# All but Char (XML 1.0, section 2.2): control characters, halves of surrogate pairs, U+FFFE and U+FFFF.
ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


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
    url, title, description = absolute(path), clean(title), clean(description)
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
        "title": clean(post.title),
        "link": url,
        # Both formats define it as HTML.
        "description": escape(clean(post.excerpt)),
        "pubdate": post.published_at.astimezone(UTC),
        "updateddate": max(post.published_at, post.updated_at).astimezone(UTC),
        "unique_id": url,
        "unique_id_is_permalink": True,
        "categories": [clean(term.name) for term in terms],
        # The same for ever, also when the slug changes (RFC 4287, section 4.2.6).
        "tag_uri": f"tag:{urlsplit(url).hostname},{TAG_YEAR}:post/{post.id}",
        "language": post.language,
        "authors": [(clean(author.name), absolute(author.url)) for author in post.authors],
        "terms": [
            {"term": clean(term.slug), "label": clean(term.name), "scheme": absolute(f"/{term.kind}/")}
            for term in terms
        ],
        "body": clean(absolute_body(post, absolute)),
    }


def clean(text: str) -> str:
    """Remove the characters that XML does not allow. Django raises an error for them."""
    return ILLEGAL.sub("", text)
