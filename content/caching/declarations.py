"""Every resource by its name, and the caches in which resources, fragments and pages are stored."""

import functools
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from .errors import short_repr
from .key import EntryKey, Parameters
from .policy import Policy
from .signatures import check_function

# Characters, of a key's 250 in Memcached.
_MAX_NAME_LENGTH = 100
_EXAMPLES = {
    "load_many": "`load_many=load_prices`",
    "tags": "`tags=lambda sku: [f'product:{sku}']`",
    "value_tags": "`value_tags=lambda price: [f'shop:{price.shop}']`",
    "adapt": "`adapt=lambda price, policy: policy.until(price.ends)`",
}


logger = logging.getLogger("content.caching")


class Declared(Protocol):
    """A resource, as far as those need it that know its name alone."""

    name: str
    cache: str
    load: Callable[..., Any]
    cutoff: bool
    # The number of its parameters.
    arity: int

    @property
    def schema(self) -> str: ...

    async def get(self) -> Any: ...

    def entry_key(self, args: Parameters, kwargs: Mapping[str, Any]) -> EntryKey: ...


resources: dict[str, Declared] = {}
# Names that two loaders have: each would be given the other's values. `manage.py check` reports them.
duplicate_names: dict[str, tuple[str, str]] = {}
# Aliases that views and fragments choose themselves.
page_aliases: set[str] = set()
# The alias of each edge of this process; None for one that has memory only.
edge_caches: set[str | None] = set()
# The beginnings of keys that are of no resource here: of pages and fragments.
kinds: set[str] = set()
# Views whose pages only an edge can store.
edge_views: set[str] = set()


def check_declaration(name: Any, policy: Any, load: Any, *others: Any) -> None:
    """Raise TypeError or ValueError for what would fail, or work wrongly, at the first read."""
    if not isinstance(name, str):
        raise TypeError(
            f"A resource's name is {short_repr(name)}, and must be text. Write Resource('price', load=...)."
        )
    if not name or len(name) > _MAX_NAME_LENGTH:
        raise ValueError(f"A resource's name has {len(name)} characters. Give it 1 to {_MAX_NAME_LENGTH}.")
    if not name.isprintable() or any(character.isspace() for character in name):
        raise ValueError(
            f"The resource's name {name!r} has spaces or control characters, which Memcached's keys cannot have. "
            "Use letters, digits, and . _ - : between words."
        )
    if not isinstance(policy, Policy):
        raise TypeError(
            f"Resource {name!r}: policy is {short_repr(policy)}, and must be a Policy. Write Policy(ttl='5m')."
        )
    check_function(load, f"Resource {name!r}: load", "`load=load_price`")
    for function, option in zip(others, ("load_many", "tags", "value_tags", "adapt"), strict=True):
        if function is not None:
            check_function(function, f"Resource {name!r}: {option}", _EXAMPLES[option])


def declare(resource: Declared) -> None:
    known = resources.get(resource.name)
    if known is not None and _is_another(known, resource) and resource.name not in duplicate_names:
        first, second = duplicate_names[resource.name] = (_location(known), _location(resource))
        logger.warning(
            "Two resources are named %r, of %s and %s: each is given the other's values. Give each its own name.",
            resource.name,
            first,
            second,
        )
    resources[resource.name] = resource


def aliases_in_use() -> set[str]:
    """The caches of resources, fragments, views and edges."""
    edges = {alias for alias in edge_caches if alias is not None}
    return {*edges, *page_aliases, *(resource.cache for resource in resources.values())}


def views_without_store() -> list[str]:
    """Views whose pages nothing stores: they rely on an edge, and this process has none."""
    return [] if edge_caches else sorted(edge_views)


def cache_aliases() -> set[str]:
    """Every cache in which something may be stored."""
    return {"default", *aliases_in_use()}


def _is_another(known: Declared, resource: Declared) -> bool:
    """Whether they have two loaders. A module that is imported again makes its loader anew, with new code."""
    if _location(known) != _location(resource):
        return True
    code = getattr(known.load, "__code__", None)
    # Two functions of the same code are made by one function that was called twice.
    return known.load is not resource.load and code is not None and code is getattr(resource.load, "__code__", None)


def _location(resource: Declared) -> str:
    load = resource.load
    while isinstance(load, functools.partial):
        load = load.func
    return f"{load.__module__}.{getattr(load, '__qualname__', type(load).__qualname__)}"
