"""To the next release with a migration, and back, under readers and edits."""

import pytest

from tests.benchmarks.fleet.traffic import read_fleet
from tests.benchmarks.fleet.upgrade import HITS, run_upgrade


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_an_upgrade_with_a_migration_and_the_way_back_lose_no_request_and_no_page():
    """The next release has another template, and a column more that its pages show."""
    with (
        read_fleet(100.0, "--posts", "60", "--workers", "1") as (fleet, crowd, _edits),
        run_upgrade(fleet, crowd, seconds=10.0) as upgrade,
    ):
        assert upgrade.errors == []
        assert upgrade.loads.lost == 0
        assert upgrade.wrong() == []
        assert upgrade.least_hits >= HITS, upgrade.table()
