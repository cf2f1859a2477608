"""Reads of a server's process count as heat; reads of workers and of other commands do not."""

import pytest

from content.caching.read_counts import ReadCounts
from project import command_line
from workers import background


@pytest.mark.parametrize(("command", "excluded"), [("serve", False), ("up", False), ("warm_cache", True)])
def test_only_commands_with_readers_count(command, excluded, monkeypatch):
    counts = ReadCounts()
    monkeypatch.setattr(command_line, "reads", counts)
    monkeypatch.setattr(command_line, "execute_from_command_line", lambda arguments: None)
    command_line.main(["manage.py", command])
    assert counts.is_excluded is excluded


def test_a_worker_process_counts_nothing(monkeypatch):
    class Stopped(Exception):
        """The background work itself does not begin in a test."""

    def stop() -> None:
        raise Stopped

    counts = ReadCounts()
    monkeypatch.setattr(background, "reads", counts)
    monkeypatch.setattr(background, "cache_aliases", stop)
    with pytest.raises(Stopped):
        background.start_background_work()
    assert counts.is_excluded
