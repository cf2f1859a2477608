"""Keys whose load failed a moment ago, or whose result could not be kept: not tried again for each reader."""

from collections.abc import Callable

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
# Of what was made of a part that is being loaded again: that is over soon.
FIRST_BRIEF, LONGEST_BRIEF = 0.05, 1.0
MOST_KEYS = 10_000


class Pauses:
    """Pauses double with each failure of a key, and end with its next success. Seconds, by the engine's clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        # key -> (until when, how long, whether its load has failed)
        self.pauses: dict[str, tuple[float, float, bool]] = {}

    def begin(self, key: str, *, failed: bool, brief: bool = False) -> None:
        """`failed`: its load did; else it was loaded, and could not be kept."""
        first, longest = (FIRST_BRIEF, LONGEST_BRIEF) if brief else (FIRST_PAUSE, LONGEST_PAUSE)
        _, last, _ = self.pauses.get(key, (0.0, 0.0, failed))
        pause = min(max(last * 2, first), longest)
        if len(self.pauses) >= MOST_KEYS:
            self.forget_ended()
        self.pauses[key] = (self.clock() + pause, pause, failed)

    def forget_ended(self) -> None:
        """If that makes no room, the oldest half goes: its keys are tried a little early."""
        now = self.clock()
        self.pauses = {key: pause for key, pause in self.pauses.items() if pause[0] > now}
        if len(self.pauses) >= MOST_KEYS:
            self.pauses = dict(list(self.pauses.items())[MOST_KEYS // 2 :])

    def end(self, key: str) -> None:
        self.pauses.pop(key, None)

    def is_on(self, key: str) -> bool:
        return key in self.pauses and self.clock() < self.pauses[key][0]

    def has_failed(self, key: str) -> bool:
        """Its load has, and is not to be tried yet."""
        return self.is_on(key) and self.pauses[key][2]

    def clear(self) -> None:
        self.pauses.clear()
