"""A shared tier that stores nothing."""

from collections.abc import Iterable, Sequence
from typing import Any


class NullTier:
    """Stores nothing and grants every lease: within one process single-flight is enough."""

    answers_in_order = True

    async def lookup(self, keys: Sequence[str]) -> dict[str, Any]:
        return {}

    async def store(self, key: str, content: bytes, seconds: float, token: str | None) -> bool:
        return True

    async def lease(self, keys: Sequence[str], token: str, seconds: float) -> list[str]:
        return list(keys)

    async def renew(self, key: str, token: str, seconds: float) -> bool:
        return True

    async def release(self, key: str, token: str) -> None:
        pass

    async def holder(self, key: str) -> str | None:
        return None

    async def evict(self, key: str) -> None:
        pass

    async def numbers(self, keys: Iterable[str]) -> dict[str, int]:
        return {}

    async def add_number(self, key: str, value: int) -> None:
        pass
