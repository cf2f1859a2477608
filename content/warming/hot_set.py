"""The hot set: the entries that are read most, as targets of warming with their heat."""

from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings

from content import resources
from content.caching.key_decoder import decode_name
from content.caching.read_counts import name_of_key
from content.warming import heat
from content.warming.plan import plan_popular
from content.warming.targets import Target, edge, pages

# Entries in the hot set.
MOST = 5000

# Up to so many names of entries with the most heat, and their heat (reads a second); the hottest first.
ReadHottest = Callable[[int], Awaitable[list[tuple[str, float]]]]


class HotTarget(NamedTuple):
    target: Target
    heat: float


async def read_hottest(most: int) -> list[tuple[str, float]]:
    """The hottest entries by counted reads, or the newest and most viewed posts before anything was counted.

    Raises RedisError or OSError if Redis does not answer.
    """
    return await heat.read_hottest(most) or await read_most_viewed(most)


async def read_most_viewed(most: int) -> list[tuple[str, float]]:
    plan = await plan_popular()
    return [(name_of(target), 1.0 / place) for place, target in enumerate(plan[:most], 1)]


def name_of(target: Target) -> str:
    """The name by which reads of that target are counted."""
    if target.resource is pages:
        return f"{pages.name}:{target.parameters[0]}"
    return name_of_key(str(target))


async def read_hot_set(read: ReadHottest, most: int = MOST) -> dict[str, HotTarget]:
    """Entries by key, the hottest first. Names that this process cannot load are left out."""
    return find_targets(await read(most))


def find_targets(hottest: Iterable[tuple[str, float]]) -> dict[str, HotTarget]:
    found = ((find_target(name), heat) for name, heat in hottest)
    return {str(target): HotTarget(target, heat) for target, heat in found if target is not None}


def find_target(name: str) -> Target | None:
    """The target of that name. None for an unreadable name, an unknown resource, and a host that is not ours."""
    decoded = decode_name(name)
    if decoded is None:
        return None
    kind, parameters = decoded
    if kind == pages.name:
        return Target(pages, parameters) if is_ours(parameters[0]) else None
    resource = resources.BY_NAME.get(kind)
    return Target(resource, parameters) if resource is not None and resource.arity == len(parameters) else None


def is_ours(url: str) -> bool:
    """Whether this site has an edge, and serves the host of that URL."""
    if not settings.EDGE:
        return False
    hosts = edge().profile.hosts
    return hosts is None or hosts(urlsplit(url).netloc)


def name_of_failure(key: str) -> str:
    """The name by which `find_target` finds the target of that key again."""
    return f"{pages.name}:{key.partition(':')[2]}" if key.startswith(f"{pages.name}@") else name_of_key(key)
