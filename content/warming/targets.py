"""Targets of warming: entries, and pages at the edge, which are warmed by a request to the site's own application."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol
from urllib.parse import quote, unquote, urlsplit

from django.conf import settings
from django.utils.module_loading import import_string

from content.caching import NotThere
from content.caching.edge import EdgeCache
from content.caching.edge.asgi import find_middleware
from content.caching.edge.page import url_key
from content.warming.origins import origins_of_site

# Seconds to wait for a page that another process makes, and between two looks.
LONGEST_WAIT, INTERVAL = 10.0, 0.05
# Key of the ASGI scope: the site itself makes this request. Limits of clients do not count it.
WARMING = "evergreen.warming"
# Characters of a path that readers need not encode (RFC 3986), and the sign of those that are encoded.
SAFE = "/%:@!$&'()*+,;=~"


class Warmable(Protocol):
    """The part of a Resource that warming uses. Pages have it too."""

    @property
    def name(self) -> str: ...

    def key(self, parameters: Any, /) -> str: ...


@dataclass(frozen=True)
class Target:
    """One entry to warm: a resource and its parameters."""

    resource: Warmable
    parameters: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return self.resource.key(self.parameters)


Plan = list[Target]


class Pages:
    """The page store of the edge, to be warmed like a resource. Its one parameter is a full URL."""

    name = "page"

    def key(self, parameters: tuple[str]) -> str:
        return url_key(parameters[0])

    async def fresh_for(self, url: str) -> float:
        """Seconds for which every process finds the page fresh; 0 if it does not."""
        return await edge().fresh_for(scope_of(url))

    async def refresh(self, url: str) -> None:
        """Make the page, or wait while another process makes it.

        Raises NotThere for status 404 or 410, and any error of the application.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LONGEST_WAIT
        while not (status := await edge().make(scope_of(url))) and loop.time() < deadline:
            if await self.fresh_for(url) > 0:
                return
            await asyncio.sleep(INTERVAL)
        if status in (404, 410):
            raise NotThere(url)


pages = Pages()


async def plan_pages(paths: Iterable[str], *, also: str | None = None) -> Plan:
    """The pages at those paths, for each origin of the site and for `also`; empty without an edge."""
    if not settings.EDGE:
        return []
    origins = dict.fromkeys([*await origins_of_site(), *([also] if also else [])])
    return [Target(pages, (origin + path,)) for path in paths for origin in origins]


@cache
def edge() -> EdgeCache:
    cache: EdgeCache = find_middleware(import_string(settings.ASGI_APPLICATION), EdgeCache)
    return cache


def scope_of(url: str) -> dict[str, Any]:
    """The ASGI scope of an anonymous request for that URL, which may be encoded as in a request, or not."""
    parts = urlsplit(url)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": parts.scheme,
        "path": unquote(parts.path),
        "raw_path": quote(parts.path, safe=SAFE).encode("ascii"),
        "query_string": parts.query.encode("ascii"),
        "root_path": "",
        "headers": [(b"host", parts.netloc.encode("ascii"))],
        "client": None,
        WARMING: True,
        "server": (parts.hostname, parts.port),
        "extensions": {},
    }
