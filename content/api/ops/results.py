"""The results: these structs are the contract, as those of the readers' API."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0)]


class Share(Struct, frozen=True):
    """The share of some entries that is fresh."""

    fresh: Count
    entries: Count
    share: Annotated[float, Meta(ge=0, le=1)]


class Coverage(Share, frozen=True):
    """The fresh share of a set of the hottest entries, and of its resources and kinds of pages."""

    kinds: dict[str, Share]


class Run(Struct, frozen=True):
    """A run of warming. docs/runs.md explains each field; `planned`, `left`, `rate` and `estimate` may be unknown."""

    id: int
    state: Annotated[str, Meta(description="queued, running, paused, done, cancelled or stopped.")]
    message: Annotated[str, Meta(description="What an operator has to know; empty if all went well.")]
    trigger: str
    started_by: Annotated[str, Meta(description="For a run of this API the name of the token.")]
    plan: Annotated[str, Meta(description="What was chosen, in words.")]
    choice: dict[str, Any]
    retry_of: int | None
    release: str
    planned: Count | None
    done: Count
    fresh: Count
    warmed: Count
    failed: Count
    skipped: Count
    pages: Count
    left: Count | None
    queries: Count
    bytes: Count
    seconds: Seconds
    rate: Seconds | None
    estimate: Seconds | None
    created_at: datetime
    started_at: datetime | None
    heartbeat_at: datetime | None
    ended_at: datetime | None
    worker: str
    takeovers: Count
    silent: Annotated[bool, Meta(description="No process has reported on it for ten seconds.")]
    failures: dict[str, str]
    coverage: Annotated[dict[str, Coverage] | None, Meta(description="Of the hottest entries when it had ended.")]


class RunList(Struct, frozen=True):
    """Runs, the newest first."""

    items: tuple[Run, ...]


class WarmEstimate(Struct, frozen=True):
    """The result of a dry run. `is_complete` is false if the time was up: then the numbers are the least."""

    plan: str
    planned: Count
    loads: Count
    pages: Count
    seconds: Seconds
    is_complete: bool
    message: str


class Purge(Struct, frozen=True):
    """A purge: the entries that it touches, counted before, and its effect. Counts are null where they are unknown.

    id              of its row in the admin; null for a dry run, and if `is_recorded` is false
    tags            the first 1,000; `tag_count` counts all
    touched         entries by resource, and "page"; `entries` are those that are no pages
    in_passing      entries that show a part of it, and become stale
    already_purged  entries that were purged before, and are still stored
    is_complete     whether all stored entries were counted
    missing         things of which nothing is stored, each with names that are near
    judged, ended   touched entries that were looked at after the purge, and how many are not fresh any more
    reached, deaf   other processes that follow the log, and those that do not and serve nothing as fresh
    """

    id: int | None
    is_recorded: bool | None
    tags: tuple[str, ...]
    tag_count: Count
    soft: bool
    is_done: bool
    touched: dict[str, int] | None
    entries: Count | None
    pages: Count | None
    bytes: Count | None
    in_passing: Count | None
    already_purged: Count | None
    is_complete: bool
    missing: dict[str, tuple[str, ...]]
    judged: Count
    ended: Count
    reached: Count | None
    deaf: Count | None
