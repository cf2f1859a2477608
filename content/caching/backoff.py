"""Backoff: keys whose load failed, or whose result could not be stored, are not loaded again for each reader."""

from collections.abc import Callable

FIRST_DELAY = 1.0
MAX_DELAY = 30.0
# For a page with a stale part: the part is being loaded already.
FIRST_BRIEF_DELAY, MAX_BRIEF_DELAY = 0.05, 1.0
MAX_KEYS = 10_000


class Backoff:
    """The delay of a key doubles with each failure; its next success resets it. Seconds, by the engine's clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        # key -> (until when, how long, whether its load has failed)
        self._delays: dict[str, tuple[float, float, bool]] = {}

    def delay(self, key: str, *, failed: bool, brief: bool = False) -> None:
        """`failed`: the load failed; else its result could not be stored."""
        first, longest = (FIRST_BRIEF_DELAY, MAX_BRIEF_DELAY) if brief else (FIRST_DELAY, MAX_DELAY)
        _, last, _ = self._delays.get(key, (0.0, 0.0, failed))
        delay = min(max(last * 2, first), longest)
        if len(self._delays) >= MAX_KEYS:
            self._drop_expired()
        self._delays[key] = (self.clock() + delay, delay, failed)

    def _drop_expired(self) -> None:
        """If that makes no room, drop the older half: its keys are loaded a little early."""
        now = self.clock()
        self._delays = {key: delay for key, delay in self._delays.items() if delay[0] > now}
        if len(self._delays) >= MAX_KEYS:
            self._delays = dict(list(self._delays.items())[MAX_KEYS // 2 :])

    def reset(self, key: str) -> None:
        self._delays.pop(key, None)

    def is_delayed(self, key: str) -> bool:
        """False if the clock was set back since: the end would be further away than the delay is long."""
        if key not in self._delays:
            return False
        until, delay, _ = self._delays[key]
        return 0 < until - self.clock() <= delay

    def has_failed(self, key: str) -> bool:
        """Its load failed, and is not to be tried yet."""
        return self.is_delayed(key) and self._delays[key][2]

    def clear(self) -> None:
        self._delays.clear()
