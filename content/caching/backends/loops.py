"""Connections belong to an event loop: made in it, and closed when it ends."""

import asyncio
import contextlib
import os
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable

from content.caching.backends.cluster import ClusterLink
from content.caching.backends.link import Link
from content.caching.backends.server import Server

AnyLink = Link | ClusterLink
Keeper = AsyncGenerator[None, None]
# The process id tells a forked child's links from its parent's.
Links = dict[tuple[int, Server], tuple[AnyLink, Keeper]]

by_loop: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Links]" = weakref.WeakKeyDictionary()


def link_to(server: Server) -> AnyLink:
    """This loop's link to that server, made when first asked for."""
    loop = asyncio.get_running_loop()
    links = by_loop.get(loop)
    if links is None:
        links = by_loop[loop] = {}
    place = (os.getpid(), server)
    found = links.get(place)
    return found[0] if found else begun(links, place, server)


def begun(links: Links, place: tuple[int, Server], server: Server) -> AnyLink:
    link = ClusterLink(server) if server.cluster else Link(server)
    loop = asyncio.get_running_loop()

    async def close() -> None:
        by_loop.pop(loop, None)
        await link.close()

    links[place] = (link, at_end_of_loop(close))
    return link


def at_end_of_loop(end: Callable[[], Awaitable[None]]) -> Keeper:
    """Loops end by closing the asynchronous generators that were begun in them (PEP 525): this one is such.

    Keep what is returned: what nobody holds is closed at once.
    """
    keeper = kept_until(end)
    # The first step registers it with the loop; nothing in it waits.
    with contextlib.suppress(StopIteration):
        keeper.__anext__().send(None)
    return keeper


async def kept_until(end: Callable[[], Awaitable[None]]) -> Keeper:
    try:
        yield
    finally:
        await end()
