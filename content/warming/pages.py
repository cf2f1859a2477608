"""Whole pages, made before anyone asks: the site's own application is asked for them, as its edge would."""

from collections.abc import Iterable
from functools import cache
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.utils.module_loading import import_string

from content.caching import NotThere
from content.caching.edge import EdgeCache
from content.caching.edge.asgi import find_middleware
from content.caching.edge.rules.variants import url_key
from content.warming.target import Plan, Target


class Pages:
    """What the edge keeps, to be warmed like any resource: the one parameter is a whole URL."""

    name = "page"

    def key(self, parameters: tuple[str]) -> str:
        return url_key(parameters[0])

    async def fresh_for(self, url: str) -> float:
        return await edge().fresh_for(scope_of(url))

    async def refresh(self, url: str) -> None:
        """Raises NotThere for what is gone or never was, and what the application raises."""
        if await edge().make(scope_of(url)) in (404, 410):
            raise NotThere(url)


pages = Pages()


def planned(paths: Iterable[str], *, also: str | None = None) -> Plan:
    """Of each origin that readers come by, `also` among them; nothing where the site is served without an edge."""
    origins = dict.fromkeys([*settings.WARM_ORIGINS, *([also] if also else [])])
    return [Target(pages, (origin + path,)) for path in paths for origin in origins] if settings.EDGE else []


@cache
def edge() -> EdgeCache:
    found: EdgeCache = find_middleware(import_string(settings.ASGI_APPLICATION), EdgeCache)
    return found


def scope_of(url: str) -> dict[str, Any]:
    """A request for it by somebody of whom nothing is known."""
    parts = urlsplit(url)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": parts.scheme,
        "path": parts.path,
        "raw_path": quote(parts.path).encode("ascii"),
        "query_string": parts.query.encode("ascii"),
        "root_path": "",
        "headers": [(b"host", parts.netloc.encode("ascii"))],
        "client": None,
        "server": (parts.hostname, parts.port),
        "extensions": {},
    }
