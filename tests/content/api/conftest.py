from collections.abc import Iterator

import pytest
from django.core.cache import cache

from content.limits import local
from tests.support.service import Service, make_demo, running_service


@pytest.fixture(autouse=True)
def clean_cache() -> Iterator[None]:
    """An empty cache, and no request counted within the last minute."""
    cache.clear()
    local.times.clear()
    local.count = 0
    yield
    cache.clear()


@pytest.fixture(scope="session")
def service(tmp_path_factory, redis_server) -> Iterator[Service]:
    """`manage.py serve` with the demo's posts, its edge, and no limits: all requests come from one address."""
    state = tmp_path_factory.mktemp("api") / "state"
    state.mkdir()
    limits = ("EVERGREEN_API_A_MINUTE", "EVERGREEN_OPS_A_MINUTE", "EVERGREEN_OPS_FAILURES_A_MINUTE")
    environment = {"REDIS_URL": redis_server.url, "SECRET_KEY": "for tests only"} | dict.fromkeys(limits, "0")
    make_demo(state)
    with running_service(state, command="serve", environment=environment) as service:
        service.wait_for_line("Serving on")
        yield service
