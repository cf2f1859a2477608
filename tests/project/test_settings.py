"""Settings come from the environment, and .env.example lists each."""

import ast
import json
import subprocess
import sys

import pytest
from dotenv import dotenv_values

from project.edge import site_profile
from project.environment import Environment
from tests.support.service import ROOT, clean_environment
from tests.support.settings_reader import running_settings_reader


@pytest.fixture(scope="module")
def settings_with():
    """Reads the settings in a separate process with this environment."""
    with running_settings_reader() as running:
        yield running.read


@pytest.fixture
def caches_with(settings_with, tmp_path):
    def caches(**environment: str) -> dict[str, dict]:
        process = settings_with(tmp_path, environment)
        assert process.returncode == 0, process.stderr
        return ast.literal_eval(json.loads(process.stdout)["CACHES"])

    return caches


def test_the_example_lists_every_variable_and_no_other():
    assert set(dotenv_values(ROOT / ".env.example")) == set(Environment.model_fields)


def test_the_values_of_the_example_are_the_defaults(settings_with, tmp_path):
    example = {name: value or "" for name, value in dotenv_values(ROOT / ".env.example").items()}
    del example["EVERGREEN_STATE_DIR"], example["EVERGREEN_STATIC_ROOT"]
    with_it, without = settings_with(tmp_path, example), settings_with(tmp_path, {})
    assert json.loads(with_it.stdout) == json.loads(without.stdout), with_it.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "perhaps"),
        ("EVERGREEN_REDIS_TIMEOUT", "soon"),
        ("EVERGREEN_REDIS_CONNECTIONS", "many"),
        ("CACHE_URL", "ftp://cache"),
        ("EVERGREEN_BASE_URL", "example.org"),
        ("EVERGREEN_BASE_URL", "https://example.org/blog"),
        ("EVERGREEN_BASE_URL", "https://[example"),
    ],
)
def test_an_invalid_value_is_refused_with_the_name_of_its_variable(settings_with, tmp_path, name, value):
    process = settings_with(tmp_path, {name: value})
    assert process.returncode != 0
    assert name in process.stderr.splitlines()[-1]


def test_the_secret_key_is_created_once_and_only_its_owner_can_read_it(settings_with, tmp_path):
    first, second = (json.loads(settings_with(tmp_path, {}).stdout)["SECRET_KEY"] for _ in range(2))
    assert first == second
    assert len(first) >= 50
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("environment", "backend", "location", "log"),
    [
        ({"REDIS_URL": "redis://one:1/0"}, "RedisCache", "redis://one:1/0", "redis://one:1/0"),
        ({"CACHE_URL": "redis://two:2/0"}, "RedisCache", "redis://two:2/0", None),
        (
            {"REDIS_URL": "redis://one:1/0", "CACHE_URL": "redis+cluster://two:2"},
            "RedisCache",
            "redis://two:2",
            "redis://one:1/0",
        ),
        ({"CACHE_URL": "memcached://one,two:5"}, "MemcachedCache", ["one:11211", "two:5"], None),
        ({"CACHE_URL": "memcached:///run/memcached.sock"}, "MemcachedCache", ["unix:/run/memcached.sock"], None),
        ({"CACHE_URL": "locmem://here"}, "LocMemCache", "here", None),
    ],
)
def test_a_url_selects_the_cache_and_its_log(settings_with, tmp_path, environment, backend, location, log):
    process = settings_with(tmp_path, environment)
    cache = ast.literal_eval(json.loads(process.stdout)["CACHES"])["default"]
    assert cache["BACKEND"].rpartition(".")[2] == backend
    assert cache["LOCATION"] == location
    assert cache["OPTIONS"].get("LOG") == log


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://example.org", "https://example.org"),
        ("https://example.org:8443", "https://example.org"),
        ("http://[::1]:8000", "http://[::1]"),
    ],
)
def test_pages_are_warmed_under_the_host_that_their_keys_have(settings_with, tmp_path, url, origin):
    """With a base URL keys of pages have no port."""
    process = settings_with(tmp_path, {"EVERGREEN_BASE_URL": url})
    assert ast.literal_eval(json.loads(process.stdout)["WARM_ORIGINS"]) == [origin]


def test_sessions_have_a_cache_of_their_own(caches_with):
    caches = caches_with(CACHE_URL="memcached://one")
    assert caches["sessions"]["LOCATION"] == caches["default"]["LOCATION"] == ["one:11211"]
    assert caches["sessions"]["KEY_PREFIX"] != caches["default"]["KEY_PREFIX"]
    apart = caches_with(CACHE_URL="memcached://one", EVERGREEN_SESSIONS_CACHE_URL="redis://two:2/0")
    assert (apart["default"]["LOCATION"], apart["sessions"]["LOCATION"]) == (["one:11211"], "redis://two:2/0")


@pytest.mark.parametrize(
    ("environment", "log"),
    [
        ({"REDIS_URL": "redis://one:1/0"}, "redis://one:1/0"),
        ({"CACHE_URL": "redis://two:2/0"}, "redis://two:2/0"),
        ({"REDIS_URL": "redis://one:1/0", "CACHE_URL": "memcached://two"}, "redis://one:1/0"),
        ({"CACHE_URL": "memcached://two"}, None),
    ],
)
def test_the_local_cache_reads_the_log_of_the_default_cache(caches_with, environment, log):
    caches = caches_with(**environment)
    assert caches["local"]["BACKEND"].endswith("LocMemCache")
    assert caches["local"]["OPTIONS"].get("LOG") == log
    assert caches["local"]["KEY_PREFIX"] == caches["default"]["KEY_PREFIX"]


def test_more_caches_by_one_setting(caches_with):
    caches = caches_with(EVERGREEN_CACHES="pages=memcached://one,two counts=locmem://counts")
    assert caches["pages"]["LOCATION"] == ["one:11211", "two:11211"]
    assert caches["counts"]["LOCATION"] == "counts"
    assert len({cache["KEY_PREFIX"] for cache in caches.values()}) == 4


@pytest.mark.parametrize(
    "value", ["pages", "=locmem://a", "default=locmem://a", "a=locmem://a a=locmem://b", "a=ftp://b"]
)
def test_an_invalid_cache_is_refused(settings_with, tmp_path, value):
    process = settings_with(tmp_path, {"EVERGREEN_CACHES": value})
    assert process.returncode != 0
    assert "EVERGREEN_CACHES" in process.stderr.splitlines()[-1]


REDIS = {"REDIS_URL": "redis://one:1/0"}


@pytest.mark.parametrize(
    "url",
    [
        "varnish://one:6081",
        "varnish://one:6081,[::1]:6082",
        "fastly://SU1Z0isxPaozGVKXdv0eY",
        "cloudflare://023e105f",
    ],
)
def test_a_url_selects_the_cdn(settings_with, tmp_path, url):
    process = settings_with(tmp_path, REDIS | {"EVERGREEN_CDN": url, "EVERGREEN_CDN_TOKEN": "token"})
    assert json.loads(process.stdout)["CDN_URL"] == url


@pytest.mark.parametrize(
    ("environment", "variable"),
    [
        ({"EVERGREEN_CDN": "varnish://one"}, "EVERGREEN_CDN"),
        ({"EVERGREEN_CDN": "akamai://one"}, "EVERGREEN_CDN"),
        ({"EVERGREEN_CDN": "fastly://secret@service"}, "EVERGREEN_CDN"),
        ({"EVERGREEN_CDN": "cloudflare://zone/secret"}, "EVERGREEN_CDN"),
        ({"EVERGREEN_CDN": "fastly://service"}, "EVERGREEN_CDN_TOKEN"),
        ({"EVERGREEN_CDN": "varnish://one:1", "REDIS_URL": "", "CACHE_URL": "locmem://here"}, "EVERGREEN_CDN"),
    ],
)
def test_an_invalid_cdn_is_refused_without_its_secret(settings_with, tmp_path, environment, variable):
    process = settings_with(tmp_path, REDIS | environment)
    assert process.returncode != 0
    assert variable in process.stderr.splitlines()[-1]
    assert "secret" not in process.stderr.splitlines()[-1]


def test_each_cdn_has_its_own_header_fields(settings):
    settings.CDN_URL, settings.CDN_TAGS = "", False
    assert site_profile().cdn is None
    settings.CDN_TAGS = True
    assert (site_profile().cdn.tags, site_profile().cdn.purges) == (b"cache-tag", False)
    settings.CDN_URL = "varnish://one:1"
    assert (site_profile().cdn.tags, site_profile().cdn.purges) == (b"xkey", True)


CHAIN = """
import os, pathlib, sys
from project.environment import read_environment
read_environment(pathlib.Path(sys.argv[1]))
print(os.environ.get("ALLOWED_HOSTS"), os.environ.get("REDIS_URL"), os.environ.get("SECRET_KEY"))
if len(sys.argv) > 2:
    pathlib.Path(sys.argv[1]).write_text(sys.argv[2])
    os.environ["REDIS_URL"] = "redis://c"
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-c", os.environ["CHAIN"], sys.argv[1]])
"""


@pytest.mark.parametrize(
    ("environment", "after"),
    [
        ({"SECRET_KEY": "mine"}, "two redis://c mine"),
        pytest.param({}, "two redis://c None", marks=pytest.mark.slow),
        ({"EVERGREEN_UP": "1"}, None),
    ],
)
def test_a_process_that_inherits_variables_of_a_file_reads_the_file_again(tmp_path, environment, after):
    """A changed line changes, a removed one goes; what the environment had, and what was set since, stays."""
    file = tmp_path / ".env"
    file.write_text("ALLOWED_HOSTS=one\nREDIS_URL=redis://a\nSECRET_KEY=file\n")
    process = subprocess.run(
        [sys.executable, "-c", CHAIN, str(file), "ALLOWED_HOSTS=two\nREDIS_URL=redis://b\n"],
        env=clean_environment() | {"CHAIN": CHAIN} | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = process.stdout.splitlines()
    if after is None:
        assert (first, second) == ("None None None", "None redis://c None")
        return
    assert first == f"one redis://a {environment.get('SECRET_KEY', 'file')}"
    assert second == after
