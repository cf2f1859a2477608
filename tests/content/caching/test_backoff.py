"""Delays of keys whose load failed."""

from content.caching.backoff import MAX_DELAY, Backoff
from content.caching.testing import Clock


def test_a_delay_ends_when_the_clock_is_set_back():
    """Else a key that failed would not be loaded for as long as the clock was set back."""
    clock = Clock()
    backoff = Backoff(clock)
    backoff.delay("key", failed=True)
    assert backoff.is_delayed("key")
    clock.forward(-3600)
    assert not backoff.is_delayed("key")
    backoff.delay("key", failed=True)
    assert backoff.is_delayed("key")
    clock.forward(MAX_DELAY)
    assert not backoff.is_delayed("key")
