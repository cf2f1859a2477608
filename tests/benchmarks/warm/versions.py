"""The versions of pages that were stored: noted by the process that stores them, and read by the benchmark."""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple, cast

from django.apps import AppConfig

from content.caching.warm_plan import plan_of
from tests.benchmarks import readers

# The environment variable with the file of notes; without it nothing is noted.
FILE = "BENCH_VERSIONS"


class Version(NamedTuple):
    """`version`: as its response says. `mark`: of the plan of warming, 0 for none. `cost`: seconds of its load.

    Times are Unix seconds.
    """

    version: str
    key: str
    made_at: float
    mark: int
    cost: float
    fresh_until: float

    @property
    def plan(self) -> str:
        """The label of the plan that has warmed it. Empty for none, and for one that was never fresh."""
        plan = plan_of(self.mark)
        return plan.label if plan and self.fresh_until > self.made_at else ""


class NotedVersions(AppConfig):
    # Another app has the name of the package, and a module has no folder by itself.
    name = "tests.benchmarks.warm.versions"
    label = "noted_versions"
    path = str(Path(__file__).parent)

    def ready(self) -> None:
        if FILE not in os.environ:
            return
        from content.caching.tiers import Tiers

        store, patched = Tiers.store, cast(Any, Tiers)

        async def store_and_note(tiers: Tiers, entry_key: Any, value: Any, *rest: Any, **options: Any) -> bool:
            is_stored = await store(tiers, entry_key, value, *rest, **options)
            if is_stored and hasattr(value.value, "fields"):
                note(entry_key.key, value)
            return is_stored

        patched.store = store_and_note


def note(key: str, value: Any) -> None:
    """Append a line. All processes share the file."""
    header = value.header
    version = value.value.fields.first(readers.VERSION) or ""
    line = [version, key, header.made_at, header.warmed, header.cost, header.fresh_until]
    with open(os.environ[FILE], "ab", buffering=0) as file:
        file.write(json.dumps(line).encode() + b"\n")


def read_versions(file: Path) -> list[Version]:
    """In the order in which they were stored."""
    lines = file.read_text().splitlines() if file.exists() else []
    return [Version(*json.loads(line)) for line in lines]
