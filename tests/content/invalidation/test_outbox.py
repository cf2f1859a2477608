"""The site's outbox: no commit without its invalidation, whatever Redis does."""

import pytest
from django.core.cache import caches
from django.db import transaction

from content.caching.engines import engine_of, forget_engines
from content.caching.ordering.log import logs
from content.caching.watch import relay
from content.caching.watch.models import WatchedChange
from content.caching.watch.relay import relay_waiting
from tests.support.blog import make_post
from tests.support.servers.redis import running_redis
from tests.support.wait import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def cache_settings(url: str) -> dict:
    options = {"SERIALIZER": "content.caching.serializer.MessagePackSerializer", "SOCKET_TIMEOUT": 0.3}
    backend = "content.caching.backends.RedisCache"
    return {"default": {"BACKEND": backend, "LOCATION": url, "KEY_PREFIX": "outbox", "OPTIONS": options}}


@pytest.fixture(autouse=True)
def empty_outbox():
    """Drop rows of earlier tests, whose tables were emptied under their triggers."""
    WatchedChange.objects.all().delete()


@pytest.fixture
def server(settings):
    with running_redis() as running:
        settings.CACHES = cache_settings(running.url)
        yield running
        for log in logs.values():
            log.stop(wait=False)


def epochs() -> list[str]:
    return list(WatchedChange.objects.values_list("epoch", flat=True))


def test_rule_1_a_transaction_writes_its_row_and_appends_after_its_commit(server):
    with transaction.atomic():
        make_post("a")
        assert set(epochs()) == {""}
    assert set(epochs()) == {relay.current_epoch()}


def test_i7_what_the_log_refused_is_relayed_when_it_takes_again(server, monkeypatch):
    monkeypatch.setattr(relay, "WRITERS_TIME", relay.timedelta(0))
    with server.client() as client:
        engine_of("default")
        client.config_set("maxmemory", 1)
        with transaction.atomic():
            make_post("a")
        assert set(epochs()) == {""}
        assert relay_waiting() == 0
        client.config_set("maxmemory", 0)
    assert relay_waiting() > 0
    assert "" not in epochs()


def test_a_save_outside_of_a_transaction_is_kept_if_redis_is_down(settings):
    settings.CACHES = cache_settings("redis://127.0.0.1:1/0")
    forget_engines()
    make_post("a")
    assert set(epochs()) == {""}
    for log in logs.values():
        log.stop(wait=False)


def test_rule_12_what_went_to_an_epoch_that_is_gone_is_appended_again(server):
    with transaction.atomic():
        make_post("a")
    log = engine_of("default").ordering.log
    epoch = log.tag_index.epoch
    log.stream.drop_epoch()
    wait_until(lambda: log.tag_index.epoch not in ("", epoch), "another epoch was joined")
    assert relay_waiting() > 0
    assert all(epoch.startswith(relay.current_epoch()) for epoch in epochs())
    assert relay_waiting() == 0


def test_other_caches_keep_no_more_than_they_need(settings):
    caches["default"].clear()
    with transaction.atomic():
        make_post("a")
    assert set(epochs()) == {relay.current_epoch()}
