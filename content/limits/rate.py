from dataclasses import dataclass
from datetime import timedelta

LARGEST = 1000


@dataclass(frozen=True)
class Rate:
    """At most `limit` in any span of `per`. `limit` is from 1 to 1,000: each is remembered by its time."""

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
