from typing import Any

import msgspec

from content.caching.entry import Header, Verdict


class Answer(msgspec.Struct, eq=False, gc=False):
    """What a reader gets: a header, and a value as it was stored (bytes) or as it is shared (opened).

    Memory has as many as it has entries, and none leads back to itself: the garbage collector need not walk through
    them all while every reader waits.
    """

    header: Header
    value: Any
    opened: bool
    stale: bool = False
    verdict: Verdict = Verdict.VALID
    # The ordering's version at which `verdict` was found; -1: not judged yet.
    version: int = -1
    # In memory: how often it was read there, and until when it asks for no refresh while it is fresh.
    reads: int = 0
    quiet_until: float = float("-inf")
    # What its reader has made of the value, and keeps beside it.
    derived: Any = None

    def as_stale(self) -> "Answer":
        return Answer(self.header, self.value, self.opened, stale=True)
