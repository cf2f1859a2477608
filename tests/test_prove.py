"""`make prove` runs outside of pytest."""

from tests.support.service import clean_environment


def test_its_processes_need_nothing_of_the_tests_environment(monkeypatch):
    monkeypatch.delenv("EVERGREEN_STATE_DIR")
    assert clean_environment()["EVERGREEN_STATIC_ROOT"]
