import pytest

from content.caching.verify.findings import highest_rate, nines


@pytest.mark.parametrize(
    ("checked", "inconsistent", "rate"),
    # The upper bounds of a Poisson distribution at 95 %: 2.996, 4.744, 16.962, 124.34.
    [
        (1000, 0, 2.996e-3),
        (1000, 1, 4.744e-3),
        (1000, 10, 16.962e-3),
        (1_000_000, 107, 126.0e-6),
        (0, 0, 1.0),
        (1, 0, 1.0),
    ],
)
def test_the_bound_that_a_sample_allows(checked, inconsistent, rate):
    assert highest_rate(checked, inconsistent) == pytest.approx(rate, rel=0.02)


def test_nines():
    assert nines(0.001) == pytest.approx(3)
    assert nines(1.0) == 0
    assert nines(highest_rate(3_000_000, 0)) == pytest.approx(6, abs=0.01)
