"""Tries to log in are limited by address and by account; hashing is bounded, apart from readers."""

import os
import threading

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import check_password, make_password
from django.core.cache import cache
from django.test import Client

from content import limits
from content.caching.errors import Overloaded
from project import passwords
from tests.support.caches import redis_cache

pytestmark = pytest.mark.django_db(transaction=True)

LOGIN = "/admin/login/"
RIGHT = "a long enough secret"


@pytest.fixture(autouse=True)
def reset_counts():
    cache.clear()
    limits.local.times.clear()
    yield
    cache.clear()


@pytest.fixture
def boss():
    return get_user_model().objects.create_superuser("boss", password=RIGHT)


def log_in(client: Client, password: str = "wrong", *, name: str = "boss", address: str = "192.0.2.1"):
    return client.post(LOGIN, {"username": name, "password": password}, REMOTE_ADDR=address)


def test_after_many_wrong_passwords_the_right_one_is_refused_for_a_while(boss, client):
    for _ in range(10):
        assert log_in(client).status_code == 200
    response = log_in(client, RIGHT)
    assert response.status_code == 429
    assert 1 <= int(response["Retry-After"]) <= 60
    assert "Too many tries to log in. Wait" in response.text
    assert "sessionid" not in client.cookies


def test_one_account_is_limited_from_many_addresses(boss, client):
    statuses = [log_in(client, address=f"198.51.100.{number}").status_code for number in range(11)]
    assert statuses == [200] * 10 + [429]


def test_one_address_is_limited_for_many_accounts(client):
    statuses = [log_in(client, name=f"name-{number}").status_code for number in range(11)]
    assert statuses == [200] * 10 + [429]


def test_strangers_do_not_lock_out_the_owner_in_a_known_browser(boss, client):
    known = Client()
    assert log_in(known, RIGHT).status_code == 302
    known.get("/admin/")
    known.post("/admin/logout/")
    for number in range(11):
        log_in(client, address=f"198.51.100.{number}")
    assert log_in(client, RIGHT, address="198.51.100.99").status_code == 429
    assert log_in(known, RIGHT).status_code == 302
    device = known.cookies["evergreen_device"]
    assert (device["httponly"], device["path"]) == (True, LOGIN)


def test_a_forged_device_cookie_counts_for_the_account(boss, client):
    client.cookies["evergreen_device"] = "boss:made-up"
    for number in range(10):
        log_in(client, address=f"198.51.100.{number}")
    assert log_in(client, RIGHT, address="198.51.100.99").status_code == 429


def test_redis_shares_limits_between_processes(boss, client, settings, redis_server, fresh_redis):
    settings.CACHES = settings.CACHES | {"default": redis_cache(fresh_redis)}
    for _ in range(10):
        assert log_in(client).status_code == 200
    # Another process has counted nothing itself.
    limits.local.times.clear()
    assert log_in(client, RIGHT).status_code == 429


def test_with_redis_down_each_process_limits_and_nobody_gets_500(boss, client, settings):
    settings.CACHES = settings.CACHES | {"default": redis_cache("redis://127.0.0.1:1/0")}
    statuses = [log_in(client).status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]


# --- hashing ----------------------------------------------------------------------------------------------------


@pytest.fixture
def hasher(settings):
    settings.PASSWORD_HASHERS = ["project.passwords.PBKDF2PasswordHasher"]
    return passwords.PBKDF2PasswordHasher()


def test_hashes_are_those_of_django(hasher, settings):
    ours = make_password("secret")
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    assert check_password("secret", ours)
    theirs = make_password("secret")
    settings.PASSWORD_HASHERS = ["project.passwords.PBKDF2PasswordHasher"]
    assert check_password("secret", theirs)
    assert not check_password("other", theirs)


def test_hashes_run_one_at_a_time_with_low_priority_and_a_bounded_queue():
    thread, gate, begun = passwords.HashingThread(), threading.Event(), threading.Event()
    running: list[int] = []

    def work() -> str:
        running.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        begun.set()
        gate.wait(30)
        return "hash"

    callers = [threading.Thread(target=thread.run, args=(work,)) for _ in range(passwords.MAX_WAITING)]
    for caller in callers:
        caller.start()
    assert begun.wait(30)
    while thread._free._value:
        pass
    with pytest.raises(Overloaded):
        thread.run(work)
    assert len(running) == 1
    gate.set()
    for caller in callers:
        caller.join()
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert set(running) == {min(19, passwords.NICENESS)}
    assert ours < passwords.NICENESS
    assert thread.run(lambda: "free again") == "free again"


async def test_a_login_past_the_bound_gets_503_with_retry_after(hasher, async_client, monkeypatch):
    class Full:
        def run(self, work):
            raise Overloaded("full", passwords.RETRY_AFTER)

    monkeypatch.setattr(passwords, "hashing_thread", Full)
    response = await async_client.post(LOGIN, {"username": "nobody", "password": "x"})
    assert response.status_code == 503
    assert response["Retry-After"] == str(passwords.RETRY_AFTER)
