"""Commands that are asked for in one turn of the event loop travel together.

A caller gets a future at once. When the turn ends, all that was asked for in it goes out in one write, reads that
stand beside each other as one MGET. Nobody waits for somebody else's answer before sending.
"""

import asyncio
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from content.caching.backends.protocol import Command, PendingCommand

# The answers of one MGET are in memory at once, and hold up what comes behind them.
_MAX_MGET_KEYS = 500


def join_reads(waiting: list[PendingCommand]) -> Iterable[PendingCommand]:
    """The same commands, GETs that stand side by side joined."""
    for is_get, group in groupby(waiting, lambda pair: pair[0][0] == "GET"):
        batch = list(group)
        if not is_get or len(batch) == 1:
            yield from batch
            continue
        for start in range(0, len(batch), _MAX_MGET_KEYS):
            yield _join(batch[start : start + _MAX_MGET_KEYS])


def _join(batch: list[PendingCommand]) -> PendingCommand:
    """One MGET whose answer is dealt out to those who asked for the keys."""
    futures = [future for _, future in batch]
    whole = futures[0].get_loop().create_future()
    whole.add_done_callback(lambda answered: _distribute(answered, futures))
    command: Command = ("MGET", *(command[1] for command, _ in batch))
    return command, whole


def _distribute(answered: "asyncio.Future[Any]", futures: "list[asyncio.Future[Any]]") -> None:
    if answered.cancelled():
        for future in futures:
            future.cancel()
        return
    error = answered.exception()
    answers = [None] * len(futures) if error else answered.result()
    for future, answer in zip(futures, answers, strict=True):
        if future.done():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(answer)
