"""The fields of an item, and whether it is public."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from content.importers.front_matter import LONGEST_NAME, MOST_NAMES, to_utc
from content.importers.post_writer import LONGEST_EXCERPT, Draft
from content.importers.visibility import LONGEST_PASSWORD
from content.importers.wordpress.catalogue import Catalogue
from content.importers.wordpress.records import Item, Record, to_plain_line
from content.rendering import plain_text, shortened

# The category that WordPress gives to posts without one.
NO_CATEGORY = "Uncategorized"
CLOSING_SHORTCODE = re.compile(r"(?<!\[)\[/([A-Za-z_][\w-]{0,60})\s*\]")
# The opening comments of blocks that contain others, and their settings.
OPENING_BLOCK = re.compile(r"<!--\s+wp:([a-z][\w/-]{0,100})(\s[^<>]*?)?(?<!/)-->")
# Settings by which WordPress and plugins hide a block.
HIDING_SETTINGS = ('"blockVisibility":', '"contentControls":')
# Parts of names, between _, - and /: [members_only], [rcp_restrict], wp:pmpro/membership.
MEMBERS_ONLY_WORDS = {
    "hidden", "member", "members", "membership", "loggedin", "paid", "passster", "paywall", "ppwp", "private",
    "protect", "protected", "protector", "restrict", "restricted", "secret", "subscriber", "subscribers", "vip",
}  # fmt: skip
# Whole names without such a part: MemberPress, s2Member, WishList Member, Ultimate Member and others.
MEMBERS_ONLY_NAMES = {
    "_s2if", "access", "content_control", "is_user_logged_in", "logged_in", "members_logged_in", "mepr-active",
    "mepr-show", "premium", "premium-content/container", "premium-content/subscriber-view", "s2if", "student",
    "um_show_content", "user_logged_in", "wlm_ismember", "wpmem_logged_in",
}  # fmt: skip
# These show a text to everybody else.
OTHERS = {"login", "logged_out", "loggedout", "non", "nonmember", "not", "out", "team", "visitor"}
PAYWALL = "wp:jetpack/paywall"


def make_draft(item: Item, catalogue: Catalogue, now: datetime, *, teaser: str) -> Draft:
    """`teaser` replaces a missing excerpt, and its first words a missing title."""
    published_at = get_time(item.record, "wp:post_date_gmt", "wp:post_date", "pubDate")
    categories = [name for name in to_names(item.terms("category")) if name != NO_CATEGORY]
    excerpt = shortened(plain_text(item.record.value("excerpt:encoded")), LONGEST_EXCERPT)
    login = item.record.value("dc:creator")
    return Draft(
        slug=item.slug,
        title=item.plain_title(teaser),
        kind=item.type,
        status=decide_status(item, published_at, now),
        excerpt=excerpt or teaser,
        published_at=published_at,
        updated_at=get_time(item.record, "wp:post_modified_gmt", "wp:post_modified"),
        language=(catalogue.language or "en")[:35],
        authors=to_names([catalogue.authors.get(login) or login]),
        category=categories[0] if categories else "",
        tags=to_names([*item.terms("post_tag", "tag"), *categories[1:]]),
        cover="",
        cover_alt="",
        old_paths=(item.path,) if item.path else (),
        password=get_password(item.record),
        withheld=withholding_reason(item, published_at, now),
        comments_open=item.record.value("wp:comment_status") != "closed",
    )


def decide_status(item: Item, published_at: datetime | None, now: datetime) -> str:
    """Pending and private posts become drafts: only editors have seen them."""
    if is_public(item) and find_members_only(item.content):
        return "draft"
    if item.status == "future" or (item.status == "publish" and published_at is not None and published_at > now):
        return "scheduled" if published_at is not None else "draft"
    return "published" if item.status == "publish" else "draft"


def is_public(item: Item) -> bool:
    """Whether WordPress shows it, now or later."""
    return item.status in ("publish", "future")


def withholding_reason(item: Item, published_at: datetime | None, now: datetime) -> str:
    """The reason why a post is not public, or an empty text."""
    if get_password(item.record):
        return "It has a password."
    if is_public(item) and (mark := find_members_only(item.content)):
        return f"It has text for members alone ({mark}): take that out before you publish it."
    status = decide_status(item, published_at, now)
    if status == "scheduled":
        return f"Its date is {published_at:%Y-%m-%d}: it becomes public then."
    return "" if status == "published" else f"Its status is {item.status[:40] or 'empty'}."


def find_members_only(content: str) -> str:
    """The first mark of text for members alone, as [name] or wp:name; empty if there is none.

    Plugins hide such text by shortcodes and blocks, but an export has it. A shortcode counts by its closing tag:
    without one it encloses no text. `[[name]]` is shown as it is.
    """
    for closing in CLOSING_SHORTCODE.finditer(content):
        if is_members_only(closing[1]):
            return f"[{closing[1]}]"
    for block in OPENING_BLOCK.finditer(content):
        if is_members_only(block[1]) or any(setting in (block[2] or "") for setting in HIDING_SETTINGS):
            return f"wp:{block[1]}"
    return PAYWALL if f"<!-- {PAYWALL} " in content else ""


def is_members_only(name: str) -> bool:
    name = name.lower()
    parts = set(re.split(r"[_/-]", name))
    return name in MEMBERS_ONLY_NAMES or (bool(parts & MEMBERS_ONLY_WORDS) and not parts & OTHERS)


def get_password(record: Record) -> str:
    """The password with its spaces: WordPress asks for one of spaces too."""
    return next((child.text for child in record.all("wp:post_password")), "")[:LONGEST_PASSWORD]


def get_time(record: Record, *names: str) -> datetime | None:
    """The first of these times that is valid; WordPress writes zeros for a missing one."""
    return next((time for name in names if (time := parse_time(record.value(name), name))), None)


def parse_time(text: str, name: str) -> datetime | None:
    try:
        if name == "pubDate":
            return parsedate_to_datetime(text).astimezone(UTC)
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if name.endswith("_gmt") else to_utc(time)
    except (ValueError, TypeError, OverflowError):
        return None


def to_names(texts: Iterable[str]) -> tuple[str, ...]:
    """Plain names in order, each once."""
    plain = (to_plain_line(text)[:LONGEST_NAME].strip() for text in texts)
    return tuple(dict.fromkeys(name for name in plain if name))[:MOST_NAMES]
