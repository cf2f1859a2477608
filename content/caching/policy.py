"""How long entries live: durations, as people write them, and the policy of a resource."""

import math
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from .errors import short_repr

Duration = timedelta | float | str

_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
# Characters of a text. Longer ones are no duration.
_LONGEST = 50

_FIX = 'Give a timedelta, seconds, or text with units (ms, s, m, h, d, w) such as "5m" or "1h30m".'


def duration(value: Duration, name: str) -> timedelta:
    """The duration as a timedelta. A number is in seconds.

    `name` says in errors which duration it is. Raises TypeError for what is no duration, and ValueError for a
    negative one, for NaN and infinity, for text in another form, and for more than timedelta holds.
    """
    if isinstance(value, timedelta):
        found = value
    elif isinstance(value, str):
        found = _parse(value, name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found = _seconds(value, value, name)
    else:
        raise TypeError(f"{name} is {short_repr(value)}, of type {type(value).__name__}: that is no duration. {_FIX}")
    if found < timedelta(0):
        raise ValueError(f"{name} is {short_repr(value)}: a time cannot be negative. Give 0 or more.")
    return found


def _parse(text: str, name: str) -> timedelta:
    parts, end = 0.0, 0
    stripped = text.strip()[: _LONGEST + 1]
    while len(stripped) <= _LONGEST and (part := _PART.match(stripped, end)):
        parts, end = parts + float(part[1]) * _SECONDS[part[2]], part.end()
    if not stripped or end != len(stripped):
        raise ValueError(f"{name} is {short_repr(text)}: that is no duration. {_FIX}")
    return _seconds(parts, text, name)


def _seconds(number: float, value: Duration, name: str) -> timedelta:
    try:
        if math.isfinite(number):
            return timedelta(seconds=number)
    except OverflowError:
        pass
    raise ValueError(f"{name} is {short_repr(value)}: that is no time that a cache can count. {_FIX}")


ZERO = timedelta(0)


@dataclass(frozen=True)
class Times:
    """Moments of one entry's life, in Unix seconds."""

    fresh_until: float
    stale_until: float
    error_until: float


@dataclass(frozen=True, init=False)
class Policy:
    """How long an entry of a resource lives, and how long its loader may take.

    A duration is given as a timedelta, in seconds, or as text such as "5m".

    ttl           fresh for this long
    stale_ttl     then stale for this long: served while it is refreshed
    error_ttl     kept this much longer, and served only if loading fails
    negative_ttl  how long "not there" is fresh
    jitter        0 to 1: the share of ttl that may be taken off at random, so that entries stored
                  together do not expire together
    early         how eagerly a fresh entry is refreshed before its time, by what its load costs (XFetch, Vattani
                  et al., VLDB 2015); 1 is the paper's optimum, 0 is never
    ahead         0 to 1: the last share of ttl, in which a read of a hot entry (ten reads in this process since
                  it was stored) has it loaded again although it is fresh; 0 is never
    end           never fresh past this moment, nor stale, whatever the times say
    soft_timeout  a load that takes longer is left to go on, and what was kept for errors is served meanwhile
    hard_timeout  a load that takes longer is ended
    """

    ttl: timedelta
    stale_ttl: timedelta
    error_ttl: timedelta
    negative_ttl: timedelta
    jitter: float
    early: float
    ahead: float
    end: datetime | None
    soft_timeout: timedelta | None
    hard_timeout: timedelta

    def __init__(
        self,
        *,
        ttl: Duration,
        stale_ttl: Duration = ZERO,
        error_ttl: Duration = ZERO,
        negative_ttl: Duration = timedelta(minutes=1),
        jitter: float = 0.1,
        early: float = 1.0,
        ahead: float = 0.1,
        end: datetime | None = None,
        soft_timeout: Duration | None = None,
        hard_timeout: Duration = timedelta(seconds=30),
    ) -> None:
        """Durations are kept as timedeltas. Raises TypeError and ValueError for a field that is no such value."""
        fields: dict[str, Any] = {
            "ttl": duration(ttl, "Policy.ttl"),
            "stale_ttl": duration(stale_ttl, "Policy.stale_ttl"),
            "error_ttl": duration(error_ttl, "Policy.error_ttl"),
            "negative_ttl": duration(negative_ttl, "Policy.negative_ttl"),
            "jitter": _number(jitter, "jitter", "a share, from 0 to 1", most=1),
            "early": _number(early, "early", "0 for never, 1 for the usual"),
            "ahead": _number(ahead, "ahead", "a share, from 0 to 1", most=1),
            "end": _moment(end),
            "soft_timeout": None if soft_timeout is None else _timeout(soft_timeout, "soft_timeout"),
            "hard_timeout": _timeout(hard_timeout, "hard_timeout"),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def until(self, moment: datetime | None) -> "Policy":
        """The same, ended at that moment (None: no such end)."""
        if moment is None or (self.end is not None and self.end <= moment):
            return self
        return replace(self, end=moment)

    def with_timeouts(self, *, soft: timedelta | None, hard: timedelta) -> "Policy":
        return replace(self, soft_timeout=soft, hard_timeout=hard)

    def times(self, now: float, chance: float, *, there: bool = True) -> Times:
        """The times of an entry made at `now` (Unix time); `chance` in [0, 1) decides the jitter."""
        lifetime = (self.ttl if there else self.negative_ttl).total_seconds()
        fresh_until = now + lifetime - lifetime * self.jitter * chance
        stale_until = fresh_until + self.stale_ttl.total_seconds() if there else fresh_until
        end = self.end.timestamp() if self.end is not None else math.inf
        fresh_until, stale_until = max(now, min(fresh_until, end)), max(now, min(stale_until, end))
        error_until = stale_until + self.error_ttl.total_seconds() if there else stale_until
        return Times(fresh_until, stale_until, error_until)

    def should_refresh_early(self, now: float, fresh_until: float, cost: float, chance: float) -> bool:
        """XFetch: the nearer the end and the dearer the load, the likelier; `chance` in (0, 1]."""
        return now - cost * self.early * math.log(chance) >= fresh_until


def _timeout(value: Duration, name: str) -> timedelta:
    found = duration(value, f"Policy.{name}")
    if not found:
        raise ValueError(f"Policy.{name} is 0: a load needs some time. Give more, such as 30 for seconds.")
    return found


def _number(value: Any, name: str, meaning: str, most: float = 1e6) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"Policy.{name} is {short_repr(value)}: that is no number. Give {meaning}.")
    if not 0 <= value <= most:
        raise ValueError(f"Policy.{name} is {value}: that is out of its range. Give {meaning}.")
    return value


def _moment(value: Any) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    raise TypeError(
        f"Policy.end is {short_repr(value)}, of type {type(value).__name__}: that is no moment. Give a datetime; "
        "a duration belongs in ttl."
    )


# Named time classes, each with its stale and error times.
VOLATILE = Policy(
    ttl=timedelta(seconds=30),
    stale_ttl=timedelta(seconds=30),
    error_ttl=timedelta(minutes=10),
    negative_ttl=timedelta(seconds=10),
)
FREQUENT = Policy(ttl=timedelta(minutes=1), stale_ttl=timedelta(minutes=2), error_ttl=timedelta(hours=1))
MODERATE = Policy(ttl=timedelta(minutes=5), stale_ttl=timedelta(minutes=10), error_ttl=timedelta(hours=6))
RARE = Policy(ttl=timedelta(hours=1), stale_ttl=timedelta(hours=1), error_ttl=timedelta(days=1))
STATIC = Policy(ttl=timedelta(days=1), stale_ttl=timedelta(days=1), error_ttl=timedelta(days=7))
