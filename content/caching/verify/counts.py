"""The checks of all processes in numbers."""

from collections import Counter
from dataclasses import dataclass

from ..metrics.events import EventCounts
from .nines import highest_rate, nines


@dataclass(frozen=True)
class VerificationCounts:
    """Sums since the counters were last reset with their Redis. `seconds`: charged to the budget."""

    checked_by_tier: Counter[str]
    inconsistent_by_tier: Counter[str]
    matched: int
    unsettled: int
    seconds: float

    @classmethod
    def of(cls, totals: EventCounts) -> "VerificationCounts":
        def by_tier(what: str) -> Counter[str]:
            amounts = Counter[str]()
            for (event, _, tier), amount in totals.items():
                if event == what:
                    amounts[tier] += round(amount)
            return amounts

        seconds = sum(amount for (event, _, _), amount in totals.items() if event == "verify_seconds")
        matched, unsettled = by_tier("matched").total(), by_tier("unsettled").total()
        return cls(by_tier("checked"), by_tier("inconsistent"), matched, unsettled, float(seconds))

    @property
    def checked(self) -> int:
        return self.checked_by_tier.total()

    @property
    def inconsistent(self) -> int:
        return self.inconsistent_by_tier.total()

    @property
    def highest_rate(self) -> float:
        """The share of inconsistent entries, as high as it may be with 95 % confidence."""
        return highest_rate(self.checked, self.inconsistent)

    @property
    def nines(self) -> float:
        return nines(self.highest_rate)
