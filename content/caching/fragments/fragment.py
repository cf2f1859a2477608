"""A fragment as a resource: the same entry, tiers, lease, tags and log as any other."""

import copy
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any

from content.caching.declared import aliases_of_pages
from content.caching.policy import Policy
from content.caching.resource import Resource
from content.caching.want import Want

NEVER = Policy(ttl=timedelta(0))

Load = Callable[..., Awaitable[str]]


def fragment_want(
    name: str, values: Sequence[Any], policy: Policy, tags: Sequence[str], alias: str, load: Load
) -> Want:
    """The entry of that fragment for these values; `load` makes it, should nobody have it.

    Each place that shows a fragment has a context of its own, so each brings its own loader: the resource is copied,
    its name, counts and keys are shared. Nobody else can load it, and so workers are not asked to.
    """
    resource: Resource[..., str] = copy.copy(resource_of(name, alias))
    resource.load, resource.policy = load, policy
    own, key = tuple(tags), resource.key(tuple(values))
    resource.tags = lambda *parameters: own or (key,)
    return Want(resource, tuple(values), key)


@lru_cache(maxsize=1000)
def resource_of(name: str, alias: str) -> Resource[..., str]:
    async def load(*values: Any) -> str:
        raise NotImplementedError  # each use brings its own

    aliases_of_pages.add(alias)
    return Resource(f"fragment.{name}", load=load, policy=NEVER, cache=alias, declared=False)
