"""Posts that a generator would not publish: the words for it, and the reason that the report gives.

The words of all generators are understood in every folder: nothing says for sure which one a folder belongs to.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from content.importers.dates import moment
from content.importers.errors import BadFile
from content.importers.fields import Matter

LONGEST_PASSWORD = 200

# A value other than a clear no withholds.
YES_WORDS = (
    "draft", "isdraft", "unpublished", "private", "isprivate", "unlisted", "hidden", "headless", "membersonly",
    "protected",
)  # fmt: skip
# A clear no withholds.
NO_WORDS = ("published", "ispublished", "publish", "dgpublish", "public", "ispublic", "listed", "render", "permalink")
STATUS_WORDS = ("status", "poststatus", "visibility")
STATUSES = {
    "draft", "pending", "private", "hidden", "unlisted", "unpublished", "scheduled", "future", "trash", "trashed",
    "deleted", "password", "protected", "internal", "members", "paid", "tiers", "review", "in review", "wip", "idea",
    "embargoed",
}  # fmt: skip
# Where these are no dates, the file is refused.
PUBLISH_DATES = ("date", "publishdate", "pubdate")
EXPIRY_DATES = ("expirydate", "unpublishdate")
# Where these are no dates, they mean something else.
LOOSE_PUBLISH_DATES = (
    "published", "publish", "publishedat", "publishedon", "publishat", "publishon", "scheduled", "scheduledat",
    "scheduledfor", "embargo", "embargountil",
)  # fmt: skip
LOOSE_EXPIRY_DATES = ("expires", "expire", "expireson", "expiresat", "expirationdate", "expiration")
MENTIONS_EXPIRY = re.compile(rb"expir|unpublish", re.IGNORECASE)
NO = {"false", "no", "off", "0", "n", "f", "never", "none", "null", ""}
YES = {"true", "yes", "on", "1", "y", "t"}
COLLECTIONS_OF_POSTS = {"all", "post", "posts"}


@dataclass(frozen=True)
class Standing:
    """How public a post is: its status, its time, its password; `reason` is empty for what is public."""

    status: str
    published_at: datetime | None
    password: str = ""
    reason: str = ""
    warning: str = ""


@dataclass(frozen=True)
class Word:
    """A value of front matter, or one that a file above gives: `origin` is that file's name, empty for its own."""

    name: str
    value: Any
    origin: str = ""

    def __str__(self) -> str:
        shown = str(self.value).lower() if isinstance(self.value, bool) else str(self.value)[:80]
        return f"{self.name}: {shown}" + (f" in {self.origin}" if self.origin else "")


class Words:
    """All that is said of one file, by names without case, dashes and underscores, as Hugo reads them."""

    def __init__(self, matter: Matter, inherited: Sequence[tuple[str, Matter]] = ()) -> None:
        self.by_name: dict[str, list[Word]] = {}
        for origin, values in (*inherited, ("", matter)):
            found: dict[str, list[Word]] = {}
            for name, value in values.items():
                found.setdefault(folded(name), []).append(Word(str(name)[:80], value, origin))
            self.by_name |= found

    def all(self, names: Sequence[str]) -> Iterator[Word]:
        for name in names:
            yield from self.by_name.get(name, ())

    def times(self, strict: Sequence[str], loose: Sequence[str]) -> Iterator[tuple[datetime, Word]]:
        """Raises BadFile."""
        for word in self.all(strict):
            if not isinstance(word.value, bool) and (time := moment(word.value, word.name)):
                yield time, word
        for word in self.all(loose):
            if not isinstance(word.value, bool | int) and (time := moment_or_none(word.value)):
                yield time, word


def folded(name: Any) -> str:
    return str(name).casefold().replace("-", "").replace("_", "").replace(" ", "")


def moment_or_none(value: Any) -> datetime | None:
    try:
        return moment(value, "")
    except BadFile:
        return None


def standing_of(
    words: Words, published_at: datetime | None, now: datetime, *, kind: str, place: str = ""
) -> Standing:
    """`published_at` is what its date says, `place` why its name or folder withholds it. Raises BadFile."""
    times = list(words.times(PUBLISH_DATES, LOOSE_PUBLISH_DATES))
    latest, source = max(times, key=lambda pair: pair[0], default=(published_at, None))
    later = latest is not None and (published_at is None or latest > max(published_at, now))
    published_at = latest if later else published_at
    password = password_of(words)
    expiry, expiring = min(
        words.times(EXPIRY_DATES, LOOSE_EXPIRY_DATES), key=lambda pair: pair[0], default=(None, None)
    )
    if place or (word := withholding(words, kind)):
        return Standing("draft", published_at, password, place or f"It says {word}.")
    if expiry is not None and expiry <= now:
        return Standing("withdrawn", published_at, password, f"It says {expiring}, which has passed.")
    warning = f"It says {expiring}: withdraw it then, or import it again." if expiring else ""
    if published_at is not None and published_at > now:
        said = f"It says {source}" if source else f"Its date is {published_at:%Y-%m-%d}"
        return Standing("scheduled", published_at, password, f"{said}: it becomes public then.", warning)
    return Standing("published", published_at, password, "It has a password." if password else "", warning)


def is_expired(words: Words, now: datetime) -> bool:
    """Raises BadFile."""
    return any(time <= now for time, _ in words.times(EXPIRY_DATES, LOOSE_EXPIRY_DATES))


def withholding(words: Words, kind: str) -> Word | None:
    """The first word that withholds a post or page."""
    for word in words.all(YES_WORDS):
        if not is_no(word.value):
            return word
    for word in words.all(NO_WORDS):
        if word.value is not None and word.value != "" and is_no(word.value):
            return word
    for word in words.all(STATUS_WORDS):
        if isinstance(word.value, str) and word.value.strip().casefold() in STATUSES:
            return word
    for word in words.all(("password",)):
        if (not isinstance(word.value, str | int) or word.value is True) and not is_no(word.value):
            return word
    return next(words_of_builds(words, kind), None)


def words_of_builds(words: Words, kind: str) -> Iterator[Word]:
    """Hugo's build options, and what Eleventy leaves out of its output or, of posts, out of its lists."""
    for word in words.all(("build",)):
        options = {folded(name): value for name, value in word.value.items()} if is_mapping(word.value) else {}
        if not is_mapping(word.value) and is_no(word.value) and word.value is not None:
            yield word
        if options.get("render", True) not in (True, "always", "true"):
            yield Word(f"{word.name}.render", options["render"], word.origin)
        if kind == "post" and options.get("list", True) not in (True, "always", "true"):
            yield Word(f"{word.name}.list", options["list"], word.origin)
    for word in words.all(("permalink",)):
        is_off = is_mapping(word.value) and any(is_no(value) for value in word.value.values())
        if is_off or (isinstance(word.value, str) and "{" in word.value and "false" in word.value):
            yield word
    for word in words.all(("eleventyexcludefromcollections",)):
        named = {str(name) for name in word.value} if isinstance(word.value, list) else None
        if kind == "post" and (named & COLLECTIONS_OF_POSTS if named is not None else not is_no(word.value)):
            yield word
    for word in words.all(("eleventycomputed",)):
        computed = word.value if is_mapping(word.value) else {}
        for name, value in computed.items():
            if folded(name) in (*YES_WORDS, *NO_WORDS) and not (name == "permalink" and "false" not in str(value)):
                yield Word(f"{word.name}.{name}", value, word.origin)


def password_of(words: Words) -> str:
    for word in words.all(("password",)):
        if isinstance(word.value, str | int) and not isinstance(word.value, bool) and str(word.value):
            return str(word.value)[:LONGEST_PASSWORD]
    return ""


def is_no(value: Any) -> bool:
    """Any value that is neither a no nor empty is a yes."""
    if isinstance(value, str):
        return value.strip().casefold() in NO
    return not value


def is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)
