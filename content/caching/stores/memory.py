"""The memory tier: S3-FIFO (Yang et al., SOSP 2023), bounded in bytes, and how many bytes an entry takes.

Three queues, first in first out: small for what is new, main for what was asked for again, and the ghosts of what
was let go from small, keys alone. A hit raises a counter and moves nothing, which is why it costs next to nothing.
docs/memory.md has the measurements by which it was chosen.

An entry takes its value as Python objects, its header and its tags. Encoded bytes alone are no measure: 200 numbers
take 0.6 kB encoded and 8 kB as a tuple.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from sys import getsizeof
from typing import Any, Generic, TypeVar

import msgspec

# Bytes that the allocator adds to an object, on average.
_ROUNDING = 8
# Bytes of a header and what holds it, without tags; and of a tag besides its characters.
_HEADER = 380
_TAG = 64
# Items of a long collection that are measured; the others are taken to be like these.
_SAMPLE = 8
# Objects that are measured in one value. Past it, each further one counts as small.
_MOST_OBJECTS, _SMALL = 400, 64
# The commonest types of objects that refer to no others.
_LEAVES = frozenset({str, int, float, bool, bytes, type(None)})

# Each owner's first values are all measured, later ones one in so many: a prime, lest it fall in step with the reads.
_FIRST, _ONE_IN = 16, 17

# Objects, and how many objects each of them stands for.
_Group = tuple[Sequence[Any], float]


def header_size(tags: Sequence[str]) -> int:
    return _HEADER + sum(map(len, tags), _TAG * len(tags))


def object_size(value: Any) -> int:
    """About the bytes of a value and all that it refers to. Objects that it refers to twice count twice."""
    size, left = 0.0, _MOST_OBJECTS
    groups: list[_Group] = [([value], 1.0)]
    while groups:
        objects, weight = groups.pop()
        left -= len(objects)
        if left < 0:
            size += weight * len(objects) * _SMALL
            continue
        size += weight * (sum(map(getsizeof, objects)) + _ROUNDING * len(objects))
        for each in objects:
            if type(each) not in _LEAVES and (items := _items(each)):
                groups.append(_sample(items, weight))
    return int(size)


class SizeEstimates:
    """Sizes of values in memory, in bytes, estimated from their encoded sizes.

    To measure a value costs more than to read it from Redis. An owner's values are of one type, so some of them are
    measured, and their mean size per encoded byte gives the sizes of the others.
    """

    def __init__(self) -> None:
        self._by_owner: dict[str, _Measured] = {}

    def size_of(self, owner: str, value: Any, encoded_size: int) -> int:
        """Measure or estimate a value. `encoded_size`: bytes of the encoded value; 0 if unknown, then measure it."""
        if not encoded_size or type(value) is bytes:
            return object_size(value)
        measured = self._by_owner.get(owner)
        if measured is None:
            measured = self._by_owner[owner] = _Measured()
        measured.count += 1
        if measured.count > _FIRST and measured.count % _ONE_IN:
            return int(encoded_size * measured.ratio)
        size = object_size(value)
        measured.add(size, encoded_size)
        return size


class _Measured:
    """The measured values of one owner. Another thread's count may be lost, which changes little."""

    __slots__ = ("count", "encoded", "ratio", "size")

    def __init__(self) -> None:
        self.count = self.size = self.encoded = 0
        self.ratio = 1.0

    def add(self, size: int, encoded_size: int) -> None:
        self.size += size
        self.encoded += encoded_size
        self.ratio = self.size / self.encoded


def _sample(items: Sequence[Any], weight: float) -> _Group:
    if len(items) <= 2 * _SAMPLE:
        return items, weight
    sample = items[:: len(items) // _SAMPLE]
    return sample, weight * len(items) / len(sample)


def _items(value: Any) -> Sequence[Any]:
    """The objects that a value refers to."""
    if isinstance(value, tuple | list):
        return value
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.astuple(value)
    if isinstance(value, dict):
        return [*value, *value.values()]
    return list(value) if isinstance(value, set | frozenset) else ()


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

    def __init__(
        self,
        capacity: int,
        on_evict: Callable[[str], None] = lambda key: None,
        on_leave: Callable[[str, V], None] = lambda key, value: None,
    ) -> None:
        """`on_leave`: called under the lock with each value that is evicted, dropped or replaced."""
        self.capacity = capacity
        self.on_evict = on_evict
        self.on_leave = on_leave
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
            for node in self.nodes.values():
                self.on_leave(node.key, node.value)
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
        if node.value is not value:
            self.on_leave(node.key, node.value)
        node.value, node.size = value, size

    def _remove(self, key: str) -> None:
        """Its node stays in the queue, known to nobody, until its turn comes."""
        node = self.nodes.pop(key, None)
        if node is not None:
            self.on_leave(key, node.value)
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
        self.on_leave(node.key, node.value)
        self.on_evict(node.key)
