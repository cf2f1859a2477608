"""The results of checks: inconsistencies, kept in Redis for operators, and the checks of all processes in numbers."""

import logging
import math
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec
from redis.exceptions import RedisError

from ..backends.connection import connection_to
from ..backends.server import Server
from ..errors import Unreadable
from ..metrics.events import EventCounts
from ..serializer import decode

# The bound holds in 95 of 100 samples.
CONFIDENCE = 0.95


def highest_rate(checked: int, inconsistent: int) -> float:
    """The share of inconsistent entries, as high as it may be with 95 % confidence; 1 without checks.

    For none found it is the rule of three: 3 / checked. Else the exact bound of a Poisson distribution.
    """
    return min(1.0, _highest_mean(inconsistent) / checked) if checked else 1.0


def nines(rate: float) -> float:
    """2.0 for a share of 1 %, 3.0 for one of 0.1 %."""
    return math.inf if rate <= 0 else max(0.0, -math.log10(rate))


def _highest_mean(found: int) -> float:
    """The mean at which so few are found in 5 % of all samples."""
    low, high = float(found), found + 10.0 + 5.0 * math.sqrt(found)
    for _ in range(60):
        middle = (low + high) / 2
        if _chance_of_at_most(found, middle) > 1 - CONFIDENCE:
            low = middle
        else:
            high = middle
    return high


def _chance_of_at_most(most: int, mean: float) -> float:
    """It computes with logarithms, lest a large mean become 0."""
    return sum(math.exp(count * math.log(mean) - mean - math.lgamma(count + 1)) for count in range(most + 1))


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


logger = logging.getLogger("content.caching")

MOST = 100
KEPT_SECONDS = 7 * 24 * 3600


class Inconsistency(msgspec.Struct, frozen=True):
    """An entry that a reader would have got as fresh, and the database says otherwise.

    `at`: Unix seconds. `position`: of the entry. `tail`: how far the process had read the log. `record`: the record
    that led to the check, "" for an entry chosen at random. `log`: records of its tags, and those around it.
    """

    at: float
    key: str
    resource: str
    tier: str
    reason: str
    difference: str
    tags: tuple[str, ...]
    epoch: str
    position: str
    tail: str
    record: str
    log: tuple[str, ...]
    repaired: bool

    def __str__(self) -> str:
        cause = f"checked after record {self.record}" if self.record else "chosen at random"
        repair = "It was loaded again." if self.repaired else "It could not be repaired."
        return (
            f"{self.key} in {self.tier}: {self.reason}, {cause}. {self.difference} "
            f"Position {self.position}, log read up to {self.tail}. {repair}"
        )


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Inconsistency)


class FindingStore:
    """The newest hundred, for a week."""

    def __init__(self, server: Server, prefix: str) -> None:
        self.server = server
        self.key = f"{{{prefix}:verify}}:found"

    async def add(self, found: Inconsistency) -> None:
        logger.error("The cache is inconsistent: %s Records: %s", found, "; ".join(found.log) or "none known")
        connection = connection_to(self.server)
        try:
            await connection.execute("LPUSH", self.key, _encode(found))
            await connection.execute("LTRIM", self.key, 0, MOST - 1)
            await connection.execute("EXPIRE", self.key, KEPT_SECONDS)
        except (RedisError, OSError) as error:
            logger.warning("Cannot reach Redis to keep an inconsistency that was found: %s", error)

    def read(self) -> list[Inconsistency]:
        """The newest first. Raises RedisError or OSError."""
        with self.server.sync_client() as client:
            return decode_findings(client.lrange(self.key, 0, MOST - 1))


def decode_findings(contents: Sequence[bytes]) -> list[Inconsistency]:
    """The findings without those of other releases."""
    found = list[Inconsistency]()
    for content in contents:
        with suppress(Unreadable):
            found.append(decode(_decoder.decode, content))
    return found
