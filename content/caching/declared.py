"""Every resource, by its name."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from content.caching.resource import Resource

resources: "dict[str, Resource[..., Any]]" = {}
