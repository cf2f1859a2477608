"""Every resource by its name, and the caches in which resources, fragments and pages are stored."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from .errors import shown
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


class Declared(Protocol):
    """A resource, as far as those need it that know its name alone."""

    name: str
    cache: str
    load: Callable[..., Any]

    def entry_key(self, args: Parameters, kwargs: Mapping[str, Any]) -> EntryKey: ...


resources: dict[str, Declared] = {}
# Names that two loaders have: each would be given the other's values. `manage.py check` reports them.
duplicate_names: dict[str, tuple[str, str]] = {}
# Aliases that views and fragments choose themselves.
page_aliases: set[str] = set()


def check_declaration(name: Any, policy: Any, load: Any, *others: Any) -> None:
    """Raise TypeError or ValueError for what would fail, or work wrongly, at the first read."""
    if not isinstance(name, str):
        raise TypeError(f"A resource's name is {shown(name)}, and must be text. Write Resource('price', load=...).")
    if not name or len(name) > _MAX_NAME_LENGTH:
        raise ValueError(f"A resource's name has {len(name)} characters. Give it 1 to {_MAX_NAME_LENGTH}.")
    if not isinstance(policy, Policy):
        raise TypeError(
            f"Resource {name!r}: policy is {shown(policy)}, and must be a Policy. Write Policy(ttl='5m')."
        )
    check_function(load, f"Resource {name!r}: load", "`load=load_price`")
    for function, option in zip(others, ("load_many", "tags", "value_tags", "adapt"), strict=True):
        if function is not None:
            check_function(function, f"Resource {name!r}: {option}", _EXAMPLES[option])


def declare(resource: Declared) -> None:
    known = resources.get(resource.name)
    if known is not None and _location(known) != _location(resource):
        duplicate_names[resource.name] = (_location(known), _location(resource))
    resources[resource.name] = resource


def cache_aliases() -> set[str]:
    """Every cache in which something is stored."""
    return {"default", *page_aliases, *(resource.cache for resource in resources.values())}


def _location(resource: Declared) -> str:
    return f"{resource.load.__module__}.{resource.load.__qualname__}"
