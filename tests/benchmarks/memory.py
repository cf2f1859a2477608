"""Policies of eviction compared: hit ratios on recorded accesses, and the cost of an access."""

import lzma
import os
import struct
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from rich.table import Table

from content.caching.stores.memory import OVERHEAD, MemoryTier
from tests.benchmarks.rounds import console

DATA = Path(os.environ.get("EVERGREEN_MEMORY_TRACES", Path(__file__).parents[3] / "shared/data/traces"))
TRACES = ("web07", "orm-night")
SHARES = (0.01, 0.05, 0.10, 0.20)
MOST_ACCESSES = 1_500_000


class Policy(Protocol):
    def hit(self, key: int) -> bool:
        """Whether it was there; it is afterwards, if the policy wants it."""


class Lru:
    def __init__(self, size: int) -> None:
        self.size = size
        self.keys: OrderedDict[int, None] = OrderedDict()

    def hit(self, key: int) -> bool:
        if key in self.keys:
            self.keys.move_to_end(key)
            return True
        self.keys[key] = None
        if len(self.keys) > self.size:
            self.keys.popitem(last=False)
        return False


class Ours:
    """Entries of one size, so that bytes count as entries do."""

    def __init__(self, size: int) -> None:
        self.tier: MemoryTier[int] = MemoryTier(size * OVERHEAD)

    def hit(self, key: int) -> bool:
        if self.tier.get(key) is not None:  # type: ignore[arg-type]
            return True
        self.tier.put(key, 1, 0)  # type: ignore[arg-type]
        return False


class Theine:
    def __init__(self, size: int) -> None:
        from theine import Cache

        self.cache: Any = Cache(size)

    def hit(self, key: int) -> bool:
        if self.cache.get(key)[1]:
            return True
        self.cache.set(key, 1)
        return False


class CacheboxLfu:
    def __init__(self, size: int) -> None:
        from cachebox import LFUCache

        self.cache: Any = LFUCache(size)

    def hit(self, key: int) -> bool:
        if self.cache.get(key) is not None:
            return True
        self.cache[key] = 1
        return False


POLICIES: dict[str, Callable[[int], Policy]] = {
    "LRU": Lru,
    "theine (W-TinyLFU)": Theine,
    "cachebox LFU": CacheboxLfu,
    "S3-FIFO, ours": Ours,
}


def run() -> None:
    for name in TRACES:
        path = DATA / f"{name}.trace.xz"
        if not path.exists():
            console.print(f"{path} is not there: EVERGREEN_MEMORY_TRACES names the folder of the traces.\n")
            continue
        show(name, accesses(path))


def accesses(path: Path) -> list[int]:
    content = lzma.decompress(path.read_bytes())
    keys = (key for (key,) in struct.iter_unpack(">I", content))
    return list(islice(keys, MOST_ACCESSES))


def show(name: str, keys: Sequence[int]) -> None:
    distinct = len(set(keys))
    title = f"{name}: {len(keys):,} accesses of {distinct:,} keys; hit ratio in % by size, in % of the keys"
    table = Table("", title=title, title_justify="left", box=None, pad_edge=False)
    for share in SHARES:
        table.add_column(f"{share:.0%}", justify="right")
    table.add_column("million accesses/s", justify="right")
    for policy, make in POLICIES.items():
        results = [replay(make(max(1, int(distinct * share))), keys) for share in SHARES]
        speed = len(keys) * len(results) / sum(seconds for _, seconds in results) / 1e6
        table.add_row(policy, *(f"{ratio * 100:.2f}" for ratio, _ in results), f"{speed:.2f}")
    best = [optimum(keys, max(1, int(distinct * share))) for share in SHARES]
    table.add_row("the optimum, knowing the future", *(f"{ratio * 100:.2f}" for ratio in best), "")
    console.print(table)
    console.print()


def replay(policy: Policy, keys: Sequence[int]) -> tuple[float, float]:
    hit, began = policy.hit, time.perf_counter()
    hits = sum(map(hit, keys))
    return hits / len(keys), time.perf_counter() - began


def optimum(keys: Sequence[int], size: int) -> float:
    """Belady: drop what is asked for latest; what comes even later is not taken in."""
    following = next_uses(keys)
    kept: dict[int, int] = {}
    heap: list[tuple[int, int]] = []
    hits = 0
    for place, key in enumerate(keys):
        if key in kept:
            hits += 1
        kept[key] = following[place]
        heappush(heap, (-following[place], key))
        while len(kept) > size:
            use, latest = heappop(heap)
            if kept.get(latest) == -use:
                del kept[latest]
    return hits / len(keys)


def next_uses(keys: Sequence[int]) -> list[int]:
    seen: dict[int, int] = {}
    following = [0] * len(keys)
    for place in range(len(keys) - 1, -1, -1):
        following[place] = seen.get(keys[place], len(keys))
        seen[keys[place]] = place
    return following
