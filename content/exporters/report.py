from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class ExportReport:
    """What was exported, by kind, and what could not be as it should."""

    counts: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        return {"counts": dict(self.counts), "warnings": self.warnings}

    def summary(self) -> str:
        return ", ".join(f"{count:,} {kind}" for kind, count in self.counts.items() if count) or "nothing"
