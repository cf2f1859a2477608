from dataclasses import dataclass, replace
from datetime import datetime, timedelta

ZERO = timedelta(0)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How long an entry of a resource lives.

    ttl           fresh for this long
    stale_ttl     then stale for this long: served while it is refreshed
    error_ttl     kept this much longer, and served only if loading fails
    negative_ttl  how long "not there" is fresh
    jitter        0 to 1: the share of ttl that may be taken off at random, so that entries stored
                  together do not expire together
    end           never fresh past this moment, whatever ttl says
    """

    ttl: timedelta
    stale_ttl: timedelta = ZERO
    error_ttl: timedelta = ZERO
    negative_ttl: timedelta = timedelta(minutes=1)
    jitter: float = 0.1
    end: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("ttl", "stale_ttl", "error_ttl", "negative_ttl"):
            if getattr(self, name) < ZERO:
                raise ValueError(f"Policy.{name} is {getattr(self, name)}: a time cannot be negative.")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"Policy.jitter is {self.jitter}: it is a share, from 0 to 1.")

    def until(self, moment: datetime | None) -> "Policy":
        """The same, ended at that moment (None: no such end)."""
        if moment is None or (self.end is not None and self.end <= moment):
            return self
        return replace(self, end=moment)

    def fresh_for(self, now: float, chance: float, *, there: bool = True) -> float:
        """Seconds an entry made at `now` (Unix time) is fresh; `chance` in [0, 1) decides the jitter."""
        lifetime = (self.ttl if there else self.negative_ttl).total_seconds()
        lifetime -= lifetime * self.jitter * chance
        if self.end is not None:
            lifetime = min(lifetime, self.end.timestamp() - now)
        return max(lifetime, 0.0)


# Named time classes, each with its stale and error times.
VOLATILE = Policy(
    ttl=timedelta(seconds=30),
    stale_ttl=timedelta(seconds=30),
    error_ttl=timedelta(minutes=10),
    negative_ttl=timedelta(seconds=10),
)
FREQUENT = Policy(ttl=timedelta(minutes=1), stale_ttl=timedelta(minutes=2), error_ttl=timedelta(hours=1))
MODERATE = Policy(ttl=timedelta(minutes=5), stale_ttl=timedelta(minutes=10), error_ttl=timedelta(hours=6))
RARE = Policy(ttl=timedelta(hours=1), stale_ttl=timedelta(hours=1), error_ttl=timedelta(days=1))
STATIC = Policy(ttl=timedelta(days=1), stale_ttl=timedelta(days=1), error_ttl=timedelta(days=7))
