import math
from dataclasses import dataclass
from datetime import timedelta

LARGEST = 1000


@dataclass(frozen=True)
class Rate:
    """At most `limit` in any span of `per`. `limit` is from 1 to 1,000: the time of each is stored."""

    limit: int
    per: timedelta

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= LARGEST:
            raise ValueError(f"A rate allows from 1 to {LARGEST:,}, not {self.limit:,}.")
        if self.per <= timedelta(0):
            raise ValueError(f"A rate is per a span of time, not {self.per}.")

    @property
    def seconds(self) -> float:
        return self.per.total_seconds()


@dataclass(frozen=True)
class Verdict:
    """`remaining`: how many more would be allowed now. `retry_after`: seconds until the next; 0 if it was allowed."""

    allowed: bool
    remaining: int
    retry_after: float = 0.0

    @property
    def whole_seconds(self) -> int:
        """`retry_after` for the header field Retry-After (RFC 9110, 10.2.3); at least 1."""
        return max(1, math.ceil(self.retry_after))
