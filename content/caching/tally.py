"""Hits in memory, counted here and not with the other events: a hit is over in less time than that takes."""


class Tally:
    __slots__ = ("memory_hits",)

    def __init__(self) -> None:
        self.memory_hits = 0


# By the name of what was read: resources, and pages.
tallies: dict[str, Tally] = {}


def tally_of(name: str) -> Tally:
    return tallies.setdefault(name, Tally())
