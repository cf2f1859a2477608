"""`cache_stats` describes warming in sentences."""

from content.warming.state import WarmState, describe_warming

STATE = WarmState("a", 7, 0.0, 200, 198, 6000, 5990, 0, 0, 3500.0, None, 4.0, 2.5)


def describe(paused_for: float = 0.0, **changes: object) -> str:
    fields = {name: getattr(STATE, name) for name in STATE.__struct_fields__}
    return " ".join(describe_warming(WarmState(**fields | changes), paused_for))


def test_it_says_what_is_warm_and_how_much_of_the_site_fits():
    assert describe() == (
        "Process 7 on a keeps the cache warm, with 4 loads at once. Of the 200 entries that are read most, 198 are "
        "fresh. Of all 6,000 entries of the site, 5,990 are fresh. An entry takes 3.4 KiB in Redis; the whole site "
        "takes 20.0 MiB. Redis has no maxmemory, so all of it is kept."
    )


def test_it_says_what_does_not_fit_and_what_was_evicted():
    text = describe(budget=10 * 1024 * 1024, left_out=2900, evicted=12)
    assert "The budget is 10.0 MiB: 2,900 entries, read least, do not fit." in text
    assert "Redis has evicted 12 entries that nobody has read since. Give it more memory." in text
    assert "It fits into the budget of 32.0 MiB." in describe(budget=32 * 1024 * 1024)


def test_it_says_that_warming_is_paused_or_does_not_run():
    assert "paused for 60 s more" in describe(paused_for=60.0)
    assert "Start a worker" in " ".join(describe_warming(None, 0.0))
