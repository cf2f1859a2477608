"""Guards taken out so that a race shows it, and the workload and the property that do."""

from dataclasses import dataclass

from tests.support.mutation import Mutation
from tests.support.race.checker import Findings
from tests.support.race.workloads import (
    BESIDE,
    BUSY,
    FORGETFUL,
    HURRIED,
    LOST_LOG,
    MOVING,
    QUIET,
    REPLACED,
    SELDOM,
    SHORT_LOG,
    SYNC,
    SYNC_QUIET,
    UNDONE,
    WATCHED,
    Workload,
)

CACHING = "content/caching"


@dataclass(frozen=True)
class Sabotage(Mutation):
    """With the workload under which the checker finds it to be missing, and the property that it finds broken."""

    workload: Workload
    found: str

    def is_shown_by(self, findings: Findings) -> bool:
        return any(name.split()[0] == self.found for name in findings.counts)


SABOTAGES = [
    Sabotage(
        "position noted before the load",
        f"{CACHING}/loader.py",
        "        results, dependencies = await self._execute(state, calls, run)\n",
        "        results, dependencies = await self._execute(state, calls, run)\n"
        "        begun = await self.tiers.ordering.begin()\n",
        BUSY,
        "I1",
    ),
    Sabotage(
        "map before tail",
        f"{CACHING}/ordering/tag_index.py",
        "                known = self.last[record.kind]\n",
        "                known, self.tail = self.last[record.kind], record.position\n"
        "                time.sleep(0.005)\n",
        BUSY,
        "I1",
    ),
    Sabotage(
        "contiguous tail: an own append jumps nothing",
        f"{CACHING}/ordering/log.py",
        "        await _await(self._consumption(own))\n",
        "        self.tag_index.tail = own.appended.position\n",
        BUSY,
        "I1",
    ),
    Sabotage(
        "two slots a tag",
        f"{CACHING}/ordering/tag_index.py",
        "                    known[tag] = record.position\n",
        "                    [other.pop(tag, None) for other in self.last.values()]\n"
        "                    known[tag] = record.position\n",
        BUSY,
        "I1",
    ),
    Sabotage(
        "write-through after the own record",
        f"{CACHING}/ordering/log.py",
        "        await _await(self._consumption(own))\n",
        "        self.tag_index.remove_pending(nonce)\n",
        BUSY,
        "I1",
    ),
    Sabotage(
        "stale children",
        f"{CACHING}/result_store.py",
        "    if dependencies.stale:\n",
        "    if False:\n",
        BUSY,
        "I1",
    ),
    Sabotage(
        "a stale part is said on",
        f"{CACHING}/result_store.py",
        "return value.as_stale() if dependencies.stale or dependencies.weakly_stale else value",
        "return value",
        BUSY,
        "I1",
    ),
    Sabotage(
        "no joining of a load from before",
        f"{CACHING}/singleflight.py",
        "if call is not None and (call.stamp is None or covers(call.stamp)):",
        "if call is not None:",
        BUSY,
        "I1",
    ),
    Sabotage(
        "verdicts at all",
        f"{CACHING}/ordering/tag_index.py",
        "            if tag in pending or invalidated.get(tag, NOWHERE) > position:\n",
        "            if tag in pending:\n",
        BUSY,
        "I1",
    ),
    Sabotage(
        "the lease",
        f"{CACHING}/stores/shared.py",
        "for key, answer in zip(keys, await asyncio.gather(*asked), strict=True) if answer]",
        "for key, answer in zip(keys, await asyncio.gather(*asked), strict=True)]",
        QUIET,
        "I2",
    ),
    Sabotage(
        "stale ends",
        f"{CACHING}/tiers.py",
        "if value.verdict is not Verdict.INVALID and now < header.stale_until:",
        "if value.verdict is not Verdict.INVALID:",
        SELDOM,
        "I3",
    ),
    Sabotage(
        "tags of the old and the new state",
        "tests/support/race/steps.py",
        'tags = [f"row:{row}" for row in values]',
        'tags = [f"row:{row}" for row in values][-1:]',
        MOVING,
        "I1",
    ),
    Sabotage(
        "the floor, when tags are forgotten",
        f"{CACHING}/ordering/tag_index.py",
        "        self._raise_floor(self.folded.newest)\n",
        "",
        FORGETFUL,
        "I1",
    ),
    Sabotage(
        "the gap check",
        f"{CACHING}/lua/poll.lua",
        "  known = #redis.call('XRANGE', KEYS[1], tail, tail) == 1\n",
        "",
        SHORT_LOG,
        "I1",
    ),
    Sabotage(
        "the epoch",
        f"{CACHING}/ordering/tag_index.py",
        "if not self.epoch or stamp.epoch != self.epoch or stamp.position < self.floor:",
        "if not self.epoch or stamp.position < self.floor:",
        LOST_LOG,
        "I1",
    ),
    Sabotage(
        "fencing",
        f"{CACHING}/lua/store.lua",
        "if redis.pcall('GET', KEYS[2]) ~= ARGV[1] then return 0 end\n",
        "",
        REPLACED,
        "I12",
    ),
    Sabotage(
        "transactions go past the cache",
        f"{CACHING}/sync_resource.py",
        "        if kwargs or _thread.writes or bypasses or _get_running_loop() is not None:",
        "        if False:",
        UNDONE,
        "I1",
    ),
    Sabotage(
        "a load goes on without the reader who began it",
        f"{CACHING}/engine.py",
        "            if is_new:\n                emit_outcome(call)\n",
        "            if is_new:\n                call.reject(asyncio.CancelledError())\n",
        HURRIED,
        "I11",
    ),
    Sabotage(
        "each reader waits on a future of its own",
        f"{CACHING}/singleflight.py",
        "        waiter: asyncio.Future[CachedValue] = self.loop.create_future()\n",
        "        waiter = self.waiters[0] if self.waiters else self.loop.create_future()\n",
        HURRIED,
        "I11",
    ),
    Sabotage(
        "no thread joins a load from before",
        f"{CACHING}/sync.py",
        "            if call is None or (stamp is not None and not self.ordering.covers(stamp)):\n",
        "            if call is None:\n",
        SYNC,
        "I1",
    ),
    Sabotage(
        "threads load under the lease",
        f"{CACHING}/stores/blocking.py",
        "        return (None if content is None else decompress_value(content, self.cache.decompress)), is_ours\n",
        "        return (content and decompress_value(content, self.cache.decompress)), content is None\n",
        SYNC_QUIET,
        "I2",
    ),
    Sabotage(
        "a watched change is appended after the commit",
        f"{CACHING}/watch/own_writes.py",
        "        return bool(driver.in_transaction)\n"
        '    return connection.vendor == "postgresql" and driver.info.transaction_status != 0\n\n\n'
        "def _note_write(connection: BaseDatabaseWrapper) -> None:\n"
        "    if connection.in_atomic_block or not connection.autocommit:\n",
        "        return False\n"
        "    return False\n\n\n"
        "def _note_write(connection: BaseDatabaseWrapper) -> None:\n"
        "    if False:\n",
        WATCHED,
        "I1",
    ),
    Sabotage(
        "rows that no trigger has named are one coarse change",
        f"{CACHING}/watch/relay.py",
        "            if left + number > MAX_ROWS:\n",
        "            if False:\n",
        WATCHED,
        "I1",
    ),
    Sabotage(
        "a change expires what shows it in passing",
        f"{CACHING}/ordering/tag_index.py",
        "            if tag[0] == WEAK:\n",
        "            if tag[0] == None:\n",
        BESIDE,
        "I1",
    ),
    Sabotage(
        "made with something stale in passing, it is stored stale",
        f"{CACHING}/result_store.py",
        "min(times.fresh_until, now) if dependencies.weakly_stale else times.fresh_until",
        "times.fresh_until",
        BESIDE,
        "I1",
    ),
    Sabotage(
        "what is shown in passing is a dependency",
        f"{CACHING}/dependencies.py",
        "        self.tags.update(map(weak_tag, passing.tags))\n",
        "",
        BESIDE,
        "I1",
    ),
]
