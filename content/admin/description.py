"""Shows data, as of a run or a purge, as a table in the admin."""

import datetime
from collections.abc import Mapping
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join


def as_table(description: Mapping[str, Any], *, without: tuple[str, ...]) -> str:
    rows = (
        (name.replace("_", " ").capitalize(), in_words(name, value))
        for name, value in description.items()
        if name not in without
    )
    return format_html(
        "<table>{}</table>",
        format_html_join("", '<tr><th scope="row">{}</th><td>{}</td></tr>', rows),
    )


def in_words(name: str, value: Any) -> str:
    """A value as text. Its name says the unit: bytes, seconds, or a time in ISO 8601."""
    match value:
        case None | "" | [] | {}:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int() if name == "bytes":
            return filesizeformat(value)
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.1f}{' s' if name in ('seconds', 'estimate') else ''}"
        case dict():
            return "; ".join(f"{key}: {in_words(key, each)}" for key, each in value.items())
        case list() | tuple():
            return ", ".join(map(str, value))
        case str() if name.endswith("_at"):
            return in_local_time(value)
    return str(value)


def in_local_time(text: str) -> str:
    moment: datetime.datetime | None = parse_datetime(text)
    return date_format(timezone.localtime(moment), "DATETIME_FORMAT") if moment is not None else text
