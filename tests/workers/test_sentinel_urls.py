"""A broker's URL as kombu reads it."""

import pytest

from project.setting_types import check_broker, check_redis
from workers.broker import servers_of


@pytest.mark.parametrize(
    ("url", "servers", "service"),
    [
        ("redis+sentinel://one/site/2", "sentinel://one/2", "site"),
        (
            "redis+sentinel://:word@one:1,[::1]:2/site/0",
            "sentinel://:word@one:1/0;sentinel://:word@[::1]:2/0",
            "site",
        ),
        ("redis+sentinel://one:1/site", "sentinel://one:1/0", "site"),
    ],
)
def test_each_sentinel_has_a_url_of_its_own(url, servers, service):
    assert check_broker(url) == check_redis(url) == url
    assert servers_of(url) == (servers, {"master_name": service})


def test_other_brokers_stay_as_they_are():
    assert servers_of("amqp://one:1/site") == ("amqp://one:1/site", {})
