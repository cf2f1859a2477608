"""The measurement of watched writes ends in time."""

from tests.benchmarks.watch import statements


def test_pairs_that_take_too_long_are_fewer(monkeypatch):
    monkeypatch.setattr(statements, "LONGEST", 0.0)
    done: list[str] = []
    pairs = statements.time_in_pairs(lambda: done.append("plain"), lambda: done.append("watched"), 40)
    assert len(pairs) == 1
    assert len(done) == 4, "one more pair to warm up"
