from datetime import timedelta

import pytest
from django.utils import timezone

from content.caching.registry import engine_of


@pytest.fixture
def moved_clock(monkeypatch):
    """Moves the time that loaders and entries see."""

    def move(seconds: float) -> None:
        real = timezone.now()
        later = real + timedelta(seconds=seconds)
        monkeypatch.setattr(timezone, "now", lambda: later)
        monkeypatch.setattr(engine_of("default"), "clock", later.timestamp)

    return move
