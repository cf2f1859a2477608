"""The control loop of this site: run by the owner among all workers of this release."""

from django.conf import settings
from django.core.cache import caches

from content.caching.engines import engine_of, log_server
from content.caching.metrics.waits import WaitReports
from content.caching.release import release_digest
from content.caching.stores.failsafe import Failsafe
from content.warming.load_control import LoadControl
from content.warming.loop import WarmLoop
from content.warming.loop_register import LoopRegister
from content.warming.memory_budget import MemoryBudget
from content.warming.ownership import Ownership

ALIAS = "default"


async def keep_warm() -> None:
    """Try to be the owner every second, and run the loop while this process is. Runs until cancelled."""
    await new_ownership().run(lambda: new_loop().run())


def new_ownership() -> Ownership:
    shared = engine_of(ALIAS).shared
    # Past the circuit breaker, which grants every lease while the cache is down.
    store = shared.tier if isinstance(shared, Failsafe) else shared
    return Ownership(store, f"warming:owner:{release_digest()}")


def new_loop() -> WarmLoop:
    engine, server = engine_of(ALIAS), log_server(ALIAS)
    prefix = caches[ALIAS].key_prefix or "cache"
    return WarmLoop(
        engine,
        server,
        WaitReports(server, prefix) if server is not None else None,
        control=LoadControl(most=settings.WARM_AT_ONCE, rate=settings.WARM_RATE),
        budget=MemoryBudget(settings.WARM_MEMORY),
        register=LoopRegister(server, prefix, release_digest()) if server is not None else None,
    )
