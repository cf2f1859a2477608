"""The scope of a purge: the tags to end, and the patterns by which more are found among stored entries."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """One thing that an operator has named. `label`: in their words. `pattern`: of tags, None if all are known."""

    label: str
    tags: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None


@dataclass(frozen=True)
class Scope:
    items: tuple[Item, ...]

    @property
    def has_patterns(self) -> bool:
        return any(item.pattern is not None for item in self.items)

    @property
    def tags(self) -> list[str]:
        """The tags that are known without a look at what is stored, each once."""
        return list(dict.fromkeys(tag for item in self.items for tag in item.tags))
