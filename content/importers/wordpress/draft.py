"""An item as the draft of a post."""

from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from content.importers.dates import aware
from content.importers.draft import Draft
from content.importers.fields import LONGEST_NAME, MOST_NAMES
from content.importers.wordpress.catalogue import Catalogue
from content.importers.wordpress.item import Item
from content.importers.wordpress.members import for_members
from content.importers.wordpress.records import Record
from content.importers.wordpress.titles import plain_title, slug_of, title_of
from content.rendering import plain_text, shortened

LONGEST_EXCERPT = 1000
LONGEST_PASSWORD = 200
# WordPress gives it to what nobody has put anywhere.
NO_CATEGORY = "Uncategorized"


def draft_of(item: Item, catalogue: Catalogue, now: datetime, *, teaser: str) -> Draft:
    """`teaser` is the beginning of its text, for what has neither excerpt nor title."""
    published_at = moment_of(item.record, "wp:post_date_gmt", "wp:post_date", "pubDate")
    category, others = categories(item)
    excerpt = shortened(plain_text(item.record.value("excerpt:encoded")), LONGEST_EXCERPT)
    return Draft(
        slug=slug_of(item),
        title=title_of(item, teaser),
        kind=item.type,
        status=status_of(item, published_at, now),
        excerpt=excerpt or teaser,
        published_at=published_at,
        updated_at=moment_of(item.record, "wp:post_modified_gmt", "wp:post_modified"),
        language=(catalogue.language or "en")[:35],
        authors=authors(item, catalogue),
        category=category,
        tags=names([*item.terms("post_tag", "tag"), *others]),
        cover="",
        cover_alt="",
        old_paths=(item.path,) if item.path else (),
        password=password_of(item.record),
        withheld=withheld_by(item, published_at, now),
        comments_open=item.record.value("wp:comment_status") != "closed",
    )


def status_of(item: Item, published_at: datetime | None, now: datetime) -> str:
    """Pending and private ones are drafts: nobody but the editors has seen them."""
    if is_public(item) and for_members(item.content):
        return "draft"
    if item.status == "future" or (item.status == "publish" and published_at is not None and published_at > now):
        return "scheduled" if published_at is not None else "draft"
    return "published" if item.status == "publish" else "draft"


def is_public(item: Item) -> bool:
    """Now or at a time to come, as WordPress says it."""
    return item.status in ("publish", "future")


def withheld_by(item: Item, published_at: datetime | None, now: datetime) -> str:
    """Why it is not public; empty where it is."""
    if password_of(item.record):
        return "It has a password."
    if is_public(item) and (mark := for_members(item.content)):
        return f"It has text for members alone ({mark}): take that out before you publish it."
    status = status_of(item, published_at, now)
    if status == "scheduled":
        return f"Its date is {published_at:%Y-%m-%d}: it becomes public then."
    return "" if status == "published" else f"Its status is {item.status[:40] or 'empty'}."


def password_of(record: Record) -> str:
    """As it is: WordPress asks for one of blanks too."""
    return next((child.text for child in record.all("wp:post_password")), "")[:LONGEST_PASSWORD]


def has_blank_password(record: Record) -> bool:
    """It was taken for none before: the post is written again."""
    password = password_of(record)
    return bool(password) and not password.strip()


def moment_of(record: Record, *names: str) -> datetime | None:
    """The first of these times that is one; WordPress writes zeros where it has none."""
    return next((found for name in names if (found := moment(record.value(name), name))), None)


def moment(text: str, name: str) -> datetime | None:
    try:
        if name == "pubDate":
            return parsedate_to_datetime(text).astimezone(UTC)
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if name.endswith("_gmt") else aware(found)
    except (ValueError, TypeError, OverflowError):
        return None


def categories(item: Item) -> tuple[str, list[str]]:
    """The one that a post has here, and those that become tags."""
    found = names(item.terms("category"))
    chosen = [name for name in found if name != NO_CATEGORY]
    return (chosen[0], chosen[1:]) if chosen else ("", [])


def authors(item: Item, catalogue: Catalogue) -> tuple[str, ...]:
    login = item.record.value("dc:creator")
    return names([catalogue.authors.get(login) or login])


def names(found: Iterable[str]) -> tuple[str, ...]:
    """As plain text, in order, each once."""
    plain = (plain_title(name)[:LONGEST_NAME].strip() for name in found)
    return tuple(dict.fromkeys(name for name in plain if name))[:MOST_NAMES]
