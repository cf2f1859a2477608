"""Parse header fields, and the lists, quoted strings and dates in them (RFC 9110, section 5).

Encode Cache-Status (RFC 9211).
"""

import math
import re
import time
from calendar import monthrange, timegm
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

Field = tuple[bytes, bytes]

# Fields about one connection, which no cache stores (RFC 9110, section 7.6.1; RFC 9111, section 3.1).
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# A member of a list. Commas inside quoted strings do not separate members.
_MEMBER = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')
_UNPRINTABLE = re.compile("[^ -~]")


class Fields:
    """Name and value pairs in order. Names are in lower case."""

    __slots__ = ("lines", "pairs")

    def __init__(self, pairs: Iterable[Sequence[bytes]] = ()) -> None:
        self.pairs: tuple[Field, ...] = tuple((bytes(name).lower(), bytes(value)) for name, value in pairs)
        self.lines: dict[bytes, list[str]] | None = None

    @classmethod
    def of(cls, pairs: tuple[Field, ...]) -> "Fields":
        """Build from pairs that already have lower-case names, without a copy."""
        fields = cls.__new__(cls)
        fields.pairs, fields.lines = pairs, None
        return fields

    @property
    def _by_name(self) -> dict[bytes, list[str]]:
        """The values by name. Grouped once, since the rules look up a few dozen names in each message."""
        if self.lines is None:
            self.lines = {}
            for name, value in self.pairs:
                self.lines.setdefault(name, []).append(value.decode("latin-1").strip(" \t"))
        return self.lines

    def __contains__(self, name: bytes) -> bool:
        return name in self._by_name

    def values(self, name: bytes) -> list[str]:
        """The value of each line with that name."""
        return self._by_name.get(name, [])

    def combine(self, name: bytes) -> str | None:
        """Combine the lines with that name into one list (section 5.3). None if there is no such line."""
        values = self.values(name)
        return ", ".join(values) if values else None

    def first(self, name: bytes) -> str | None:
        values = self.values(name)
        return values[0] if values else None

    def without(self, names: Iterable[bytes]) -> "Fields":
        unwanted = frozenset(names)
        return Fields.of(tuple(pair for pair in self.pairs if pair[0] not in unwanted))

    def with_fields(self, pairs: Iterable[Field]) -> "Fields":
        """Add fields. They replace the fields with the same names."""
        new = tuple(pairs)
        return Fields.of((*self.without(name for name, _ in new).pairs, *new))


def members(value: str | None) -> list[str]:
    """The members of a comma-separated list, without empty ones (section 5.6.1)."""
    if value is None:
        return []
    return [stripped for member in _MEMBER.findall(value) if (stripped := member.strip(" \t"))]


def unquote(text: str) -> str:
    """Decode a quoted string (section 5.6.4). A token stays unchanged."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def connection_fields(fields: Fields) -> frozenset[bytes]:
    """The names of the hop-by-hop fields, and the names in Connection."""
    named = (member.lower().encode("latin-1") for member in members(fields.combine(b"connection")))
    return _HOP_BY_HOP | frozenset(named)


# --- dates (RFC 9110, section 5.6.7), as Unix seconds ---

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
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


@dataclass(frozen=True)
class CacheStatus:
    """The steps that this cache took for a request.

    - `forwarded`: why the application was called: uri-miss, vary-miss, stale, request, method, bypass.
    - `ttl`: remaining freshness in seconds; negative if stale.
    - `detail`: a short text of our own.
    """

    hit: bool = False
    forwarded: str = ""
    forwarded_status: int = 0
    stored: bool = False
    collapsed: bool = False
    ttl: float | None = None
    key: str = ""
    detail: str = ""

    def with_key(self, key: str, ttl: float) -> "CacheStatus":
        return replace(self, key=key, ttl=ttl)

    def encode(self, name: str) -> bytes:
        """Encode as one List member (RFC 9651): a token with parameters."""
        parts = [name]
        if self.hit:
            parts.append("hit")
        if self.forwarded:
            parts.append(f"fwd={self.forwarded}")
        if self.forwarded_status:
            parts.append(f"fwd-status={self.forwarded_status}")
        if self.stored:
            parts.append("stored")
        if self.collapsed:
            parts.append("collapsed")
        if self.ttl is not None:
            parts.append(f"ttl={math.floor(self.ttl)}")
        if self.key:
            parts.append(f"key={_quote(self.key)}")
        if self.detail:
            parts.append(f"detail={_quote(self.detail)}")
        return "; ".join(parts).encode("ascii")


def _quote(text: str) -> str:
    """Encode as an RFC 9651 String: printable ASCII."""
    plain = _UNPRINTABLE.sub("?", text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
