"""The edge inside one process, without sockets: what middleware, a miss and a hit cost beside the view alone."""

import asyncio
import gc
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import uvloop

from tests.benchmarks.rounds import Job, Rate, measure, show

CALLS = 400
CALLERS = 8
FIRST_READS = 60
numbers = count()

STOCK = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

Application = Callable[[Any, Any, Any], Awaitable[None]]


def main(redis_url: str) -> None:
    with site(redis_url) as call:
        call("demo_content", verbosity=0)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run())


@contextmanager
def site(redis_url: str) -> Iterator[Callable[..., Any]]:
    """The site, set up in an empty folder; how to call its commands."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "EVERGREEN_STATE_DIR": folder,
            "REDIS_URL": redis_url,
            "EVERGREEN_LOG_LEVEL": "ERROR",
        }
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        yield call_command


async def run() -> None:
    from django.conf import settings

    from content.caching.edge import EdgeCache
    from project.edge import site_profile

    views = {
        "without middleware": handler([]),
        "with ours": handler(settings.MIDDLEWARE),
        "with Django's own": handler(STOCK),
    }
    rates = await measure({name: at_once(app, lambda: "/healthz") for name, app in views.items()})
    show("A plain async view", rates, "without middleware")

    alone = handler(settings.MIDDLEWARE)
    behind = EdgeCache(alone, cache="default", profile=site_profile())
    pages = {
        "the view alone": at_once(alone, lambda: f"/?n={next(numbers)}"),
        "behind the edge, a miss each": at_once(behind, lambda: f"/?n={next(numbers)}"),
        "behind the edge, a hit each": at_once(behind, lambda: "/"),
    }
    show("The front page, with its resources in memory", await measure(pages), "the view alone")
    firsts = await first_reads({"the view alone": alone, "behind the edge": behind})
    show("The front page of a site that has cached nothing, by processor time", firsts, "the view alone")


async def first_reads(apps: dict[str, Application]) -> list[Rate]:
    """One request at a time, before each of which every page and every resource has been purged."""
    from content import resources
    from content.caching import invalidate
    from content.caching.key import resource_tag

    everything = [resource_tag(name) for name in ("page", *resources.BY_NAME)]
    taken: dict[str, list[float]] = {name: [] for name in apps}
    for _ in range(FIRST_READS):
        for name, app in apps.items():
            await invalidate(everything)
            gc.collect()
            began = time.process_time()
            await ask(app, f"/?n={next(numbers)}")
            taken[name].append(1 / (time.process_time() - began))
    return [Rate(name, tuple(rates)) for name, rates in taken.items()]


def handler(middleware: list[str]) -> Application:
    """Django's, with that middleware."""
    from django.core.handlers.asgi import ASGIHandler
    from django.test import override_settings

    with override_settings(MIDDLEWARE=middleware):
        return ASGIHandler()


def at_once(app: Application, path: Callable[[], str]) -> Job:
    async def caller() -> None:
        for _ in range(CALLS // CALLERS):
            await ask(app, path())

    async def job() -> int:
        await asyncio.gather(*(caller() for _ in range(CALLERS)))
        return CALLS

    return job


def scope_of(path: str) -> dict[str, Any]:
    raw, _, query = path.partition("?")
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": raw,
        "raw_path": raw.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"127.0.0.1")],
        "extensions": {},
    }


async def ask(app: Application, path: str) -> bytes:
    """The body, of an answer that there is."""
    received, body = False, b""

    async def receive() -> dict[str, Any]:
        nonlocal received
        if received:
            await asyncio.Event().wait()
        received = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal body
        assert message.get("status", 200) in (200, 404, 410), message
        body += message.get("body", b"")

    await app(scope_of(path), receive, send)
    return body


if __name__ == "__main__":
    main(sys.argv[1])
