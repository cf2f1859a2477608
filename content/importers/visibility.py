"""Whether a generator publishes a post, and the reason that the report gives if it does not.

The fields of all generators count in every folder: a folder does not always show which generator made it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from content.importers import eleventy, hugo
from content.importers.front_matter import Matter, is_no, normalize_name, parse_time
from content.importers.report import BadFile

LONGEST_PASSWORD = 200
# A value that is not a clear no withholds the post. Names are normalized, here and below.
WITHHOLDING = (
    "draft", "isdraft", "unpublished", "private", "isprivate", "unlisted", "hidden", "headless", "membersonly",
    "protected",
)  # fmt: skip
# A clear no withholds the post.
PUBLISHING = (
    "published", "ispublished", "publish", "dgpublish", "public", "ispublic", "listed", "render", "permalink",
)  # fmt: skip
STATUS_FIELDS = ("status", "poststatus", "visibility")
WITHHOLDING_STATUSES = {
    "draft", "pending", "private", "hidden", "unlisted", "unpublished", "scheduled", "future", "trash", "trashed",
    "deleted", "password", "protected", "internal", "members", "paid", "tiers", "review", "in review", "wip", "idea",
    "embargoed",
}  # fmt: skip
# A value of these that is no date makes the file a failure.
PUBLISH_DATES = ("date", "publishdate", "pubdate")
EXPIRY_DATES = ("expirydate", "unpublishdate")
# A value of these that is no date means something else.
LOOSE_PUBLISH_DATES = (
    "published", "publish", "publishedat", "publishedon", "publishat", "publishon", "scheduled", "scheduledat",
    "scheduledfor", "embargo", "embargountil",
)  # fmt: skip
LOOSE_EXPIRY_DATES = ("expires", "expire", "expireson", "expiresat", "expirationdate", "expiration")


@dataclass(frozen=True)
class Visibility:
    """The status, time and password of a post. `reason` is empty for a public post."""

    status: str
    published_at: datetime | None
    password: str = ""
    reason: str = ""
    warning: str = ""


@dataclass(frozen=True)
class Field:
    """A field of front matter. `origin` names the file above the post that sets it, and is empty for its own."""

    name: str
    value: Any
    origin: str = ""

    def __str__(self) -> str:
        shown = str(self.value).lower() if isinstance(self.value, bool) else str(self.value)[:80]
        return f"{self.name}: {shown}" + (f" in {self.origin}" if self.origin else "")


class Fields:
    """The fields of one file, its own and inherited ones, by their normalized names."""

    def __init__(self, matter: Matter, inherited: Sequence[tuple[str, Matter]] = ()) -> None:
        self.by_name: dict[str, list[Field]] = {}
        for origin, values in (*inherited, ("", matter)):
            of_origin: dict[str, list[Field]] = {}
            for name, value in values.items():
                of_origin.setdefault(normalize_name(name), []).append(Field(str(name)[:80], value, origin))
            self.by_name |= of_origin

    def find(self, *names: str) -> Iterator[Field]:
        for name in names:
            yield from self.by_name.get(name, ())

    def find_times(self, strict: Sequence[str], loose: Sequence[str]) -> Iterator[tuple[datetime, Field]]:
        """Raises BadFile."""
        for field in self.find(*strict):
            if not isinstance(field.value, bool) and (time := parse_time(field.value, field.name)):
                yield time, field
        for field in self.find(*loose):
            if not isinstance(field.value, bool | int) and (time := try_parse_time(field.value)):
                yield time, field

    def expiry_times(self) -> Iterator[tuple[datetime, Field]]:
        """Raises BadFile."""
        return self.find_times(EXPIRY_DATES, LOOSE_EXPIRY_DATES)

    def is_expired(self, now: datetime) -> bool:
        """Raises BadFile."""
        return any(time <= now for time, _ in self.expiry_times())


def try_parse_time(value: Any) -> datetime | None:
    try:
        return parse_time(value, "")
    except BadFile:
        return None


def decide_visibility(
    fields: Fields, published_at: datetime | None, now: datetime, *, kind: str, path_reason: str = ""
) -> Visibility:
    """`published_at` is the post's date. `path_reason` says why its path withholds it. Raises BadFile."""
    times = list(fields.find_times(PUBLISH_DATES, LOOSE_PUBLISH_DATES))
    latest, source = max(times, key=lambda pair: pair[0], default=(published_at, None))
    if latest is not None and (published_at is None or latest > max(published_at, now)):
        published_at = latest
    password = get_password(fields)
    expiry, expiry_field = min(fields.expiry_times(), key=lambda pair: pair[0], default=(None, None))
    if path_reason or (field := next(find_withholding_fields(fields, kind), None)):
        return Visibility("draft", published_at, password, path_reason or f"It says {field}.")
    if expiry is not None and expiry <= now:
        return Visibility("withdrawn", published_at, password, f"It says {expiry_field}, which has passed.")
    warning = f"It says {expiry_field}: withdraw it then, or import it again." if expiry_field else ""
    if published_at is not None and published_at > now:
        origin = f"It says {source}" if source else f"Its date is {published_at:%Y-%m-%d}"
        return Visibility("scheduled", published_at, password, f"{origin}: it becomes public then.", warning)
    return Visibility("published", published_at, password, "It has a password." if password else "", warning)


def find_withholding_fields(fields: Fields, kind: str) -> Iterator[Field]:
    """The fields that withhold a post or page."""
    for field in fields.find(*WITHHOLDING):
        if not is_no(field.value):
            yield field
    for field in fields.find(*PUBLISHING):
        if field.value is not None and field.value != "" and is_no(field.value):
            yield field
    for field in fields.find(*STATUS_FIELDS):
        if isinstance(field.value, str) and field.value.strip().casefold() in WITHHOLDING_STATUSES:
            yield field
    for field in fields.find("password"):
        if (not isinstance(field.value, str | int) or field.value is True) and not is_no(field.value):
            yield field
    for field in fields.find("build"):
        for suffix, value in hugo.withholding_options(field.value, kind):
            yield Field(f"{field.name}{suffix}", value, field.origin)
    for field in fields.find("permalink"):
        if eleventy.is_permalink_off(field.value):
            yield field
    for field in fields.find("eleventyexcludefromcollections"):
        if kind == "post" and eleventy.is_excluded_from_posts(field.value):
            yield field
    for field in fields.find("eleventycomputed"):
        for name, value in eleventy.computed_values(field.value):
            if normalize_name(name) in (*WITHHOLDING, *PUBLISHING):
                yield Field(f"{field.name}.{name}", value, field.origin)


def get_password(fields: Fields) -> str:
    for field in fields.find("password"):
        if isinstance(field.value, str | int) and not isinstance(field.value, bool) and str(field.value):
            return str(field.value)[:LONGEST_PASSWORD]
    return ""
