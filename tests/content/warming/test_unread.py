"""Entries that nobody reads are warmed less, and those that somebody reads are not."""

import time
from collections import Counter
from collections.abc import Sequence

import pytest

from content import resources
from content.caching.metrics.events import current_totals
from content.caching.metrics.warm_return import Return, returns
from content.caching.warm_plan import WarmPlan
from content.caching.warmed_reads import digest_of
from content.warming.cold import ColdEntry
from content.warming.targets import Target
from content.warming.unread import FIRST, LONGEST, MARGIN, PATIENCE, SETTLED_AFTER, UnreadEntries

TARGET = Target(resources.site)


class Versions:
    """The versions that were read, as the test says."""

    def __init__(self) -> None:
        self.read: set[bytes] = set()

    async def were_read(self, digests: Sequence[bytes]) -> list[bool]:
        return [digest in self.read for digest in digests]


class Course:
    """An entry whose versions end, one after the other, some seconds apart."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.made_at = self.loaded_at = 0.0
        self.versions = Versions()
        self.unread = UnreadEntries(self.versions, clock=lambda: self.now, wall_clock=lambda: self.now)

    async def end(self, *, is_read: bool = False, mark: int = WarmPlan.SITE, **fields: float) -> bool:
        """A new version ends, and its readers are reported. Whether its load is put off."""
        self.made_at, self.loaded_at = self.loaded_at or self.now - 30, self.now
        if is_read:
            self.versions.read.add(digest_of("site@1:", self.made_at))
        is_put_off = self.unread.is_put_off(self.entry(mark, **fields))
        self.now += SETTLED_AFTER
        await self.unread.settle()
        return is_put_off

    def entry(self, mark: int = WarmPlan.SITE, heat: float = 0.0, **fields: float) -> ColdEntry:
        return ColdEntry(TARGET, "site@1:", heat, 0.02, self.made_at, mark=mark, **fields)

    def delay(self) -> float:
        """Seconds from the end of the last version to its load."""
        return self.unread.ended["site@1:"].put_off_until - (self.now - SETTLED_AFTER)


@pytest.fixture
def course() -> Course:
    return Course()


@pytest.fixture
def count():
    before = current_totals()

    def counted() -> list[Return]:
        totals = {event: amount - before[event] for event, amount in current_totals().items()}
        return returns(Counter({event: amount for event, amount in totals.items() if amount}))

    return counted


async def test_what_nobody_reads_is_put_off_for_longer_and_longer(course):
    assert [await course.end() for _ in range(PATIENCE)] == [False] * PATIENCE
    delays = []
    for _ in range(8):
        assert await course.end()
        delays.append(course.delay())
    assert delays == [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST, 16 * FIRST, 32 * FIRST, LONGEST, LONGEST]


async def test_the_load_is_due_when_the_time_is_over(course):
    for _ in range(PATIENCE + 1):
        await course.end()
    course.now += FIRST - SETTLED_AFTER - 1
    assert course.unread.is_put_off(course.entry())
    course.now += 1
    assert not course.unread.is_put_off(course.entry())


async def test_a_read_version_ends_the_row(course):
    for _ in range(PATIENCE + 3):
        await course.end()
    await course.end(is_read=True)
    assert not await course.end()


async def test_a_load_by_a_reader_ends_the_row(course):
    for _ in range(PATIENCE + 3):
        await course.end()
    assert not await course.end(mark=WarmPlan.NONE)
    assert not await course.end()


async def test_parts_of_pages_tell_nothing(course, count):
    assert [await course.end(mark=WarmPlan.PARTS) for _ in range(PATIENCE + 3)] == [False] * (PATIENCE + 3)
    assert count() == []


async def test_no_load_is_put_off_until_a_reader_is_likely_to_come(course):
    for _ in range(PATIENCE + 5):
        await course.end(heat=0.1)
    assert course.delay() == 5.0


async def test_the_hottest_are_put_off_only_if_they_are_hardly_read(course):
    for _ in range(PATIENCE + 5):
        assert not await course.end(heat=1 / 300, is_hot=True)
    assert await course.end(heat=1 / 3000, is_hot=True)


async def test_no_load_is_put_off_past_the_time_up_to_which_the_stored_value_is_served(course):
    for _ in range(PATIENCE + 5):
        await course.end(served_until=course.now + MARGIN + 7)
    assert course.delay() == 7.0
    assert not await course.end(served_until=course.now + MARGIN)


async def test_what_is_missing_is_loaded_at_once(course):
    for _ in range(PATIENCE + 3):
        await course.end()
    course.made_at = 0.0
    assert not course.unread.is_put_off(course.entry())


async def test_one_version_is_judged_once_and_not_before_its_readers_are_reported(course, count):
    course.made_at = 1.0
    for _ in range(3):
        course.unread.is_put_off(course.entry())
    course.now += SETTLED_AFTER - 1
    await course.unread.settle()
    assert count() == []
    course.now += 1
    await course.unread.settle()
    assert [(row.plan, row.resource, row.unread) for row in count()] == [("site", "site", 1)]


async def test_a_version_that_goes_on_while_its_load_is_put_off_is_judged_after_its_end(course, count):
    for _ in range(PATIENCE):
        await course.end()
    await course.end(fresh_for=10.0)
    assert sum(row.unread for row in count()) == PATIENCE
    course.now += 10.0
    await course.unread.settle()
    assert sum(row.unread for row in count()) == PATIENCE + 1


async def test_the_report_says_by_how_much_less_is_warmed(course, count):
    for _ in range(PATIENCE + 2):
        await course.end()
    (row,) = count()
    assert (row.unread, row.put_off, row.put_off_seconds) == (PATIENCE + 2, 2, 3 * FIRST)


async def test_without_counts_of_reads_nothing_is_put_off(course):
    course.unread = UnreadEntries(None)
    assert [await course.end() for _ in range(PATIENCE + 3)] == [False] * (PATIENCE + 3)


async def test_what_is_remembered_is_bounded(course, monkeypatch):
    monkeypatch.setattr("content.warming.unread.MOST", 3)
    for number in range(10):
        course.unread.is_put_off(course.entry()._replace(key=f"site@1:{number}", seen_at=time.time()))
    assert len(course.unread.ended) == len(course.unread.unsettled) == 3


# --- entries that change often ------------------------------------------------------------------------------

SERVED = 1e6


async def end_every(course: Course, seconds: float, times: int, **fields: float) -> list[bool]:
    """Versions that end so many seconds apart, and are all read. Whether the load of each was put off."""
    ends = []
    for _ in range(times):
        ends.append(await course.end(is_read=True, served_until=SERVED, **fields))
        course.now += seconds - SETTLED_AFTER
    return ends


async def test_what_changes_more_often_than_it_is_read_is_put_off_until_readers_have_come(course):
    assert await end_every(course, 30, 6, heat=0.01) == [False, *[True] * 5]
    course.now -= 30 - SETTLED_AFTER
    assert course.delay() == 4 / 0.01


async def test_reads_of_the_last_version_do_not_end_that_and_the_time_does(course):
    await end_every(course, 30, 3, heat=0.01)
    assert course.unread.is_put_off(course.entry())
    course.now += 400
    assert not course.unread.is_put_off(course.entry())


async def test_a_changing_entry_that_nobody_reads_is_put_off_for_the_longest_time(course):
    assert await end_every(course, 30, 3) == [False, True, True]
    course.now -= 30 - SETTLED_AFTER
    assert course.delay() == LONGEST


@pytest.mark.parametrize(("heat", "seconds"), [(0.5, 30), (0.02, 600), (0.0, 1200)])
async def test_what_is_read_more_often_than_it_changes_is_loaded_at_once(course, heat, seconds):
    assert await end_every(course, seconds, 8, heat=heat) == [False] * 8


async def test_what_may_not_be_served_is_loaded_at_once_however_often_it_changes(course):
    for _ in range(8):
        assert not await course.end(is_read=True, heat=0.001)


async def test_a_changing_entry_that_a_reader_has_loaded_is_put_off_as_well(course):
    await end_every(course, 30, 3, heat=0.01)
    assert await course.end(mark=WarmPlan.NONE, heat=0.01, served_until=SERVED)


async def test_a_quiet_night_does_not_hide_a_busy_morning(course):
    course.made_at = course.loaded_at = course.now
    course.now += 8 * 3600
    assert await end_every(course, 30, 4, heat=0.03) == [False, False, True, True]


async def test_one_purge_right_after_warming_puts_nothing_off(course):
    course.loaded_at = course.now - 2
    assert not await course.end(heat=0.001, served_until=SERVED)


async def test_time_in_which_an_entry_is_stale_does_not_make_it_change_less(course):
    """It waits for a reader for long, and each version ends soon after its load."""
    put_off = []
    for _ in range(5):
        course.loaded_at = course.now - 10
        put_off.append(await course.end(heat=0.05, served_until=SERVED, is_read=True))
        course.now += 300
    assert put_off == [False, *[True] * 4]


# --- versions that were replaced before they were found cold ----------------------------------------------------


async def test_a_version_that_was_replaced_unseen_is_judged_as_well(course, count):
    course.unread.add_replaced("site@1:", 990.0, 1000.0, WarmPlan.SITE)
    course.unread.add_replaced("site@1:", 990.0, 1000.0, WarmPlan.SITE)
    course.now += SETTLED_AFTER
    await course.unread.settle()
    assert [(row.plan, row.unread) for row in count()] == [("site", 1)]


async def test_a_version_that_was_found_cold_is_not_judged_again_when_it_is_replaced(course, count):
    await course.end()
    course.unread.add_replaced("site@1:", course.made_at, course.now, WarmPlan.SITE)
    course.now += SETTLED_AFTER
    await course.unread.settle()
    assert [row.unread for row in count()] == [1]


async def test_versions_that_were_replaced_unseen_count_as_changes(course):
    for second in range(3):
        course.unread.add_replaced("site@1:", 900.0 + 10 * second, 910.0 + 10 * second, WarmPlan.NONE)
    assert await course.end(heat=0.01, served_until=SERVED)
