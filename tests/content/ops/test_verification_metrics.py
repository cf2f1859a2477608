from collections import Counter

from prometheus_client import CollectorRegistry, generate_latest

from content.caching.metrics.reports import Report
from content.ops.metrics.caches import CacheCollector


def metrics_of(totals: dict) -> str:
    registry = CollectorRegistry()
    registry.register(CacheCollector(Report(Counter(totals), ())))
    return generate_latest(registry).decode()


def test_checks_and_nines_are_exported():
    text = metrics_of(
        {
            ("checked", "post", "memory"): 1000,
            ("checked", "page", "shared"): 2000,
            ("inconsistent", "page", "shared"): 0,
            ("verify_seconds", "page", ""): 1.5,
        }
    )
    assert 'evergreen_verified_entries_total{tier="memory"} 1000.0' in text
    assert 'evergreen_inconsistent_entries_total{tier="shared"} 0.0' in text
    assert "evergreen_verify_seconds_total 1.5" in text
    [nines] = [line.split()[1] for line in text.splitlines() if line.startswith("evergreen_consistency_nines ")]
    assert 2.99 < float(nines) < 3.01


def test_nothing_is_exported_where_nothing_was_checked():
    assert "evergreen_consistency_nines" not in metrics_of({("hit", "post", "memory"): 5})
