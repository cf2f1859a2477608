"""The parts of an engine that tests look at, and its background tasks."""

import asyncio

from content.caching import lasting_loop
from content.caching.engine import Engine
from content.caching.engines import engine_of
from content.caching.ordering.log import InvalidationLog
from content.caching.ordering.ordering import LogOrdering
from content.caching.ordering.tag_index import TagIndex


async def wait_for_engine(alias: str = "default") -> None:
    """Wait until the engine has no task left, in the loop of threads and in this one."""
    await asyncio.to_thread(lasting_loop.run, wait_in_this_loop(alias))
    await wait_in_this_loop(alias)


async def wait_in_this_loop(alias: str) -> None:
    while tasks := engine_of(alias).loop_state().tasks:
        await asyncio.gather(*tasks, return_exceptions=True)


def log_of(engine: Engine) -> InvalidationLog:
    """The invalidation log of an engine that has one."""
    assert isinstance(engine.ordering, LogOrdering)
    return engine.ordering.log


def tag_index_of(engine: Engine) -> TagIndex:
    return log_of(engine).tag_index
