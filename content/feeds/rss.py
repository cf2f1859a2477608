"""RSS 2.0, as the RSS Advisory Board specifies it, with the whole post in content:encoded."""

from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape

from content.documents import PostDocument
from content.feeds.body import whole_body
from content.feeds.feed import Feed
from content.feeds.markup import DECLARATION, element, text, with_attributes

CONTENT_TYPE = "application/rss+xml; charset=utf-8"
NAMESPACES = {
    "version": "2.0",
    "xmlns:atom": "http://www.w3.org/2005/Atom",
    "xmlns:content": "http://purl.org/rss/1.0/modules/content/",
    "xmlns:dc": "http://purl.org/dc/elements/1.1/",
}


def rss(feed: Feed) -> str:
    own = {"href": feed.absolute(feed.address), "rel": "self", "type": "application/rss+xml"}
    channel = element(
        "channel",
        element("title", text(feed.title)),
        element("link", text(feed.absolute(feed.url))),
        element("description", text(feed.description)),
        element("language", text(feed.language)),
        element("lastBuildDate", date(feed.changed_at)),
        element("generator", "Evergreen"),
        with_attributes("atom:link", own),
        *(item(post, feed) for post in feed.posts),
    )
    return DECLARATION + with_attributes("rss", NAMESPACES, channel) + "\n"


def item(post: PostDocument, feed: Feed) -> str:
    address = text(feed.absolute(post.url))
    terms = [*([post.category] if post.category else []), *post.tags]
    return element(
        "item",
        element("title", text(post.title)),
        element("link", address),
        element("guid", address, isPermaLink="true"),
        element("pubDate", date(post.published_at)),
        *(element("dc:creator", text(author.name)) for author in post.authors),
        *(element("category", text(term.name)) for term in terms),
        # HTML by definition: words that look like a tag are made words again.
        element("description", text(escape(post.excerpt))),
        element("content:encoded", text(whole_body(post, feed.absolute))),
    )


def date(moment: datetime) -> str:
    """RFC 822, with the four digits of a year that RFC 1123 asks for."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)
