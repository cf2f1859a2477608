"""The control loop of this site: run by the owner among all workers of this release. The owner works on runs, too."""

from django.conf import settings
from django.core.cache import caches

from content.caching.engines import engine_of, log_server
from content.caching.metrics.waits import WaitReports
from content.caching.release import release_digest
from content.warming.load_control import LoadControl
from content.warming.loop import WarmLoop
from content.warming.loop_register import LoopRegister
from content.warming.memory_budget import MemoryBudget
from content.warming.ownership import Ownership
from content.warming.run_lease import lease_store, owner_lease
from content.warming.run_queue import RunQueue

ALIAS = "default"


async def keep_warm() -> None:
    """Try to be the owner every second, and run the loop while this process is. Runs until cancelled."""
    await new_ownership().run(lambda: new_loop().run())


def new_ownership() -> Ownership:
    return Ownership(lease_store(), owner_lease(release_digest()))


def new_loop() -> WarmLoop:
    engine, server = engine_of(ALIAS), log_server(ALIAS)
    prefix = caches[ALIAS].key_prefix or "cache"
    loop = WarmLoop(
        engine,
        server,
        WaitReports(server, prefix) if server is not None else None,
        control=LoadControl(most=settings.WARM_AT_ONCE, rate=settings.WARM_RATE),
        budget=MemoryBudget(settings.WARM_MEMORY),
        register=LoopRegister(server, prefix, release_digest()) if server is not None else None,
    )
    loop.others = (RunQueue(loop.control, loop.switch).work,)
    return loop
