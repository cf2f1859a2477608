"""Durations, as people write them: a timedelta, seconds, or text such as "5m"."""

import math
import re
from datetime import timedelta

from .errors import shown

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
        raise TypeError(f"{name} is {shown(value)}, of type {type(value).__name__}: that is no duration. {_FIX}")
    if found < timedelta(0):
        raise ValueError(f"{name} is {shown(value)}: a time cannot be negative. Give 0 or more.")
    return found


def _parse(text: str, name: str) -> timedelta:
    parts, end = 0.0, 0
    stripped = text.strip()[: _LONGEST + 1]
    while len(stripped) <= _LONGEST and (part := _PART.match(stripped, end)):
        parts, end = parts + float(part[1]) * _SECONDS[part[2]], part.end()
    if not stripped or end != len(stripped):
        raise ValueError(f"{name} is {shown(text)}: that is no duration. {_FIX}")
    return _seconds(parts, text, name)


def _seconds(number: float, value: Duration, name: str) -> timedelta:
    try:
        if math.isfinite(number):
            return timedelta(seconds=number)
    except OverflowError:
        pass
    raise ValueError(f"{name} is {shown(value)}: that is no time that a cache can count. {_FIX}")
