"""The memory tier: S3-FIFO (Yang et al., SOSP 2023), bounded in bytes.

Three queues, first in first out: small for what is new, main for what was asked for again, and the ghosts of what
was let go from small, keys alone. A hit raises a counter and moves nothing, which is why it costs next to nothing.
docs/memory.md has the measurements by which it was chosen.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

V = TypeVar("V")

SMALL_SHARE = 0.1
MAX_HITS = 3
# Bytes of an entry beside its value: node, key, places in dictionary and queue.
OVERHEAD = 400


class Node(msgspec.Struct, Generic[V], eq=False, gc=False):
    """One entry. Nodes form no cycles, so the garbage collector need not track them (gc=False)."""

    key: str
    value: V
    size: int
    hits: int = 0
    in_main: bool = False


class MemoryTier(Generic[V]):
    """Values by key, `capacity` bytes at most. Reads take no lock; writes do, for any thread may write."""

    def __init__(self, capacity: int, on_evict: Callable[[str], None] = lambda key: None) -> None:
        self.capacity = capacity
        self.on_evict = on_evict
        self.nodes: dict[str, Node[V]] = {}
        self.small: deque[Node[V]] = deque()
        self.main: deque[Node[V]] = deque()
        self.ghosts: OrderedDict[str, None] = OrderedDict()
        self.bytes = 0
        self.small_bytes = 0
        self.lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.nodes)

    def get(self, key: str) -> V | None:
        node = self.nodes.get(key)
        if node is None:
            return None
        if node.hits < MAX_HITS:
            node.hits += 1
        return node.value

    def put(self, key: str, value: V, size: int) -> bool:
        """Whether it is stored: a value larger than a tenth of the capacity is not, for it would evict too much."""
        size += OVERHEAD
        with self.lock:
            if size > self.capacity * SMALL_SHARE:
                self._remove(key)
                return False
            known = self.nodes.get(key)
            if known is not None:
                self._resize(known, value, size)
            else:
                self._insert(Node(key, value, size))
            self._make_room()
            return True

    def resize(self, key: str, value: V, size: int) -> None:
        """The stored value has grown. Another value of that key by now is left alone."""
        with self.lock:
            node = self.nodes.get(key)
            if node is not None and node.value is value:
                self._resize(node, value, size + OVERHEAD)
                self._make_room()

    def drop(self, key: str) -> None:
        with self.lock:
            self._remove(key)

    def clear(self) -> None:
        with self.lock:
            for queue in (self.nodes, self.small, self.main, self.ghosts):
                queue.clear()
            self.bytes = self.small_bytes = 0

    # --- under the lock -----------------------------------------------------------------------------

    def _insert(self, node: Node[V]) -> None:
        self.nodes[node.key] = node
        self.bytes += node.size
        if node.key in self.ghosts:
            del self.ghosts[node.key]
            node.in_main = True
            self.main.append(node)
        else:
            self.small_bytes += node.size
            self.small.append(node)

    def _resize(self, node: Node[V], value: V, size: int) -> None:
        self.bytes += size - node.size
        if not node.in_main:
            self.small_bytes += size - node.size
        node.value, node.size = value, size

    def _remove(self, key: str) -> None:
        """Its node stays in the queue, known to nobody, until its turn comes."""
        node = self.nodes.pop(key, None)
        if node is not None:
            self.bytes -= node.size
            if not node.in_main:
                self.small_bytes -= node.size

    def _make_room(self) -> None:
        while self.bytes > self.capacity and self.nodes:
            if self.small_bytes > self.capacity * SMALL_SHARE or not self.main:
                self._evict_from_small()
            else:
                self._evict_from_main()

    def _evict_from_small(self) -> None:
        """Entries that were read since they came move to main; the key of any other goes to the ghosts."""
        if not self.small:
            self._evict_from_main()
            return
        node = self.small.popleft()
        if self.nodes.get(node.key) is not node:
            return
        self.small_bytes -= node.size
        if node.hits:
            node.hits, node.in_main = 0, True
            self.main.append(node)
        else:
            self._evict(node)
            self.ghosts[node.key] = None
            while len(self.ghosts) > max(16, len(self.nodes)):
                self.ghosts.popitem(last=False)

    def _evict_from_main(self) -> None:
        """Round and round, a hit less each time, until one has none."""
        node = self.main.popleft()
        if self.nodes.get(node.key) is not node:
            return
        if node.hits:
            node.hits -= 1
            self.main.append(node)
        else:
            self._evict(node)

    def _evict(self, node: Node[V]) -> None:
        del self.nodes[node.key]
        self.bytes -= node.size
        self.on_evict(node.key)
