"""The outbox: no commit without its invalidation, whoever dies and whatever Redis does."""

import multiprocessing
import os
from datetime import timedelta

import pytest
from django.core.cache import caches
from django.db import connections, transaction
from django.utils import timezone

from content.caching.engines import engine_of, forget_engines
from content.caching.ordering.log import logs
from content.invalidation import outbox
from content.invalidation.outbox import relay
from content.models import PendingInvalidation, Post
from tests.support.blog import make_post
from tests.support.servers.process import wait_until
from tests.support.servers.redis import running_redis

pytestmark = pytest.mark.django_db(transaction=True)

fork = multiprocessing.get_context("fork")


def cached_in(url: str) -> dict:
    options = {"SERIALIZER": "content.caching.serializer.MessagePackSerializer", "SOCKET_TIMEOUT": 0.3}
    backend = "content.caching.backends.RedisCache"
    return {"default": {"BACKEND": backend, "LOCATION": url, "KEY_PREFIX": "outbox", "OPTIONS": options}}


@pytest.fixture
def server(settings):
    with running_redis() as running:
        settings.CACHES = cached_in(running.url)
        yield running
        for log in logs.values():
            log.stop(wait=False)


def rows() -> list[str]:
    return list(PendingInvalidation.objects.values_list("epoch", flat=True))


def later() -> "timezone.datetime":
    return timezone.now() + timedelta(seconds=2)


def test_rule_1_a_transaction_writes_its_row_and_appends_after_its_commit(server):
    with transaction.atomic():
        make_post("a")
        assert set(rows()) == {""}
    assert set(rows()) == {engine_of("default").ordering.tag_index.epoch}


def test_what_is_rolled_back_leaves_nothing(server):
    def write_and_fail() -> None:
        with transaction.atomic():
            make_post("a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert rows() == []


def write_and_die() -> None:
    connections.close_all()
    outbox.deliver.__globals__["invalidate_sync"] = lambda *args, **kwargs: os._exit(9)
    with transaction.atomic():
        Post.objects.filter(slug="a").update(title="Changed")
        outbox.write_down(["post:1"])
        transaction.on_commit(lambda: outbox.deliver(PendingInvalidation.objects.get()))


def test_i7_a_writer_that_dies_behind_its_commit_is_relayed(server):
    make_post("a")
    PendingInvalidation.objects.all().delete()
    tag_index = engine_of("default").ordering.tag_index
    stamp = tag_index.stamp()
    connections.close_all()
    writer = fork.Process(target=write_and_die)
    writer.start()
    writer.join()
    assert writer.exitcode == 9
    assert Post.objects.get().title == "Changed"
    assert tag_index.judge(stamp, ["post:1"]).value == "valid", "nobody knows yet"
    assert relay(later()) == 1
    assert tag_index.judge(stamp, ["post:1"]).value == "invalid"
    assert relay(later()) == 0


def test_i7_what_the_log_refused_is_relayed_when_it_takes_again(server):
    with server.client() as client:
        engine_of("default")
        client.config_set("maxmemory", 1)
        with transaction.atomic():
            make_post("a")
        assert set(rows()) == {""}
        assert relay(later()) == 0
        client.config_set("maxmemory", 0)
    assert relay(later()) > 0
    assert "" not in rows()


def test_a_save_outside_of_a_transaction_is_kept_if_redis_is_away(settings):
    settings.CACHES = cached_in("redis://127.0.0.1:1/0")
    forget_engines()
    make_post("a")
    assert set(rows()) == {""}
    for log in logs.values():
        log.stop(wait=False)


def test_rule_12_what_went_to_an_epoch_that_is_gone_is_appended_again(server):
    with transaction.atomic():
        make_post("a")
    log = engine_of("default").ordering.log
    epoch = log.tag_index.epoch
    log.stream.drop_epoch()
    wait_until(lambda: log.tag_index.epoch not in ("", epoch), "another epoch was joined")
    assert relay() > 0
    assert set(rows()) == {log.tag_index.epoch}
    assert relay() == 0


def test_what_is_long_done_is_forgotten(server):
    with transaction.atomic():
        make_post("a")
    relay(timezone.now() + timedelta(minutes=11))
    assert rows() == []


def test_other_caches_keep_no_more_than_they_need(settings):
    caches["default"].clear()
    with transaction.atomic():
        make_post("a")
    assert set(rows()) == {"counters"}
