"""Heat: how often each entry was read of late, by all processes, in bounded space in Redis.

Two sorted sets hold scores by name, one decaying with a half-life of minutes, one with a half-life of days. A score
is log2 of the sum over reads of 2^(t / half-life), with t in seconds since the Unix epoch: forward decay (Cormode,
Shkapenyuk, Srivastava, Xu, ICDE 2009), in logarithms. All scores of a set decay alike, so time changes none of them.
Each set keeps the names with the highest scores.

The clock is Redis's own, so that a process with a wrong clock changes no order.
"""

import asyncio
import math
import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from redis.exceptions import ResponseError

from . import lua
from .backends.client import is_wrong_type
from .backends.connection import connection_to
from .backends.server import Server
from .read_counts import MAX_NAME_LENGTH

# Seconds: five minutes, and two days.
HALF_LIVES = (300.0, 2 * 86_400.0)
# Names in each set. In Redis a name takes about 200 bytes a set.
MOST_KEPT = 20_000
# Names that one script adds. Redis answers nobody else meanwhile, for about a millisecond.
BATCH = 125
# A count above this is no count of reads.
LARGEST_COUNT = 1e15
# log2 of reads: a score further above the clock is not ours. As in add_heat.lua.
LARGEST_LEAD = 64.0
# The value of the marker once all saved scores are back.
RESTORED = b"restored"


class Score(NamedTuple):
    """The scores of one entry, None where a set does not have it."""

    name: str
    minutes: float | None
    days: float | None


class Heat:
    """`most`: names in each set. `clock`: Unix seconds, for tests; None for Redis's own clock.

    The async methods raise RedisError or OSError if Redis does not answer.
    """

    def __init__(
        self, server: Server, prefix: str, most: int = MOST_KEPT, clock: Callable[[], float] | None = None
    ) -> None:
        self.server = server
        self.prefix = prefix
        self.most = most
        self.clock = clock
        self.sets = (f"{{{prefix}:heat}}:minutes", f"{{{prefix}:heat}}:days")
        # It is lost with the sets, and tells that they have not been restored since.
        self.marker = f"{{{prefix}:heat}}:restored"

    # --- adding ---------------------------------------------------------------------------------------

    async def add(self, counts: Mapping[str, float]) -> None:
        """Count that many reads of each entry, by name, as of now. Names and counts that are not ours are ignored."""
        for command in self.commands(counts):
            await self._execute(*command)

    def commands(self, counts: Mapping[str, float]) -> Iterator[tuple[Any, ...]]:
        """The commands that add the counts, each for a part of them."""
        usable = [(name, count) for name, count in counts.items() if is_name(name) and 0 < count <= LARGEST_COUNT]
        now = "" if self.clock is None else self.clock()
        for first in range(0, len(usable), BATCH):
            pairs = [argument for pair in usable[first : first + BATCH] for argument in pair]
            yield ("EVAL", lua.ADD_HEAT, len(self.sets), *self.sets, now, self.most, *HALF_LIVES, *pairs)

    # --- reading --------------------------------------------------------------------------------------

    async def read_hottest(self, most: int) -> list[tuple[str, float]]:
        """Names and heat of the `most` hottest entries, the hottest first.

        The heat is the mean of two estimates of reads a second: over the last minutes, and over the last days.
        """
        return [(score.name, rate) for rate, score in await self._read(most)]

    async def read_scores(self, most: int) -> list[Score] | None:
        """Like read_hottest, as scores to save. None if Redis lost them and they are not restored yet."""
        found = await self._read(most)
        return [score for _, score in found] if await self.is_restored() else None

    async def is_restored(self) -> bool:
        """False after Redis lost its data, and before the first use: then saved scores are to be restored."""
        try:
            return bool(await self._execute("GET", self.marker) == RESTORED)
        except ResponseError as error:
            if is_wrong_type(error):
                return False
            raise

    async def restore(self, scores: Iterable[Score]) -> None:
        """Put saved scores back, beside the reads that were counted since. Two calls at once do no harm."""
        saved = list(islice(scores, self.most))
        token = await self._execute("EVAL", lua.BEGIN_RESTORE, 1, self.marker, secrets.token_hex(8))
        for index, key in enumerate(self.sets, start=1):
            pairs = [
                (score[index], score.name) for score in saved if score[index] is not None and is_name(score.name)
            ]
            for first in range(0, len(pairs), BATCH):
                flat = [argument for pair in pairs[first : first + BATCH] for argument in pair]
                await self._execute("EVAL", lua.RESTORE_HEAT, 1, key, self.most, *flat)
        # Redis may have lost its data again meanwhile.
        await self._execute("EVAL", lua.MARK_RESTORED, 1, self.marker, token, RESTORED)

    async def _read(self, most: int) -> list[tuple[float, Score]]:
        if most < 1:
            return []
        answers = await asyncio.gather(
            *(self._execute("EVAL", lua.READ_HEAT, 2, key, self.marker, most) for key in self.sets)
        )
        now = self.clock() if self.clock is not None else _seconds(answers[0][0])
        minutes, days = (
            _readable(flat, now / half_life) for (_, flat), half_life in zip(answers, HALF_LIVES, strict=True)
        )
        await asyncio.gather(self._complete(self.sets[0], minutes, days), self._complete(self.sets[1], days, minutes))
        scores = [Score(name, minutes.get(name), days.get(name)) for name in {**minutes, **days}]
        rated = sorted(((_rate(score, now), score) for score in scores), key=lambda each: (-each[0], each[1].name))
        return rated[:most]

    async def _complete(self, key: str, scores: dict[str, float], other: Mapping[str, float]) -> None:
        """Add the scores that this set has of entries which are among the hottest of the other alone."""
        names = [name for name in other if name not in scores]
        for first in range(0, len(names), BATCH):
            part = names[first : first + BATCH]
            for name, score in zip(part, await self._execute("ZMSCORE", key, *part), strict=True):
                if score is not None and math.isfinite(number := float(score)):
                    scores[name] = number

    def _execute(self, *command: Any) -> Awaitable[Any]:
        return connection_to(self.server).execute(*command)


def _seconds(time: tuple[bytes, bytes]) -> float:
    """Unix seconds, by the clock of Redis."""
    seconds, microseconds = time
    return int(seconds) + int(microseconds) / 1e6


def _readable(flat: Iterable[bytes], newest: float) -> dict[str, float]:
    """Scores by name from the answer to ZREVRANGE, without those of other programs."""
    scores: dict[str, float] = {}
    items = iter(flat)
    for member, text in zip(items, items, strict=True):
        try:
            name, score = member.decode(), float(text)
        except ValueError:
            continue
        if is_name(name) and -math.inf < score <= newest + LARGEST_LEAD:
            scores[name] = score
    return scores


def is_name(name: str) -> bool:
    return 0 < len(name) <= MAX_NAME_LENGTH and ":" in name and name.isprintable()


def _rate(score: Score, now: float) -> float:
    """Reads a second. With a steady rate both sets estimate the same."""
    rates = [
        2.0 ** min(each - now / half_life, LARGEST_LEAD) * math.log(2) / half_life if each is not None else 0.0
        for each, half_life in zip(score[1:], HALF_LIVES, strict=True)
    ]
    return sum(rates) / len(rates)
