"""Every resource, by its name, and the caches that they and others are kept in."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from content.caching.resource import Resource

resources: "dict[str, Resource[..., Any]]" = {}
# Names that two loaders go by: their values would be taken for each other's. The checks tell.
declared_twice: dict[str, tuple[str, str]] = {}
# Of views that keep their pages.
aliases_of_pages: set[str] = set()


def declare(resource: "Resource[..., Any]") -> None:
    known = resources.get(resource.name)
    if known is not None and place_of(known) != place_of(resource):
        declared_twice[resource.name] = (place_of(known), place_of(resource))
    resources[resource.name] = resource


def aliases() -> set[str]:
    """Every cache that something here is kept in."""
    return {"default", *aliases_of_pages, *(resource.cache for resource in resources.values())}


def place_of(resource: "Resource[..., Any]") -> str:
    return f"{resource.load.__module__}.{resource.load.__qualname__}"
