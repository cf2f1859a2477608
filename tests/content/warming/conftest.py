import pytest

from content.warming import run_lease


@pytest.fixture
def quick_lease(monkeypatch):
    monkeypatch.setattr(run_lease, "SECONDS", 0.5)
