"""The site's resources without a cache of their own, so that django-cacheops is the only one."""

from collections.abc import Awaitable, Callable, Hashable, Iterable
from contextvars import ContextVar
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from django.apps import AppConfig
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.decorators import async_only_middleware

from content.caching import Resource

# A boolean for each queryset of a request: whether cacheops had it.
read: ContextVar[list[bool]] = ContextVar("read")
ROUNDED = timedelta(minutes=5)


class CacheopsConfig(AppConfig):
    name = "tests.benchmarks.site"
    label = "with_cacheops"

    def ready(self) -> None:
        from cacheops.signals import cache_read

        from content.selectors import lists, posts, terms

        patched: Any = Resource
        patched.get = load
        patched.get_many = load_many
        # A query that names the moment is another query each time, and would never be a hit.
        for selectors in (lists, posts, terms):
            selectors.timezone = SimpleNamespace(now=now)  # type: ignore[attr-defined]
        cache_read.connect(note, dispatch_uid="note")


async def load(resource: Any, *args: Any, **kwargs: Any) -> Any:
    return await resource.load(*args, **kwargs)


async def load_many(resource: Any, keys: Iterable[Hashable]) -> dict[Any, Any]:
    return dict(await resource.load_many(list(keys)))


def now() -> datetime:
    moment = timezone.now()
    return moment - timedelta(seconds=moment.timestamp() % ROUNDED.total_seconds())


def note(*, hit: bool, **_: Any) -> None:
    if (noted := read.get(None)) is not None:
        noted.append(hit)


@async_only_middleware
def says_what_it_read(get_response: Callable[[HttpRequest], Awaitable[HttpResponse]]) -> Any:
    """A page counts as a hit (RFC 9211) if none of its querysets went to the database."""

    async def add_status(request: HttpRequest) -> HttpResponse:
        noted: list[bool] = []
        read.set(noted)
        response = await get_response(request)
        response["cache-status"] = "cacheops; hit" if all(noted) else "cacheops; fwd=miss"
        return response

    return add_status
