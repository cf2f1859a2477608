from dataclasses import dataclass
from typing import Any

from content.caching import Resource


@dataclass(frozen=True)
class Target:
    """One entry that shall be there: a resource and its parameters."""

    resource: Resource[..., Any]
    parameters: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return self.resource.key(self.parameters)


Plan = list[Target]
