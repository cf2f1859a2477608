"""Is the process alive (/healthz), and can it do all it is there for (/readyz)?"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from redis import Redis

from content.caching.engines import engine_of
from content.ops import heartbeat
from content.ops.recent import Recent

CHECK_SECONDS = 1.0
# Seconds for which the result of the checks answers all who ask.
KEPT_SECONDS = 1.0

Check = Callable[[], Awaitable[str | None]]


@require_safe
async def healthz(request: HttpRequest) -> JsonResponse:
    """Asks nobody: a process that can answer is alive."""
    return answer({"status": "ok"}, 200)


@require_safe
async def readyz(request: HttpRequest) -> JsonResponse:
    """503 with the reasons while the database, Redis or every worker is away.

    Readers are served from cache meanwhile: a load balancer that should keep sending them asks /healthz.
    """
    checks = await recent.get()
    ready = all(check["ok"] for check in checks.values())
    return answer({"status": "ready" if ready else "not ready", "checks": checks}, 200 if ready else 503)


async def run_checks() -> dict[str, dict[str, object]]:
    names = list(CHECKS)
    results = await asyncio.gather(*(timed(CHECKS[name]) for name in names))
    return dict(zip(names, results, strict=True))


recent = Recent(run_checks, KEPT_SECONDS)


async def timed(check: Check) -> dict[str, object]:
    began = time.perf_counter()
    try:
        reason = await asyncio.wait_for(check(), CHECK_SECONDS)
    except TimeoutError:
        reason = f"No answer within {CHECK_SECONDS:g} s."
    except Exception as error:
        # The kind of error alone: its text may hold addresses and passwords.
        reason = f"Does not answer ({type(error).__name__})."
    milliseconds = round((time.perf_counter() - began) * 1000, 1)
    if reason is None:
        return {"ok": True, "milliseconds": milliseconds}
    return {"ok": False, "milliseconds": milliseconds, "reason": reason}


async def database() -> str | None:
    # Where loads run: a request's own thread would open a connection for each call.
    await engine_of("default").loop_state().executor.run(lambda: sync_to_async(select_one)())
    return None


def select_one() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM content_siteconfig LIMIT 1")


async def redis() -> str | None:
    await sync_to_async(client_of(settings.REDIS_URL).ping, thread_sensitive=False)()
    return None


@lru_cache(1)
def client_of(url: str) -> Redis:
    """One for the process, which keeps its connection."""
    return Redis.from_url(url, socket_timeout=CHECK_SECONDS, socket_connect_timeout=CHECK_SECONDS)


async def worker() -> str | None:
    if await heartbeat.is_heard():
        return None
    return f"No worker was heard for {heartbeat.SILENCE} s: start one with `celery -A workers worker`."


CHECKS: dict[str, Check] = {"database": database, "redis": redis, "worker": worker}


def answer(content: dict[str, object], status: int) -> JsonResponse:
    return JsonResponse(content, status=status, headers={"Cache-Control": "no-store"})
