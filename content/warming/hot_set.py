"""The hot set: the entries that are read most, as targets of warming with their heat."""

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings

from content import resources
from content.caching.known_key import find_entry_key
from content.warming.plan import plan_popular
from content.warming.targets import Target, edge, pages

# Entries in the hot set.
MOST = 5000
# The key of a page of any release: its URL follows. A URL with "#" is cut, and a digest of it follows.
PAGE_KEY = re.compile(r"page@[0-9]+(?:\.[^:]*)?:([^#]+)")

# Up to so many keys of entries with the most heat, as text, and their heat; the hottest first.
ReadHottest = Callable[[int], Awaitable[list[tuple[str, float]]]]


class HotTarget(NamedTuple):
    target: Target
    heat: float


async def read_most_viewed(most: int) -> list[tuple[str, float]]:
    """The newest and the most viewed posts, and what every page shows: for a site without counted heat."""
    plan = await plan_popular()
    return [(str(target), 1.0 / place) for place, target in enumerate(plan[:most], 1)]


async def read_hot_set(read_hottest: ReadHottest, most: int = MOST) -> dict[str, HotTarget]:
    """By key, the hottest first. Keys that this process cannot load are left out."""
    return find_targets(await read_hottest(most))


def find_targets(hottest: Iterable[tuple[str, float]]) -> dict[str, HotTarget]:
    """Keys of other releases and schemas count for the entry that takes their place in this one."""
    found: dict[str, HotTarget] = {}
    for text, heat in hottest:
        target = find_target(text)
        if target is not None:
            key = str(target)
            known = found.get(key)
            found[key] = HotTarget(target, heat + known.heat if known is not None else heat)
    return dict(sorted(found.items(), key=lambda item: -item[1].heat))


def find_target(text: str) -> Target | None:
    """The target whose key that is. None for a key with a digest, an unknown resource, a host that is not ours."""
    if page := PAGE_KEY.fullmatch(text):
        return Target(pages, (page[1],)) if is_ours(page[1]) else None
    entry_key = find_entry_key(text)
    if entry_key is None or entry_key.owner.name not in resources.BY_NAME:
        return None
    return Target(resources.BY_NAME[entry_key.owner.name], entry_key.parameters)


def is_ours(url: str) -> bool:
    """Whether this site has an edge, and serves the host of that URL."""
    if not settings.EDGE:
        return False
    hosts = edge().profile.hosts
    return hosts is None or hosts(urlsplit(url).netloc)
