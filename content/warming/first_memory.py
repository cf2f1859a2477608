"""The first memory of a new web process: the hot set from Redis, before the process counts as ready.

Else the first readers of each page would wait for Redis, and the first loads of a whole deploy come at once.
"""

import asyncio
import logging
import time

from content.caching.engine import Engine
from content.caching.key import EntryKey
from content.warming.hot_set import ReadHottest, find_targets, read_hottest
from content.warming.targets import Target, edge, pages

logger = logging.getLogger(__name__)

# Seconds. A process is ready then, whatever it has read.
LONGEST = 2.0
# Entries of the hot set, and of one lookup.
MOST, BATCH = 5000, 100
# The share of the memory that may be filled: the rest is for what readers ask for.
SHARE = 0.8


async def fill_memory(engine: Engine, read_hottest: ReadHottest = read_hottest, *, seconds: float = LONGEST) -> int:
    """Read the hottest entries from the shared tier into memory, that long at most. Returns how many memory has."""
    memory, began = engine.memory, time.monotonic()
    if memory is None:
        return 0
    try:
        async with asyncio.timeout(seconds):
            hottest = [each.target for each in find_targets(await read_hottest(MOST)).values()]
            for first in range(0, len(hottest), BATCH):
                if memory.bytes >= memory.capacity * SHARE:
                    break
                await _read(engine, hottest[first : first + BATCH])
    except TimeoutError:
        logger.info("Readers are served before all of the hot set is in memory: it took longer than %g s.", seconds)
    except Exception as error:
        logger.warning("The hot set could not be read into memory. Readers fetch it themselves: %s", error)
    logger.info("%d entries are in memory after %.2f s.", len(memory), time.monotonic() - began)
    return len(memory)


async def _read(engine: Engine, targets: list[Target]) -> None:
    """One round trip for entries, and one for pages. Missing entries are not loaded."""
    keys = [entry_key_of(target) for target in targets if target.resource is not pages]
    found = await engine.tiers.lookup(keys, again=True)
    for entry_key in keys:
        if (value := found.get(entry_key.key)) is not None:
            engine.tiers.accept(entry_key, value, again=True)
    page_keys = [str(target) for target in targets if target.resource is pages]
    if page_keys:
        store = edge().page_store
        await asyncio.gather(*(store.lookup(key) for key in page_keys))


def entry_key_of(target: Target) -> EntryKey:
    resource = target.resource
    return resource.entry_key(target.parameters, {})  # type: ignore[attr-defined,no-any-return]  # of a Resource
