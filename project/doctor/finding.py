"""The finding of one check, in words for an operator."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum


class Status(IntEnum):
    """The value of the worst one is the exit status of `manage.py doctor`; a skipped check does not count."""

    SKIPPED = -1
    OK = 0
    WARNING = 1
    ERROR = 2


@dataclass(frozen=True)
class Finding:
    """`what` was found, what it `means` for the site, and what to `do`. The last two are empty if all is well."""

    status: Status
    what: str
    means: str = ""
    do: str = ""
    category: str = ""


Check = Callable[[], Iterable[Finding]]


def ok(what: str) -> Finding:
    return Finding(Status.OK, what)


def skipped(what: str) -> Finding:
    """The check does not apply here, or needs something that another check reports."""
    return Finding(Status.SKIPPED, what)


def warning(what: str, means: str, do: str) -> Finding:
    return Finding(Status.WARNING, what, means, do)


def error(what: str, means: str, do: str) -> Finding:
    return Finding(Status.ERROR, what, means, do)
