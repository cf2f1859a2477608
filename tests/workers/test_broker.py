"""A queue with malformed messages and keys: the worker goes on, and does its tasks."""

import pytest
from kombu import Connection

from project.setting_types import check_broker
from tests.support.servers.redis import RedisServer, running_redis
from tests.support.wait import wait_until
from tests.support.worker import QUEUE, Worker, running_worker
from workers.broker import TYPES, Transport, heal, install

MESSAGE = (
    b'{"body": "e30=", "content-type": "%s", "headers": {"task": "x"}, "properties": {"body_encoding": "base64", '
    b'"delivery_tag": "tag", "delivery_info": {"exchange": "", "routing_key": "celery"}}}'
)
HOSTILE = {
    "bytes": b"\xff\xfe",
    "object": b"{}",
    "list": b"[]",
    "number": b"9" * 400,
    "nested": b"[" * 100_000,
    "no properties": b'{"body": 1, "headers": {}}',
    "pickle": MESSAGE % b"application/x-python-serialize",
    "no list of arguments": MESSAGE % b"application/json",
}


@pytest.fixture(scope="module")
def server():
    with running_redis() as running:
        yield running


@pytest.fixture(scope="module")
def worker(server, tmp_path_factory):
    """One process for all tests: it must survive each message."""
    with running_worker(server, tmp_path_factory.mktemp("worker")) as running:
        running.finish()
        yield running


@pytest.mark.parametrize("name", HOSTILE)
def test_a_message_that_is_no_task_does_not_stop_the_worker(worker: Worker, server: RedisServer, name):
    with server.client() as client:
        client.lpush(f"{QUEUE}celery", HOSTILE[name])
    does_a_task(worker)


@pytest.mark.parametrize("name", ["unacked", "unacked_index", "celery"])
def test_a_key_of_the_wrong_type_is_deleted_and_the_worker_goes_on(worker: Worker, server: RedisServer, name):
    with server.client() as client:
        client.delete(QUEUE + name)
        client.set(QUEUE + name, b"\xff alien")
        # Where nothing touches the key, it does no harm: a task touches it.
        wait_until(lambda: can_send(worker) and client.type(QUEUE + name) != b"string", f"{name} is healed", 30)
    does_a_task(worker)


def can_send(worker: Worker) -> bool:
    try:
        worker.send("warm", ["site"], ["/"], None, False)
    except Exception:
        return False
    return True


def does_a_task(worker: Worker) -> None:
    worker.send("warm", ["site"], ["/"], None, False)
    worker.finish()
    assert worker.process.poll() is None


def test_heal_deletes_unreadable_keys_and_logs_once(fresh_redis, redis_server, caplog):
    with redis_server.client() as client:
        for name in TYPES:
            client.set(f"q:{name}", b"alien")
        client.set("q:other", "stays")
        heal(client, "q:")
        assert client.keys("q:*") == [b"q:other"]
        [line] = caplog.messages
        assert "unacked_index" in line
        heal(client, "q:")
        assert len(caplog.messages) == 1


def test_heal_keeps_keys_that_kombu_wrote(fresh_redis, redis_server, caplog):
    with redis_server.client() as client:
        client.sadd("q:_kombu.binding.celery", b"celery\x06\x16\x06\x16celery")
        client.sadd("q:_kombu.binding_permanent.celery", b"celery")
        client.hset("q:unacked", "tag", "message")
        client.zadd("q:unacked_index", {"tag": 1})
        client.rpush("q:celery", "message")
        client.set("q:unacked_mutex", "owner", ex=300)
        before = sorted(client.keys("q:*"))
        heal(client, "q:")
        assert sorted(client.keys("q:*")) == before
        assert not caplog.messages


@pytest.mark.parametrize("member", [b"\xff", b"no separator", b"a\x06\x16b"])
def test_heal_deletes_bindings_with_a_malformed_member(fresh_redis, redis_server, member):
    with redis_server.client() as client:
        client.sadd("q:_kombu.binding.celery", b"celery\x06\x16\x06\x16celery", member)
        heal(client, "q:")
        assert not client.exists("q:_kombu.binding.celery")


def test_heal_deletes_a_lock_without_a_timeout(fresh_redis, redis_server):
    with redis_server.client() as client:
        client.set("q:unacked_mutex", "owner")
        heal(client, "q:")
        assert not client.exists("q:unacked_mutex")


@pytest.mark.parametrize("url", ["redis://host/0", "rediss://host/0", "redis+socket:///run/redis.sock"])
def test_each_redis_url_that_is_accepted_has_this_transport(url):
    check_broker(url)
    install()
    assert Connection(url).get_transport_cls() is Transport
