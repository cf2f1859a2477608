from typing import Any

from content.caching.entry import Header, Verdict


class Answer:
    """What a reader gets: a header, and a value as it was stored (bytes) or as it is shared (opened)."""

    __slots__ = ("derived", "header", "opened", "quiet_until", "reads", "stale", "value", "verdict", "version")

    def __init__(
        self,
        header: Header,
        value: Any,
        *,
        opened: bool,
        stale: bool = False,
        verdict: Verdict = Verdict.VALID,
        version: int = -1,
    ) -> None:
        self.header = header
        self.value = value
        self.opened = opened
        self.stale = stale
        self.verdict = verdict
        # The ordering's version at which `verdict` was found; -1: not judged yet.
        self.version = version
        # In memory: how often it was read there, and until when it asks for no refresh while it is fresh.
        self.reads = 0
        self.quiet_until = float("-inf")
        # What its reader has made of the value, and keeps beside it.
        self.derived: Any = None

    def as_stale(self) -> "Answer":
        return Answer(self.header, self.value, opened=self.opened, stale=True)
