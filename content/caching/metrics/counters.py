"""Hits in memory, counted here and not with the other events: a hit is over in less time than that takes."""


class Counters:
    __slots__ = ("memory_hits",)

    def __init__(self) -> None:
        self.memory_hits = 0


# By the name of what was read: resources, and pages.
counters_by_name: dict[str, Counters] = {}


def counters_for(name: str) -> Counters:
    return counters_by_name.setdefault(name, Counters())
