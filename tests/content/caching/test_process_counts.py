"""Counts in files: exact over processes that end, crash and read at once, and over wrong files and folders."""

import errno
import json
import os
import stat
import sys
import threading
from collections import Counter

import pytest

from content.caching.metrics import count_folder, process_counts
from content.caching.metrics.count_file import LARGEST_COUNT, CountFile
from content.caching.metrics.count_folder import CountFolder
from content.caching.metrics.count_layout import Family, Layout
from content.caching.metrics.process_counts import LAYOUT, ProcessCounts, as_events, place_of_hit
from tests.support.child import Child
from tests.support.service import clean_environment
from tests.support.warm_python import run_warm

# A process that counts responses until it is killed. It writes a line after each thousand.
COUNTER = """
import sys
from content.caching.metrics.count_folder import CountFolder
from content.caching.metrics.process_counts import process_counts
from pathlib import Path
process_counts.open(CountFolder(Path(sys.argv[1])))
assert process_counts.is_stored
while True:
    for _ in range(1000):
        process_counts.count_response(200, "none")
    print("1000", flush=True)
"""


@pytest.fixture
def folder(tmp_path) -> CountFolder:
    return CountFolder(tmp_path / "counts")


def start_counter(folder: CountFolder) -> Child:
    return Child("-c", COUNTER, str(folder.path), environment=clean_environment())


def counting(folder: CountFolder, responses: int = 1) -> ProcessCounts:
    """As a process of its own, in this one."""
    counts = ProcessCounts()
    counts.open(folder)
    for _ in range(responses):
        counts.count_response(200, "none")
    return counts


def end(counts: ProcessCounts) -> None:
    counts.forget()


def responses(folder: CountFolder) -> int:
    return folder.read().counts["requests", "200", "none"]


# --- processes that end -----------------------------------------------------------------------------------


def test_counts_of_killed_processes_stay_and_are_counted_once(folder):
    """Readers see no counter shrink, and all of them agree in the end."""
    processes = [start_counter(folder) for _ in range(2)]
    seen, shrunk, stopping = [0], [], threading.Event()

    def read_for_ever() -> None:
        last = 0
        while not stopping.is_set():
            count = responses(folder)
            if count < last:
                shrunk.append((last, count))
            last = count
            seen.append(count)

    readers = [threading.Thread(target=read_for_ever) for _ in range(2)]
    for process in processes:
        assert process.read_line()
    for reader in readers:
        reader.start()
    for process in processes:
        assert process.read_line()
        process.kill()
    stopping.set()
    for reader in readers:
        reader.join()
    assert not shrunk
    assert responses(folder) >= max(seen) >= 4000
    assert responses(folder) == responses(folder)
    assert sorted(path.name for path in folder.path.iterdir()) == ["lock", "total"]


def test_every_count_before_a_kill_is_in_the_total(folder):
    """A process counts exactly 1,000 responses between two lines: the sum is within one block of what it wrote."""
    process = start_counter(folder)
    lines = [process.read_line() for _ in range(5)]
    process.kill()
    count = responses(folder)
    assert count >= 1000 * len(lines)


def test_a_crash_between_rename_and_deletion_counts_nothing_twice(folder, monkeypatch):
    end(counting(folder, 3))
    monkeypatch.setattr(CountFolder, "_delete_files", lambda self, names: None)
    assert responses(folder) == 3
    assert len(list(folder.path.glob("*.counts"))) == 1
    assert responses(folder) == 3
    monkeypatch.undo()
    end(counting(folder, 2))
    assert responses(folder) == 5
    assert not list(folder.path.glob("*.counts"))


def test_a_crash_before_the_rename_counts_nothing_twice(folder, monkeypatch):
    end(counting(folder, 3))

    def crash(self: CountFolder, total: object) -> None:
        raise OSError(errno.EIO, "crashed")

    monkeypatch.setattr(CountFolder, "_write_total", crash)
    with pytest.raises(OSError, match="crashed"):
        folder.read()
    monkeypatch.undo()
    assert responses(folder) == 3


def test_a_living_process_is_read_where_it_is(folder):
    counts = counting(folder)
    assert (responses(folder), folder.read().processes) == (1, 1)
    counts.count_response(200, "none")
    assert responses(folder) == 2
    assert folder.read().oldest is not None
    end(counts)
    assert (responses(folder), folder.read().processes, folder.read().oldest) == (2, 0, None)


def test_what_was_counted_before_the_file_was_opened_is_in_it(folder):
    counts = ProcessCounts()
    counts.count_response(404, "none")
    counts.open(folder)
    assert folder.read().counts["requests", "404", "none"] == 1
    end(counts)


def test_a_forked_child_counts_for_itself_and_leaves_the_file_to_its_parent(folder):
    code = """
import os, sys
from content.caching.metrics.count_folder import CountFolder
from content.caching.metrics.process_counts import process_counts
from pathlib import Path
folder = CountFolder(Path(sys.argv[1]))
process_counts.open(folder)
process_counts.count_response(200, "none")
child = os.fork()
if not child:
    assert not process_counts.is_stored and not process_counts.counts()
    process_counts.count_response(200, "none")
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
host = folder.read()
print(host.counts["requests", "200", "none"], host.processes)
"""
    done = run_warm(["-c", code, str(folder.path)], clean_environment())
    assert done.stdout.split() == ["1", "1"], done.stderr


# --- files and folders that are wrong ---------------------------------------------------------------------


def test_a_full_disk_or_a_folder_that_cannot_be_written_is_reported_once(tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")
    counts = ProcessCounts()
    for _ in range(3):
        counts.open(CountFolder(tmp_path / "file" / "counts"))
        counts.count_response(200, "none")
    assert not counts.is_stored
    assert counts.counts()["requests", "200", "none"] == 3
    assert len(caplog.records) == 1
    assert "EVERGREEN_METRICS_DIR" in caplog.text


def test_a_disk_that_is_full_at_first_is_tried_again(folder, monkeypatch):
    counts = ProcessCounts()
    monkeypatch.setattr(os, "pwrite", lambda descriptor, content, offset: len(content) // 2)
    counts.open(folder)
    counts.count_response(200, "none")
    assert not counts.is_stored
    assert not list(folder.path.iterdir())
    monkeypatch.undo()
    counts.open(folder)
    assert counts.is_stored
    assert responses(folder) == 1
    end(counts)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"EVCOUNT1",
        b"EVCOUNT1\xff\xff\xff\xff",
        b"EVCOUNT1\x02\x00\x00\x00{}" + b" " * 100,
        b"EVCOUNT2" + b"\x00" * 100,
        os.urandom(5000),
    ],
)
def test_an_unreadable_file_is_set_aside_and_counted(folder, content, caplog):
    end(counting(folder))
    (folder.path / "1-0.counts").write_bytes(content)
    assert responses(folder) == 1
    host = folder.read()
    assert (host.unreadable, host.counts["requests", "200", "none"]) == (1, 1)
    assert "cannot be read" in caplog.text
    assert (folder.path / "last.unreadable").read_bytes() == content


@pytest.mark.parametrize("change", ["cut", "longer", "impossible count"])
def test_a_file_of_another_size_or_with_an_impossible_count_is_unreadable(folder, change):
    end(counting(folder))
    [path] = folder.path.glob("*.counts")
    content = path.read_bytes()
    impossible = content[:-8] + (LARGEST_COUNT + 1).to_bytes(8, sys.byteorder)
    path.write_bytes({"cut": content[:-8], "longer": content + b"\0", "impossible count": impossible}[change])
    assert (responses(folder), folder.read().unreadable) == (0, 1)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"counts": [[["requests"], -1]]}', b"\xff" * 10])
def test_an_unreadable_total_is_set_aside_and_counted(folder, content):
    folder.prepare()
    (folder.path / "total").write_bytes(content)
    end(counting(folder, 2))
    assert (responses(folder), folder.read().unreadable) == (2, 1)


def test_links_are_not_followed(folder, tmp_path):
    folder.prepare()
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    for name in ("total", "total.draft", "1-0.counts"):
        (folder.path / name).symlink_to(victim)
    end(counting(folder))
    with pytest.raises(OSError, match=r"[Ll]ink|symbolic"):
        folder.read()
    assert victim.read_text() == "untouched"


def test_folder_and_files_are_private(folder):
    os.umask(previous := os.umask(0))
    os.umask(0)
    try:
        end(counting(folder))
        responses(folder)
        counts = counting(folder)
    finally:
        os.umask(previous)
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.path.iterdir()} == {0o600}
    end(counts)


def test_a_reader_waits_a_bounded_time_for_another(folder, monkeypatch):
    monkeypatch.setattr(count_folder, "LONGEST_WAIT", 0.01)
    folder.prepare()
    with folder._lock(), pytest.raises(TimeoutError):
        folder.read()
    assert responses(folder) == 0


def test_counts_of_another_version_are_added_by_their_names(folder):
    """Two releases run side by side, and a file outlives a release."""
    folder.prepare()
    other = Layout((Family("requests", (("200", "299"), ("none", "new"))),))
    file = CountFile.create(folder.path, other, memoryview(bytearray(32)).cast("Q"))
    file.counters[0], file.counters[3] = 5, 7
    file.close()
    end(counting(folder))
    counts = folder.read().counts
    assert counts["requests", "200", "none"] == 6
    assert counts["requests", "299", "new"] == 7


# --- the table --------------------------------------------------------------------------------------------


def test_each_counter_has_a_place_of_its_own():
    counts = ProcessCounts()
    counts.counters[place_of_hit(200)] += 1
    counts.counters[place_of_hit(200) + 1] += 2
    counts.counters[place_of_hit(799)] += 3
    counts.count_response(304, "miss uri-miss")
    counts.count_response(799, "of another version")
    counts.time_response("stale", 60_000)
    counts.time_response("none", 10**15)
    counts.count_wait(-1)
    assert counts.counts() == Counter(
        {
            ("plain_hits", "200", "hit"): 1,
            ("plain_hits", "200", "stale"): 2,
            ("plain_hits", "other", "hit"): 3,
            ("requests", "304", "miss uri-miss"): 1,
            ("requests", "other", "miss other"): 1,
            ("durations", "stale", "0.0001"): 1,
            ("duration_nanoseconds", "stale"): 60_000,
            ("durations", "none", "+Inf"): 1,
            ("duration_nanoseconds", "none"): 10**15,
            ("waits", "0.00005"): 1,
        }
    )
    assert sum(counts.counters) == sum(counts.counts().values())
    assert len(list(LAYOUT.nonzero([1] * LAYOUT.size))) == LAYOUT.size


def test_a_timed_repeated_hit_stands_for_those_before_it():
    counts = ProcessCounts()
    counts.counters[place_of_hit(200)] += 1
    counts.time_hit(1000, is_repeated=False)
    counts.counters[place_of_hit(200)] += 256
    counts.is_due = True
    counts.time_hit(2000, is_repeated=True)
    assert counts.counts()["durations", "hit", "0.00005"] == 257
    assert counts.counts()["duration_nanoseconds", "hit"] == 1000 + 256 * 2000
    assert not counts.is_due


def test_counts_are_reported_as_events_of_bounded_names():
    counts = ProcessCounts()
    counts.counters[place_of_hit(200)] += 3
    counts.count_response(200, "hit")
    counts.count_response(404, "miss stale")
    counts.time_response("miss stale", 2_000_000)
    assert as_events(counts.counts()) == Counter(
        {
            ("request", "200", "hit"): 4,
            ("hit", "page", "memory"): 3,
            ("request", "404", "miss"): 1,
            ("miss", "page", ""): 1,
            ("request_seconds", "0.0025", "miss"): 1,
            ("request_seconds", "sum", "miss"): 0.002,
        }
    )
    assert json.dumps(list(as_events(process_counts.process_counts.counts())))
