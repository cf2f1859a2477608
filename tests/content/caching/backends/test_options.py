"""Each documented option holds for sync and async calls."""

import time

import pytest
import redis
import trustme
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tests.support.servers.process import free_port
from tests.support.servers.redis import running_redis


async def both(cache, key="key", value=1) -> None:
    """Each side writes, and the other one reads it."""
    cache.set(key, value)
    assert await cache.aget(key) == value
    await cache.aset(key, [value])
    assert cache.get(key) == [value]


# --- CONNECTION_POOL_KWARGS --------------------------------------------------------------------------


async def test_pool_kwargs_login_database_and_name(open_cache):
    with running_redis(password="open sesame") as server:
        pool = {"password": "open sesame", "db": 3, "client_name": "mine"}
        cache = open_cache(f"redis://127.0.0.1:{server.port}", CONNECTION_POOL_KWARGS=pool)
        await both(cache)
        with redis.Redis(port=server.port, db=3, password="open sesame") as client:
            assert client.dbsize() == 1
            names = [each["name"] for each in client.client_list() if each["db"] == "3" and each["name"]]
            assert names == ["mine", "mine"]
        assert [key async for key in cache.aiter_keys("*")] == ["key"]
        async with cache.alock("lock", timeout=5):
            assert not cache.lock("lock", timeout=5).acquire(blocking=False)


async def test_the_url_wins_over_pool_kwargs_which_win_over_options(open_cache):
    with running_redis(password="right") as server:
        address = f"127.0.0.1:{server.port}"
        await both(open_cache(f"redis://:right@{address}/0", CONNECTION_POOL_KWARGS={"password": "wrong", "db": 7}))
        await both(open_cache(f"redis://{address}/0", PASSWORD="wrong", CONNECTION_POOL_KWARGS={"password": "right"}))
        with redis.Redis(port=server.port, password="right") as client:
            assert client.info("keyspace").keys() == {"db0"}


async def test_pool_kwargs_timeouts(open_cache, own_redis):
    cache = open_cache(own_redis.url, SOCKET_TIMEOUT=None, CONNECTION_POOL_KWARGS={"socket_timeout": 0.2})
    await both(cache)
    with own_redis.client() as client:
        client.client_pause(30_000)
        for call in (lambda: cache.aget("key"), lambda: sync(cache.get, "key")):
            began = time.monotonic()
            with pytest.raises(RedisTimeoutError):
                await call()
            assert time.monotonic() - began < 10
        client.client_unpause()


async def sync(method, *arguments):
    return method(*arguments)


async def test_two_aliases_on_one_server_have_their_own_options(settings, own_redis):
    def alias(name):
        return {
            "BACKEND": "content.caching.backends.RedisCache",
            "LOCATION": own_redis.url,
            "OPTIONS": {"CONNECTION_POOL_KWARGS": {"client_name": name}},
        }

    settings.CACHES = {"default": alias("a"), "other": alias("b")}
    for name in ("default", "other"):
        await both(caches[name])
    with own_redis.client() as client:
        assert sorted(each["name"] for each in client.client_list() if each["name"]) == ["a", "a", "b", "b"]


async def test_without_a_serializer_nothing_is_pickled(settings, own_redis):
    settings.CACHES = {"default": {"BACKEND": "content.caching.backends.RedisCache", "LOCATION": own_redis.url}}
    with pytest.raises(TypeError):
        caches["default"].set("key", object())
    await both(caches["default"], value={"a": (1,)})


# --- TLS ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """A server that asks its clients for certificates, and the files."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    files = {name: str(folder / name) for name in ("ca.pem", "cert.pem", "key.pem", "client.pem", "client-key.pem")}
    authority.cert_pem.write_to_path(files["ca.pem"])
    for identity, certificate, key in (
        ("localhost", "cert.pem", "key.pem"),
        ("client@example.org", "client.pem", "client-key.pem"),
    ):
        issued = authority.issue_cert(identity)
        issued.cert_chain_pems[0].write_to_path(files[certificate])
        issued.private_key_pem.write_to_path(files[key])
    port = free_port()
    options = ["--tls-port", str(port), "--tls-cert-file", files["cert.pem"], "--tls-key-file", files["key.pem"]]
    with running_redis(*options, "--tls-ca-cert-file", files["ca.pem"], "--tls-auth-clients", "yes"):
        yield port, files


async def test_tls_options_of_the_pool(open_cache, tls):
    port, files = tls
    client = {"ssl_certfile": files["client.pem"], "ssl_keyfile": files["client-key.pem"]}
    trusting = client | {"ssl_ca_certs": files["ca.pem"]}
    await both(open_cache(f"rediss://localhost:{port}/0", CONNECTION_POOL_KWARGS=trusting))
    await both(open_cache(f"rediss://localhost:{port}/0", CONNECTION_POOL_KWARGS=client | {"ssl_cert_reqs": "none"}))
    await both(open_cache(f"rediss://localhost:{port}/0", CONNECTION_POOL_KWARGS=client | {"ssl_cert_reqs": None}))
    by_address = trusting | {"ssl_check_hostname": False}
    await both(open_cache(f"rediss://127.0.0.1:{port}/0", CONNECTION_POOL_KWARGS=by_address))


@pytest.mark.parametrize("lacks", ["a certificate", "the authority", "the right name"])
async def test_tls_options_that_do_not_fit_are_errors(open_cache, tls, lacks):
    port, files = tls
    client = {"ssl_certfile": files["client.pem"], "ssl_keyfile": files["client-key.pem"]}
    pool = {
        "a certificate": {"ssl_ca_certs": files["ca.pem"]},
        "the authority": client,
        "the right name": client | {"ssl_ca_certs": files["ca.pem"]},
    }[lacks]
    host = "127.0.0.1" if lacks == "the right name" else "localhost"
    cache = open_cache(f"rediss://{host}:{port}/0", CONNECTION_POOL_KWARGS=pool)
    with pytest.raises(RedisError):
        cache.get("key")
    with pytest.raises(RedisError):
        await cache.aget("key")


async def test_a_tls_option_that_async_calls_cannot_keep_is_an_error(open_cache, tls):
    cache = open_cache(f"rediss://localhost:{tls[0]}/0", CONNECTION_POOL_KWARGS={"ssl_validate_ocsp": True})
    with pytest.raises(ImproperlyConfigured, match="ssl_validate_ocsp"):
        await cache.aget("key")


# --- IGNORE_EXCEPTIONS -------------------------------------------------------------------------------

# Method, arguments, and the answer without Redis.
IGNORED = [
    ("get", ("key", "default"), "default"),
    ("get_many", (["a", "b"],), {}),
    ("set", ("key", 1), False),
    ("set_many", ({"a": 1, "b": 2},), ["a", "b"]),
    ("add", ("key", 1), False),
    ("touch", ("key",), False),
    ("delete", ("key",), False),
    ("delete_many", (["a"],), 0),
    ("has_key", ("key",), False),
    ("incr", ("key",), None),
    ("incr", ("key", 0.5), None),
    ("decr", ("key",), None),
    ("incr_version", ("key",), None),
    ("decr_version", ("key",), None),
    ("get_or_set", ("key", "made"), "made"),
    ("clear", (), None),
    ("ttl", ("key",), 0),
    ("pttl", ("key",), 0),
    ("expire", ("key", 5), False),
    ("persist", ("key",), False),
    ("delete_pattern", ("*",), 0),
]


@pytest.mark.parametrize(
    ("name", "arguments", "answer"), IGNORED, ids=lambda value: value if type(value) is str else ""
)
async def test_ignore_exceptions_in_every_call(open_cache, name, arguments, answer):
    cache = open_cache("redis://127.0.0.1:1/0", IGNORE_EXCEPTIONS=True, RETRIES=0)
    assert getattr(cache, name)(*arguments) == answer
    assert await getattr(cache, f"a{name}")(*arguments) == answer


async def test_ignore_exceptions_while_iterating(open_cache):
    cache = open_cache("redis://127.0.0.1:1/0", IGNORE_EXCEPTIONS=True, RETRIES=0)
    assert list(cache.iter_keys("*")) == []
    assert [key async for key in cache.aiter_keys("*")] == []
    raising = open_cache("redis://127.0.0.1:1/0", RETRIES=0)
    with pytest.raises(RedisError):
        list(raising.iter_keys("*"))
    with pytest.raises(RedisError):
        [key async for key in raising.aiter_keys("*")]


@pytest.mark.parametrize(
    ("name", "arguments", "answer"), IGNORED, ids=lambda value: value if type(value) is str else ""
)
async def test_without_it_every_call_raises(open_cache, name, arguments, answer):
    cache = open_cache("redis://127.0.0.1:1/0", RETRIES=0)
    with pytest.raises(RedisError):
        getattr(cache, name)(*arguments)
    with pytest.raises(RedisError):
        await getattr(cache, f"a{name}")(*arguments)
