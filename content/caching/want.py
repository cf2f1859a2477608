from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from content.caching.resource import Resource


class Want:
    """One entry that somebody asks for."""

    __slots__ = ("key", "parameters", "resource")

    def __init__(self, resource: "Resource[..., Any]", parameters: tuple[Any, ...], key: str) -> None:
        self.resource = resource
        self.parameters = parameters
        self.key = key
