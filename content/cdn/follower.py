"""Follows the invalidation log, and has the CDN forget what each record names.

1. Read what follows the mark: the position up to which the CDN has confirmed all, of which epoch.
2. Purge what the records name, again and again until the CDN has confirmed it.
3. Five seconds later purge it once more: an answer that was on its way to the CDN when it was purged, from a process
   that had not yet heard of the record, or by a slow connection, is stored after the purge. No process answers with
   what a record ended for longer than it may be deaf to the log, which is a second.
4. Then move the mark. Whoever dies before it is followed by another, which does 1 to 3 again: nothing is missed, and
   some is purged more often than it need be.

Where the mark is of another epoch, or its record is not in the log any more, everything is purged.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from redis.exceptions import RedisError

from content.caching.entry import NOWHERE, Position
from content.caching.metrics.events import emit, measure
from content.caching.ordering.stream import LogStream
from content.cdn.cdn import Cdn, NotPurged
from content.cdn.order import Order
from content.cdn.place import Mark, Place

logger = logging.getLogger(__name__)

AGAIN = 5.0
# Orders of so many seconds are repeated as one.
TOGETHER = 1.0
# Seconds of a wait for a record; below a connection's timeout.
WAIT = 0.4
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
# Between two looks at whether another's lease has ended, and after Redis has failed.
LOOK = 2.0


class LeaseLost(Exception):
    """Another follower may be at work: begin anew from the mark."""


@dataclass
class Repeat:
    """To be carried out once more, at `due` (on the follower's clock)."""

    begun: float
    due: float
    order: Order


class Follower:
    """`again`: seconds after which a purge is repeated."""

    def __init__(
        self,
        cdn: Cdn,
        stream: LogStream,
        place: Place,
        *,
        again: float = AGAIN,
        first_pause: float = FIRST_PAUSE,
        look: float = LOOK,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.cdn = cdn
        self.stream = stream
        self.place = place
        self.lease = place.new_lease()
        self.again = again
        self.first_pause = first_pause
        self.look = look
        self.clock = clock
        self.epoch, self.tail = "", NOWHERE
        self.repeats: deque[Repeat] = deque()
        self.lost: asyncio.Future[None] | None = None

    # --- one at a time -------------------------------------------------------------------------------------

    async def follow(self) -> None:
        """For as long as the process lives; nothing that fails ends it."""
        while True:
            await self.turn(self.for_ever)
            await asyncio.sleep(self.look)

    async def catch_up(self, seconds: float) -> None:
        """All that is in the log now, twice; unless another is at it, or the time is up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.turn(self.until_done)

    async def turn(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            if not await self.lease.take([self.place.lease_key]):
                return
            renewal = self.lost = asyncio.ensure_future(self.renew())
            try:
                await self.begin()
                await work()
            finally:
                renewal.cancel()
                with contextlib.suppress(RedisError, OSError):
                    await self.lease.release([self.place.lease_key])
        except LeaseLost:
            logger.info("the CDN is told by another process")
        except (RedisError, OSError) as error:
            logger.info("the CDN is not told while Redis does not answer: %s", error)
        except Exception:
            logger.exception("the CDN could not be told")

    async def renew(self) -> None:
        """Ends when the lease is another follower's, or cannot be renewed."""
        with contextlib.suppress(RedisError, OSError):
            await self.lease.renew([self.place.lease_key], until_lost=True)

    @property
    def is_ours(self) -> bool:
        return self.lost is not None and not self.lost.done()

    async def rest(self, seconds: float) -> None:
        """Raises LeaseLost as soon as it is."""
        if self.lost is not None:
            await asyncio.wait({self.lost}, timeout=seconds)
        if not self.is_ours:
            raise LeaseLost

    # --- the log ------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        mark = await self.place.read()
        self.epoch, self.tail = (mark.epoch, mark.position) if mark is not None else ("", NOWHERE)
        self.repeats.clear()

    async def for_ever(self) -> None:
        while True:
            await self.step()
            await self.stream.await_record(self.tail, WAIT)

    async def until_done(self) -> None:
        await self.step()
        while self.repeats:
            await self.rest(min(WAIT, max(0.0, self.repeats[0].due - self.clock())))
            await self.step()

    async def step(self) -> None:
        """What has come, and what is to be repeated now."""
        await self.rest(0)
        while await self.read():
            pass
        if self.repeats and self.repeats[0].due <= self.clock():
            await self.carry_out(self.repeats[0].order)
            await self.place.write(Mark(self.epoch, self.repeats.popleft().order.position))

    async def read(self) -> bool:
        """Whether there may be more."""
        answer = await self.stream.apoll(self.epoch, self.tail)
        if answer.base is not None:
            await self.begin_anew(answer.epoch, answer.base)
            return True
        if answer.records:
            order = Order.of(answer.records, self.tail)
            await self.carry_out(order)
            self.tail = order.position
            self.repeat(order)
        return answer.has_more

    async def begin_anew(self, epoch: str, position: Position) -> None:
        """All that is in the log by now is covered by one purge of everything, which begins after it was read."""
        self.repeats.clear()
        tail, answer = position, await self.stream.apoll(epoch, position)
        while answer.base is None and answer.records:
            tail = answer.records[-1].position
            answer = await self.stream.apoll(epoch, tail)
        logger.warning("what the CDN was told is not known, or not all is in the log any more: everything is purged")
        order = Order(tail, everything=True)
        await self.carry_out(order)
        self.epoch, self.tail = epoch, tail
        self.repeat(order)

    def repeat(self, order: Order) -> None:
        """In a while, with what else has come in the same second."""
        now = self.clock()
        last = self.repeats[-1] if self.repeats else None
        if last is not None and now - last.begun < TOGETHER:
            last.order, last.due = last.order.and_then(order), now + self.again
        else:
            self.repeats.append(Repeat(now, now + self.again, order))

    # --- the CDN ------------------------------------------------------------------------------------------

    async def carry_out(self, order: Order) -> None:
        """Until it was confirmed, however long that takes; meanwhile the log keeps what comes."""
        pause = self.first_pause
        while not order.is_empty:
            try:
                await self.purge(order)
            except NotPurged as error:
                emit("purge failed", "", tier="cdn", reason=str(error))
                level = logging.WARNING if pause == self.first_pause else logging.INFO
                logger.log(level, "the CDN was not purged, and is asked again: %s", error)
                if error.is_refused and not order.everything:
                    # It would hold up all that comes after it.
                    order = order.as_everything()
                await self.rest(max(pause, error.retry_after))
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                emit("purged", "", tier="cdn")
                measure("purged_tags", "", len(order.hard) + len(order.soft))
                return

    async def purge(self, order: Order) -> None:
        if order.everything:
            await self.cdn.purge_all()
            return
        if order.hard:
            await self.cdn.purge(sorted(order.hard), soft=False)
        if order.soft:
            await self.cdn.purge(sorted(order.soft), soft=True)
