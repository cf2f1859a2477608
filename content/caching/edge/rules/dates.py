"""HTTP dates (RFC 9110, section 5.6.7), as Unix seconds."""

import re
import time
from calendar import monthrange, timegm

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = "(?:mon|tue|wed|thu|fri|sat|sun)"
_LONG_DAYS = "(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
_TIME = r"(?P<hour>\d{2}):(?P<minute>\d{2}):(?P<second>\d{2})"
_FORMATS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_DAYS}, (?P<day>\d{{2}}) (?P<month>[a-z]{{3}}) (?P<year>\d{{4}}) {_TIME} GMT",
        rf"{_LONG_DAYS}, (?P<day>\d{{2}})-(?P<month>[a-z]{{3}})-(?P<year>\d{{2}}) {_TIME} GMT",
        rf"{_DAYS} (?P<month>[a-z]{{3}}) (?P<day>[\d ]\d) {_TIME} (?P<year>\d{{4}})",
    )
]


def parse_date(text: str | None, now: float | None = None) -> float | None:
    """Parse a date; None if invalid. A two-digit year is at most 50 years ahead of `now`."""
    if text is None:
        return None
    for pattern in _FORMATS:
        if (found := pattern.fullmatch(text)) is not None:
            return _seconds_of(found, now)
    return None


def _seconds_of(found: re.Match[str], now: float | None) -> float | None:
    month = found["month"].lower()
    if month not in _MONTHS:
        return None
    year, day = int(found["year"]), int(found["day"])
    if len(found["year"]) == 2:
        this_year = time.gmtime(now).tm_year
        year += this_year - this_year % 100
        if year > this_year + 50:
            year -= 100
    hour, minute, second = (int(found[name]) for name in ("hour", "minute", "second"))
    number = _MONTHS.index(month) + 1
    if not (year and 1 <= day <= monthrange(year, number)[1] and hour < 24 and minute < 60 and second <= 60):
        return None
    return float(timegm((year, number, day, hour, minute, second)))


def http_date(seconds: float) -> str:
    """Format as IMF-fixdate."""
    moment = time.gmtime(seconds)
    day, month = _DAY_NAMES[moment.tm_wday], _MONTHS[moment.tm_mon - 1].capitalize()
    return f"{day}, {moment.tm_mday:02} {month} {moment.tm_year:04} {time.strftime('%H:%M:%S', moment)} GMT"


_DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
