"""Every resource, by its name, and the caches that they and others are kept in."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from content.caching.resource import Resource

resources: "dict[str, Resource[..., Any]]" = {}
# Names that two loaders go by: their values would be taken for each other's. The checks tell.
duplicate_names: dict[str, tuple[str, str]] = {}
# Of views that keep their pages.
page_aliases: set[str] = set()


def declare(resource: "Resource[..., Any]") -> None:
    known = resources.get(resource.name)
    if known is not None and _location(known) != _location(resource):
        duplicate_names[resource.name] = (_location(known), _location(resource))
    resources[resource.name] = resource


def cache_aliases() -> set[str]:
    """Every cache that something here is kept in."""
    return {"default", *page_aliases, *(resource.cache for resource in resources.values())}


def _location(resource: "Resource[..., Any]") -> str:
    return f"{resource.load.__module__}.{resource.load.__qualname__}"
