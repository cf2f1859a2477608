import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """`remaining`: how many more would be allowed now. `retry_after`: seconds until the next; 0 if it was allowed."""

    allowed: bool
    remaining: int
    retry_after: float = 0.0

    @property
    def whole_seconds(self) -> int:
        """As the header Retry-After has it (RFC 9110, 10.2.3); 1 at least."""
        return max(1, math.ceil(self.retry_after))
