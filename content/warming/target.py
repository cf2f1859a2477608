from dataclasses import dataclass
from typing import Any, Protocol


class Warmable(Protocol):
    """What of a Resource is asked for here; pages have it as well."""

    @property
    def name(self) -> str: ...

    def key(self, parameters: Any, /) -> str: ...

    async def fresh_for(self, *parameters: Any) -> float: ...

    async def refresh(self, *parameters: Any) -> Any: ...


@dataclass(frozen=True)
class Target:
    """One entry that shall be there: a resource and its parameters."""

    resource: Warmable
    parameters: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return self.resource.key(self.parameters)


Plan = list[Target]
