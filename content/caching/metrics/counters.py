"""Counters of hits in memory. They are apart from other events: counting an event takes longer than such a hit."""


class Counters:
    __slots__ = ("memory_hits",)

    def __init__(self) -> None:
        self.memory_hits = 0


# By the name of what was read: resources, and pages.
counters_by_name: dict[str, Counters] = {}


def counters_for(name: str) -> Counters:
    return counters_by_name.setdefault(name, Counters())
