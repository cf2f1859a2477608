"""The start and end of the server (ASGI lifespan 2.0), which Django does not support."""

import asyncio
import gc
import logging

from django.conf import settings

from content.caching.cutoff import keep_derived_values
from content.caching.edge.asgi import Application, Message, Receive, Send
from content.caching.engines import engine_of
from content.caching.watch.presence import note_presence
from content.ops.verification import new_verifier
from content.popularity import flush_views
from content.warming.cutover import wait_until_warm
from content.warming.first_memory import fill_memory
from content.warming.first_page import make_first_page
from content.warming.process_coverage import report_coverage
from project.origins import served_origins

logger = logging.getLogger(__name__)

# Between two reads of rankings and counts that pages show in passing. Workers read them each second.
SECONDS_BETWEEN_READS = 60.0


def with_lifespan(application: Application) -> Application:
    return Lifespan(application)


class Lifespan:
    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await run_lifespan(receive, send)
        else:
            await self.application(scope, receive, send)


async def run_lifespan(receive: Receive, send: Send) -> None:
    await receive()
    await asyncio.to_thread(note_presence, is_caught_up=False)
    reason = await wait_until_warm(settings.START_COVERAGE / 100, settings.START_WITHIN)
    logger.info("This process serves readers now: %s.", reason)
    verifier = new_verifier(serves_readers=True)
    await fill_memory(engine_of("default"))
    await make_first_page()
    report_coverage()
    freeze_garbage_collector()
    if verifier is not None:
        verifier.start()
    background = [
        asyncio.create_task(served_origins.record()),
        asyncio.create_task(keep_derived_values(SECONDS_BETWEEN_READS)),
    ]
    await send({"type": "lifespan.startup.complete"})
    await receive()
    for task in background:
        task.cancel()
    if verifier is not None:
        await asyncio.to_thread(verifier.stop)
    await flush_views()
    await send({"type": "lifespan.shutdown.complete"})


def freeze_garbage_collector() -> None:
    """Exempt code, settings and models from garbage collection.

    A full collection of them would stop every reader for a tenth of a second or more.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
