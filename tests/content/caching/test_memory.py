"""The memory tier: within its bytes at every moment, and never another's value."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from content.caching.stores.memory import OVERHEAD, MemoryTier

CAPACITY = 40 * OVERHEAD

STEPS = st.lists(
    st.tuples(st.sampled_from(["get", "put", "drop", "clear"]), st.integers(0, 60), st.integers(0, 6 * OVERHEAD)),
    max_size=300,
)


@given(STEPS)
def test_it_holds_what_was_put_last_or_nothing_and_never_too_much(steps):
    tier: MemoryTier[int] = MemoryTier(CAPACITY)
    last: dict[str, int] = {}
    for number, (what, name, size) in enumerate(steps):
        key = str(name)
        if what == "get":
            assert tier.get(key) in (None, last.get(key))
        elif what == "put":
            last[key] = number
            assert tier.put(key, number, size) is (size + OVERHEAD <= CAPACITY * 0.1)
        elif what == "drop":
            last.pop(key, None)
            tier.drop(key)
        elif number % 7 == 0:
            last.clear()
            tier.clear()
        held = dict(tier.nodes)
        assert tier.bytes == sum(node.size for node in held.values()) <= CAPACITY
        assert tier.small_bytes == sum(node.size for node in held.values() if not node.in_main)
        assert len(tier.ghosts) <= max(16, len(tier.nodes)) + 1
        assert all(node.value == last[name] for name, node in held.items())


def test_what_is_asked_for_again_outlives_what_is_asked_for_once():
    tier: MemoryTier[int] = MemoryTier(100 * OVERHEAD)
    for _ in range(3):
        for number in range(20):
            if tier.get(f"often {number}") is None:
                tier.put(f"often {number}", number, 0)
    for number in range(2000):
        tier.put(f"once {number}", number, 0)
        if number % 10 == 0:
            tier.get(f"often {number // 10 % 20}")
    assert sum(tier.get(f"often {number}") is not None for number in range(20)) == 20


def test_a_dropped_request_is_reported():
    told: list[str] = []
    tier: MemoryTier[int] = MemoryTier(20 * OVERHEAD, told.append)
    for number in range(100):
        tier.put(str(number), number, 0)
    assert len(told) == 100 - len(tier)
    assert set(told).isdisjoint(tier.nodes)


def test_threads_that_write_at_once_leave_it_whole():
    tier: MemoryTier[int] = MemoryTier(CAPACITY)

    def work(seed: int) -> None:
        for number in range(3000):
            key = str((number * seed) % 97)
            if tier.get(key) is None:
                tier.put(key, number, number % (3 * OVERHEAD))
            if number % 50 == 0:
                tier.drop(key)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (3, 5, 7, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tier.bytes == sum(node.size for node in tier.nodes.values()) <= CAPACITY
