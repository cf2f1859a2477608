"""Every resource by its name, and the caches in which resources, fragments and pages are stored."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from .key import EntryKey, Parameters


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
