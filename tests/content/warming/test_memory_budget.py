"""The memory budget: what fits, hottest first, and what was evicted."""

from content.caching.backends.server import server_of
from content.warming.memory_budget import OVERHEAD, SHARE, MemoryBudget, MemoryInfo, Room, read_memory_info

MEGABYTE = 1024 * 1024


def info(evicted: int, maximum: int = MEGABYTE) -> MemoryInfo:
    return MemoryInfo(used=0, maximum=maximum, evicted=evicted)


def test_a_budget_is_cut_at_its_bytes():
    room = Room(1000 + 2 * OVERHEAD)
    assert [room.take(size) for size in (400, 500, 400, 100)] == [True, True, False, False]
    assert room.is_full


def test_what_is_missing_is_taken_to_be_as_large_as_what_is_stored():
    room = Room(10 * (1000 + OVERHEAD))
    assert room.take(1000)
    assert [room.take(None) for _ in range(12)].count(True) == 9


def test_without_a_bound_everything_fits():
    budget = MemoryBudget()
    budget.begin_pass(info(0, maximum=0))
    assert budget.bytes is None
    assert Room(budget.bytes).take(10**12)


def test_the_bound_of_redis_counts_unless_there_is_a_setting():
    budget, set_by_hand = MemoryBudget(), MemoryBudget(5000)
    for each in (budget, set_by_hand):
        each.begin_pass(info(0))
    assert (budget.bytes, set_by_hand.bytes) == (int(MEGABYTE * SHARE), 5000)


def test_what_is_missing_is_loaded_while_redis_does_not_evict():
    budget = MemoryBudget()
    for _ in range(3):
        budget.begin_pass(info(7))
        assert budget.may_load("a", 0.0)


def test_what_was_evicted_is_not_loaded_again_unless_it_is_read():
    budget = MemoryBudget()
    budget.begin_pass(info(7))
    budget.begin_pass(info(8))
    assert not budget.may_load("unread", 0.0)
    assert not budget.may_load("read before", 5.0)
    budget.begin_pass(info(8))
    assert not budget.may_load("unread", 0.0)
    assert not budget.may_load("read before", 4.5)
    assert budget.may_load("read before", 5.5)
    assert budget.may_load("new", 0.0)


def test_more_room_and_an_emptied_cache_end_that():
    for end in (lambda budget: budget.begin_pass(info(8, 2 * MEGABYTE)), MemoryBudget.forget):
        budget = MemoryBudget()
        budget.begin_pass(info(7))
        budget.begin_pass(info(8))
        assert not budget.may_load("unread", 0.0)
        end(budget)
        assert budget.may_load("unread", 0.0)


async def test_redis_says_how_much_it_may_use(redis_server):
    read = await read_memory_info(server_of(redis_server.url, {}))
    assert read is not None
    assert read.used > 0
    assert await read_memory_info(None) is None
