"""Every resource, by its name."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from content.caching.resource import Resource

resources: "dict[str, Resource[..., Any]]" = {}
# Names that two loaders go by: their values would be taken for each other's. The checks tell.
declared_twice: dict[str, tuple[str, str]] = {}


def declare(resource: "Resource[..., Any]") -> None:
    known = resources.get(resource.name)
    if known is not None and place_of(known) != place_of(resource):
        declared_twice[resource.name] = (place_of(known), place_of(resource))
    resources[resource.name] = resource


def place_of(resource: "Resource[..., Any]") -> str:
    return f"{resource.load.__module__}.{resource.load.__qualname__}"
