from dataclasses import dataclass
from typing import Any, Protocol


class Warmable(Protocol):
    """The part of a Resource that warming uses. Pages have it too."""

    @property
    def name(self) -> str: ...

    def key(self, parameters: Any, /) -> str: ...

    async def fresh_for(self, *parameters: Any) -> float: ...

    async def refresh(self, *parameters: Any) -> Any: ...


@dataclass(frozen=True)
class Target:
    """One entry to warm: a resource and its parameters."""

    resource: Warmable
    parameters: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return self.resource.key(self.parameters)


Plan = list[Target]
