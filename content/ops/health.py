"""/healthz: the process is alive. /readyz: it may get readers.

It reaches the database, all migrations are applied, Redis answers or is not needed, and the cache is warm.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from redis import Redis

from content.caching.backends.server import server_at
from content.caching.engines import engine_of
from content.ops.migrations import migration_check
from content.ops.state.cached_result import CachedResult
from content.warming.coverage import SETS, Coverage
from content.warming.state import read_coverage

CHECK_SECONDS = 1.0
# Seconds for which all requests share one result of the checks.
CACHE_SECONDS = 1.0

Check = Callable[[], Awaitable[str | None]]
READY, DEGRADED, NOT_READY = "ready", "degraded", "not ready"
# I5: without Redis no reader gets an error.
TOLERATED = "Readers are served without it. EVERGREEN_READY_REDIS=true demands it."


@require_safe
async def healthz(request: HttpRequest) -> JsonResponse:
    """No check: a process that responds is alive."""
    return json_response({"status": "ok"}, 200)


@require_safe
async def readyz(request: HttpRequest) -> JsonResponse:
    """503 with the reasons while a new process should get no readers. "degraded" with 200 while Redis is down.

    It gates a roll-out. A load balancer checks /healthz: from cache, a process serves readers without the database.
    """
    checks = await cached_checks.get()
    status = status_of(checks)
    return json_response({"status": status, "checks": checks}, 503 if status == NOT_READY else 200)


def status_of(checks: Mapping[str, Mapping[str, object]]) -> str:
    failed = [check for check in checks.values() if not check["ok"]]
    if not failed:
        return READY
    return DEGRADED if all("tolerated" in check for check in failed) else NOT_READY


async def run_checks() -> dict[str, dict[str, object]]:
    names = list(CHECKS)
    results = await asyncio.gather(*(run_check(CHECKS[name]) for name in names))
    checks = dict(zip(names, results, strict=True))
    if not checks["redis"]["ok"] and not settings.READY_REDIS:
        checks["redis"]["tolerated"] = TOLERATED
    return checks


cached_checks = CachedResult(run_checks, CACHE_SECONDS)


async def run_check(check: Check, seconds: float = CHECK_SECONDS) -> dict[str, object]:
    began = time.perf_counter()
    try:
        reason = await asyncio.wait_for(check(), seconds)
    except TimeoutError:
        reason = f"No answer within {seconds:g} s."
    except Exception as error:
        # Only the type of the error: its text may contain addresses and passwords.
        reason = f"Does not answer ({type(error).__name__})."
    milliseconds = round((time.perf_counter() - began) * 1000, 1)
    if reason is None:
        return {"ok": True, "milliseconds": milliseconds}
    return {"ok": False, "milliseconds": milliseconds, "reason": reason}


async def check_database() -> str | None:
    # Where loads run: a request's own thread would open a connection for each call.
    await engine_of("default").loop_state().executor.run(lambda: sync_to_async(select_one)())
    return None


def select_one() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM content_siteconfig LIMIT 1")


async def check_redis() -> str | None:
    await sync_to_async(redis_client(settings.REDIS_URL).ping, thread_sensitive=False)()
    return None


@lru_cache(1)
def redis_client(url: str) -> Redis:
    """One client for the process, so that its connection stays open."""
    client: Redis = server_at(url, timeout=CHECK_SECONDS).sync_client()
    return client


class WarmStart:
    """Waits, in a new process, until the set of the 1,000 hottest entries is covered, or for so many seconds.

    From then on the check passes: else many edits at once would take all processes from the load balancer.
    """

    SET = "1000"

    def __init__(
        self,
        read: Callable[[int], Awaitable[Coverage | None]] = read_coverage,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.read = read
        self.clock = clock
        self.began = clock()
        self.is_over = False

    async def check(self) -> str | None:
        """Why the process is not ready, by these settings. None if it is."""
        demanded, seconds = settings.READY_COVERAGE, settings.READY_SECONDS
        if self.is_over or not demanded or self.clock() - self.began >= seconds:
            self.is_over = True
            return None
        coverage = await self.read(SETS[self.SET])
        if coverage is None:
            return "What is fresh in Redis is not known: the cache does not answer, or invalidations may be missed."
        share = coverage.of_set(self.SET)
        if share.ratio >= demanded:
            self.is_over = True
            return None
        left = seconds - (self.clock() - self.began)
        return (
            f"{share.fresh:,} of the {share.entries:,} hottest entries are fresh; EVERGREEN_READY_COVERAGE demands "
            f"{demanded:.4g} of them. Workers warm the rest; the process is ready in {left:.0f} s in any case."
        )


warm_start = WarmStart()


async def check_coverage() -> str | None:
    return await warm_start.check()


async def check_migrations() -> str | None:
    return await migration_check.check()


CHECKS: dict[str, Check] = {
    "database": check_database,
    "migrations": check_migrations,
    "redis": check_redis,
    "coverage": check_coverage,
}


def json_response(content: dict[str, object], status: int) -> JsonResponse:
    return JsonResponse(content, status=status, headers={"Cache-Control": "no-store"})
