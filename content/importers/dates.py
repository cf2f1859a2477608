"""Dates and times of front matter and of file names."""

import re
from datetime import UTC, date, datetime, time
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from content.importers.errors import BadFile

DATED_NAME = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})-(.+)")
# 2024-05-31 12:00:00 -0400, as Jekyll writes it.
ZONE_APART = re.compile(r"\s+(Z|UTC|[+-]\d{2}:?\d{2})$")
TO_DO = "write 2024-05-31 or 2024-05-31T12:00:00Z"


def dated_name(stem: str) -> tuple[datetime | None, str]:
    """`2024-05-31-news` is news of that day."""
    match = DATED_NAME.fullmatch(stem)
    if match is None:
        return None, stem
    try:
        return at_midnight(date(int(match[1]), int(match[2]), int(match[3]))), match[4]
    except ValueError:
        return None, stem


def moment(value: Any, name: str) -> datetime | None:
    """A date or a time, given as one or as text; without a zone it is in the site's own."""
    try:
        match value:
            case None | "" | False:
                return None
            case datetime():
                return aware(value)
            case date():
                return at_midnight(value)
            case str() | int():
                return from_text(str(value)[:100].strip())
    except (ValueError, OverflowError) as error:
        raise BadFile(f"Its {name} {str(value)[:80]!r} is no date ({error}): {TO_DO}.") from error
    raise BadFile(f"Its {name} is a {type(value).__name__} and no date: {TO_DO}.")


def from_text(text: str) -> datetime:
    text = ZONE_APART.sub(lambda match: "Z" if match[1] == "UTC" else match[1], text)
    parsed = parse_datetime(text) or parse_date(text)
    if parsed is None:
        raise ValueError("not in a known form")
    return aware(parsed) if isinstance(parsed, datetime) else at_midnight(parsed)


def aware(value: datetime) -> datetime:
    return (value if value.tzinfo else timezone.make_aware(value)).astimezone(UTC)


def at_midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time())).astimezone(UTC)
