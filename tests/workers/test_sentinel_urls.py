"""A broker's URL as kombu reads it."""

import pytest

from project.setting_types import check_broker, check_redis
from workers.broker import BrokerServers, servers_of


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
    found = servers_of(url)
    assert (found.url, found.options["master_name"], found.tls_settings()) == (servers, service, {})
    assert found.options["sentinel_kwargs"]["password"] is None


def test_sentinels_have_their_own_password_and_the_tls_of_the_server():
    url = "rediss+sentinel://:word@one:1/site/0?sentinel_password=other%3F&ssl_ca_certs=/ca.pem"
    assert check_broker(url) == check_redis(url) == url
    found = servers_of(url)
    assert found.url == "sentinel://:word@one:1/0"
    login = {name: found.options["sentinel_kwargs"][name] for name in ("password", "ssl", "ssl_ca_certs")}
    assert login == {"password": "other?", "ssl": True, "ssl_ca_certs": "/ca.pem"}
    tls = {"ssl_cert_reqs": "required", "ssl_ca_certs": "/ca.pem"}
    assert found.tls_settings() == {"broker_use_ssl": tls, "redis_backend_use_ssl": tls}


def test_other_brokers_stay_as_they_are():
    assert servers_of("amqp://one:1/site") == BrokerServers("amqp://one:1/site")
