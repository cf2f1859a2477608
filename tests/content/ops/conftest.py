"""Panels and measurements that a busy machine has the time to make."""

from collections.abc import Callable

import pytest

from content.ops import snapshot
from content.ops.panels import panel
from content.ops.state import cached_result


@pytest.fixture(autouse=True)
def set_patience(monkeypatch) -> Callable[[float], None]:
    """Sets the seconds that a page waits for a measurement: long enough for a busy machine, until a test calls it."""

    def set_seconds(seconds: float) -> None:
        monkeypatch.setattr(panel, "PATIENCE", seconds)
        monkeypatch.setattr(snapshot, "PATIENCE", seconds)
        # A panel learns that a measurement took too long before its own time is up.
        monkeypatch.setattr(cached_result, "LONGEST", 0.75 * seconds)

    set_seconds(60.0)
    return set_seconds
