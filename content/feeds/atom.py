"""Atom (RFC 4287), with the whole post as its content."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

from content.documents import AuthorDocument, PostDocument, TermDocument
from content.feeds.body import whole_body
from content.feeds.feed import Feed, changed_at
from content.feeds.markup import DECLARATION, element, text, with_attributes

CONTENT_TYPE = "application/atom+xml; charset=utf-8"
# For tag URIs (RFC 4151), the year in which a host is taken to have had its name: a part of every id, never changed.
SINCE = 2026


def atom(feed: Feed) -> str:
    address = feed.absolute(feed.address)
    attributes = {"xmlns": "http://www.w3.org/2005/Atom", "xml:lang": feed.language}
    return (
        DECLARATION
        + with_attributes(
            "feed",
            attributes,
            element("id", text(address)),
            element("title", text(feed.title)),
            element("subtitle", text(feed.description)),
            element("updated", date(feed.changed_at)),
            element("link", rel="self", type="application/atom+xml", href=address),
            element("link", rel="alternate", type="text/html", href=feed.absolute(feed.url)),
            # Of the posts that name nobody (section 4.1.1).
            element("author", element("name", text(feed.title))),
            element("generator", "Evergreen"),
            *(entry(post, feed) for post in feed.posts),
        )
        + "\n"
    )


def entry(post: PostDocument, feed: Feed) -> str:
    language = {"xml:lang": post.language} if post.language != feed.language else {}
    terms = [*([post.category] if post.category else []), *post.tags]
    return with_attributes(
        "entry",
        language,
        element("id", text(identity(post, feed))),
        element("title", text(post.title)),
        element("link", rel="alternate", type="text/html", href=feed.absolute(post.url)),
        element("published", date(post.published_at)),
        element("updated", date(changed_at(post))),
        *(person(author, feed) for author in post.authors),
        *(category(term, feed) for term in terms),
        element("summary", text(post.excerpt)),
        element("content", text(whole_body(post, feed.absolute)), type="html"),
    )


def identity(post: PostDocument, feed: Feed) -> str:
    """The same for ever, whatever becomes of its slug (section 4.2.6)."""
    return f"tag:{urlsplit(feed.absolute('/')).hostname},{SINCE}:post/{post.id}"


def person(author: AuthorDocument, feed: Feed) -> str:
    return element("author", element("name", text(author.name)), element("uri", text(feed.absolute(author.url))))


def category(term: TermDocument, feed: Feed) -> str:
    return element("category", term=term.slug, label=term.name, scheme=feed.absolute(f"/{term.kind}/"))


def date(moment: datetime) -> str:
    """RFC 3339."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
