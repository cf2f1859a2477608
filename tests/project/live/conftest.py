from collections.abc import Iterator

import pytest

from tests.support.live import LiveSite, live_site


@pytest.fixture(scope="package")
def site(tmp_path_factory) -> Iterator[LiveSite]:
    """Two processes and a Redis."""
    with live_site(tmp_path_factory.mktemp("live") / "state", "--workers", "2", users=8) as each:
        yield each
