"""The follower reads the invalidation log, and purges from the CDN what each record names.

1. It reads the records after the checkpoint: the position up to which the CDN has confirmed every purge.
2. It purges their tags, and retries until the CDN confirms.
3. Five seconds later it purges them again. A response that was on its way to the CDN during the first purge, from a
   process that had not read the record yet or over a slow connection, is stored after that purge. No process serves
   invalidated content for longer than it may miss the log, which is one second.
   Where purges cost nothing (`early_repeat`), it purges sooner, too: processes read a record within milliseconds.
4. Then it moves the checkpoint. If it dies before that, its successor repeats 1 to 3: no purge is lost, and some are
   sent more often than needed.

If the checkpoint has another epoch, or its record is no longer in the log, the follower purges everything.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from django.conf import settings
from redis.exceptions import RedisError

from content.caching.entry import NOWHERE, Position
from content.caching.metrics.events import emit, measure
from content.caching.ordering.stream import LogStream, format_position
from content.caching.tracing import CLIENT, begin_trace, current_span
from content.cdn.cdn import Cdn, NotPurged, Purge
from content.cdn.checkpoint import Checkpoint, CheckpointStore, stream_and_checkpoints
from content.cdn.providers import open_cdn

logger = logging.getLogger(__name__)

# Seconds until a purge is repeated.
REPEAT_AFTER = 5.0
# Purges of so many seconds are repeated as one.
MERGE_WINDOW = 1.0
# Seconds of a wait for a record; below a connection's timeout.
WAIT, SHORTEST_WAIT = 0.4, 0.01
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
# Seconds between two attempts to get the lease, and after a failure of Redis.
LEASE_INTERVAL = 1.0


class LeaseLost(Exception):
    """Another follower may run by now: begin again at the checkpoint."""


@dataclass
class Repeat:
    """A purge to send again at `due`, on the follower's clock."""

    begun: float
    due: float
    purge: Purge


class Follower:
    def __init__(
        self,
        cdn: Cdn,
        stream: LogStream,
        checkpoints: CheckpointStore,
        *,
        repeat_after: float = REPEAT_AFTER,
        first_pause: float = FIRST_PAUSE,
        lease_interval: float = LEASE_INTERVAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.cdn = cdn
        self.stream = stream
        self.checkpoints = checkpoints
        self.lease = checkpoints.new_lease()
        self.repeat_after = repeat_after
        self.first_pause = first_pause
        self.lease_interval = lease_interval
        self.clock = clock
        self.epoch, self.tail = "", NOWHERE
        self.repeats: deque[Repeat] = deque()
        # Additional repeats, with the times at which they are due; no checkpoint waits for them.
        self.early_repeats: deque[tuple[float, Purge]] = deque()
        self.renewal: asyncio.Future[None] | None = None

    # --- one follower at a time ----------------------------------------------------------------------------

    async def follow(self) -> None:
        """Runs as long as the process; no error ends it."""
        while True:
            await self.run_under_lease(self.run_forever)
            await asyncio.sleep(self.lease_interval)

    async def catch_up(self, seconds: float) -> None:
        """Purge all that is in the log now, twice. Returns early if another follower runs, or after `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.run_under_lease(self.run_until_done)

    async def run_under_lease(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            if not await self.lease.take([self.checkpoints.lease_key]):
                return
            renewal = self.renewal = asyncio.ensure_future(self.renew())
            try:
                await self.load_checkpoint()
                await work()
            finally:
                renewal.cancel()
                with contextlib.suppress(RedisError, OSError):
                    await self.lease.release([self.checkpoints.lease_key])
        except LeaseLost:
            logger.info("Another process purges the CDN now.")
        except (RedisError, OSError) as error:
            logger.info("The CDN is not purged while Redis is down; retrying: %s", error)
        except Exception:
            logger.exception("The CDN could not be purged; retrying.")

    async def renew(self) -> None:
        """Ends when another follower has the lease, or it cannot be renewed."""
        with contextlib.suppress(RedisError, OSError):
            await self.lease.renew([self.checkpoints.lease_key], until_lost=True)

    @property
    def has_lease(self) -> bool:
        return self.renewal is not None and not self.renewal.done()

    async def pause(self, seconds: float) -> None:
        """Raises LeaseLost as soon as the lease is lost."""
        if self.renewal is not None:
            await asyncio.wait({self.renewal}, timeout=seconds)
        if not self.has_lease:
            raise LeaseLost

    # --- the log ------------------------------------------------------------------------------------------

    async def load_checkpoint(self) -> None:
        checkpoint = await self.checkpoints.read()
        self.epoch, self.tail = (checkpoint.epoch, checkpoint.position) if checkpoint is not None else ("", NOWHERE)
        self.repeats.clear()
        self.early_repeats.clear()

    async def run_forever(self) -> None:
        while True:
            await self.step()
            await self.stream.await_record(self.tail, self.next_wait())

    async def run_until_done(self) -> None:
        await self.step()
        while self.repeats:
            await self.pause(min(WAIT, max(0.0, self.repeats[0].due - self.clock())))
            await self.step()

    def next_wait(self) -> float:
        """Seconds for which a wait for a record delays no early repeat."""
        due = self.early_repeats[0][0] - self.clock() if self.early_repeats else WAIT
        return min(WAIT, max(SHORTEST_WAIT, due))

    async def step(self) -> None:
        """Purge for new records, and repeat purges that are due."""
        await self.pause(0)
        while await self.read():
            pass
        while self.early_repeats and self.early_repeats[0][0] <= self.clock():
            await self.carry_out(self.early_repeats.popleft()[1])
        if self.repeats and self.repeats[0].due <= self.clock():
            await self.carry_out(self.repeats[0].purge)
            await self.checkpoints.write(Checkpoint(self.epoch, self.repeats.popleft().purge.position))

    async def read(self) -> bool:
        """Purge for the next records. Returns whether there may be more."""
        answer = await self.stream.apoll(self.epoch, self.tail)
        if answer.base is not None:
            await self.purge_everything(answer.epoch, answer.base)
            return True
        if answer.records:
            purge = Purge.of(answer.records, self.tail)
            await self.carry_out(purge)
            self.tail = purge.position
            self.schedule_repeat(purge)
        return answer.has_more

    async def purge_everything(self, epoch: str, position: Position) -> None:
        """Read the log to its end first: one purge of everything then covers all of its records."""
        self.repeats.clear()
        self.early_repeats.clear()
        tail, answer = position, await self.stream.apoll(epoch, position)
        while answer.base is None and answer.records:
            tail = answer.records[-1].position
            answer = await self.stream.apoll(epoch, tail)
        logger.warning("The CDN has no checkpoint, or the log was trimmed past it: everything is purged.")
        purge = Purge(tail, everything=True)
        await self.carry_out(purge)
        self.epoch, self.tail = epoch, tail
        self.schedule_repeat(purge)

    def schedule_repeat(self, purge: Purge) -> None:
        """Merge it with the other purges of the same second."""
        now = self.clock()
        if self.cdn.early_repeat is not None:
            self.early_repeats.append((now + self.cdn.early_repeat, purge))
        last = self.repeats[-1] if self.repeats else None
        if last is not None and now - last.begun < MERGE_WINDOW:
            last.purge, last.due = last.purge.merge(purge), now + self.repeat_after
        else:
            self.repeats.append(Repeat(now, now + self.repeat_after, purge))

    # --- the CDN ------------------------------------------------------------------------------------------

    async def carry_out(self, purge: Purge) -> None:
        """Retry until the CDN confirms. Meanwhile the log keeps new records."""
        pause = self.first_pause
        while not purge.is_empty:
            try:
                await self.send(purge)
            except NotPurged as error:
                emit("purge failed", "", tier="cdn", reason=str(error))
                level = logging.WARNING if pause == self.first_pause else logging.INFO
                logger.log(level, "The CDN did not confirm a purge; retrying: %s", error)
                if error.is_refused and not purge.everything:
                    # Otherwise this purge would block all later ones.
                    purge = purge.as_everything()
                await self.pause(max(pause, error.retry_after))
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                emit("purged", "", tier="cdn")
                measure("purged_tags", "", len(purge.hard) + len(purge.soft))
                return

    async def send(self, purge: Purge) -> None:
        """Continue the trace of the write, which its record in the log names."""
        with begin_trace("cdn purge", CLIENT, purge.traceparents):
            if (span := current_span.get()) is not None:
                span.set("evergreen.position", format_position(purge.position))
                span.set("evergreen.tag_count", len(purge.hard) + len(purge.soft))
            await self._send(purge)

    async def _send(self, purge: Purge) -> None:
        if purge.everything:
            await self.cdn.purge_all()
            return
        if purge.hard:
            await self.cdn.purge(sorted(purge.hard), soft=False)
        if purge.stale and self.cdn.purges_softly:
            await self.cdn.purge(sorted(purge.stale), soft=True)


def follower_of_site() -> Follower | None:
    """None without a CDN or a log. Call it in the event loop that runs the follower."""
    found = stream_and_checkpoints()
    return Follower(open_cdn(settings.CDN_URL, settings.CDN_TOKEN), *found) if found is not None else None
