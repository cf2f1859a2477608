"""A fragment as a resource: the same entry, tiers, lease, tags and log as any other."""

import copy
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any

from ..declarations import page_aliases
from ..key import EntryKey
from ..policy import Policy
from ..resource import Resource

_NEVER = Policy(ttl=timedelta(0))

Load = Callable[..., Awaitable[str]]


def fragment_key(
    name: str, values: Sequence[Any], policy: Policy, tags: Sequence[str], alias: str, load: Load
) -> EntryKey:
    """The key of a fragment with these values. `load` renders it if no tier has it.

    Each use of a fragment has its own template context, and so its own loader. The resource is copied for each use;
    its name, counters and keys are shared. Workers cannot load a fragment, and are not asked to.
    """
    resource: Resource[..., str] = copy.copy(_fragment_resource(name, alias))
    resource.load, resource.policy = load, policy
    own, key = tuple(tags), resource.key(tuple(values))
    resource.tags = lambda *parameters: own or (key,)
    return EntryKey(resource, tuple(values), key)


@lru_cache(maxsize=1000)
def _fragment_resource(name: str, alias: str) -> Resource[..., str]:
    async def load(*values: Any) -> str:
        raise NotImplementedError  # replaced in the copy for each use

    page_aliases.add(alias)
    return Resource(f"fragment.{name}", load=load, policy=_NEVER, cache=alias, declared=False)
