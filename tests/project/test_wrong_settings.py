"""Wrong settings: all at once, one line each, with the name, the value without secrets, and the allowed values."""

import os
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from project.environment import Environment, parse
from project.wrong_settings import WrongSettings, unknown_settings, without_secrets
from tests.support.service import ROOT, clean_environment
from tests.support.warm_python import run_warm

WRONG = [
    ("DEBUG", "maybe", "true or false"),
    ("EVERGREEN_EDGE", "perhaps", "true or false"),
    ("ALLOWED_HOSTS", "https://example.org", "host names"),
    ("ALLOWED_HOSTS", "example.org:8000", "host names"),
    ("DATABASE_URL", "garbage", "postgres://"),
    ("DATABASE_URL", "mysql://host/name", "postgres://"),
    ("DATABASE_URL", "postgres://host:70000/name", "postgres://"),
    ("DATABASE_URL", "postgres://host", "with the database's name"),
    ("REDIS_URL", "garbage", "redis://"),
    ("REDIS_URL", "redis://host:port/0", "port from 1 to 65535"),
    ("REDIS_URL", "redis://host:0/0", "port from 1 to 65535"),
    ("REDIS_URL", "redis://host:6379/zero", "number of a database"),
    ("REDIS_URL", "unix://", "the socket's path"),
    ("CACHE_URL", "ftp://host", "memcached://"),
    ("CACHE_URL", "redis+sentinel://host:26379", "names no service"),
    ("CACHE_URL", "memcached://host:port", "memcached://host:11211"),
    ("EVERGREEN_CACHES", "pages", "name=url"),
    ("EVERGREEN_CACHES", "pages=ftp://host", "memcached://"),
    ("CELERY_BROKER_URL", "garbage", "amqp://"),
    ("CELERY_BROKER_URL", "sentinel://host:26379", "redis+sentinel://"),
    ("CELERY_BROKER_URL", "redis+sentinel://host:26379", "names no service"),
    ("EVERGREEN_LOG_URL", "memcached://host:11211", "redis+cluster://"),
    ("EVERGREEN_LOG_URL", "redis+cluster://host:port", "port from 1 to 65535"),
    ("REDIS_URL", "redis+sentinel://host:26379", "names no service"),
    ("REDIS_URL", "redis+cluster://host:6379", "redis+sentinel://host:26379/service/0"),
    ("EVERGREEN_SESSIONS_CACHE_URL", "garbage", "locmem://"),
    ("EVERGREEN_CACHE_PREFIX", "two words", "letters"),
    ("EVERGREEN_MEMORY", "0", "a whole number from 1 to"),
    ("EVERGREEN_MEMORY", "64MB", "a whole number from 1 to"),
    ("EVERGREEN_REDIS_CONNECTIONS", "many", "a whole number from 1 to"),
    ("EVERGREEN_REDIS_TIMEOUT", "soon", "a number from 0.001 to 60"),
    ("EVERGREEN_REDIS_TIMEOUT", "nan", "a number from 0.001 to 60"),
    ("EVERGREEN_REDIS_TIMEOUT", "-1", "a number from 0.001 to 60"),
    ("EVERGREEN_COMMENTS_A_MINUTE", "1001", "a whole number from 1 to 1000"),
    ("EVERGREEN_HSTS_SECONDS", "1 year", "a whole number from 0 to"),
    ("LOG_FORMAT", "xml", "text or json"),
    ("EVERGREEN_LOG_LEVEL", "loud", "DEBUG, INFO, WARNING or ERROR"),
    ("EVERGREEN_RELEASE", "x" * 65, "1 to 64 printable characters"),
    ("EVERGREEN_RELEASE", "two\nlines", "1 to 64 printable characters"),
    ("EVERGREEN_TIME_ZONE", "Mars/Base", "Europe/Vienna"),
    ("EVERGREEN_TIME_ZONE", "../../etc/passwd", "Europe/Vienna"),
    ("EVERGREEN_SESSION_ENGINE", "nowhere.sessions", "project.sessions"),
    ("EVERGREEN_TRUSTED_ORIGINS", "example.org", "https://example.org"),
    ("EVERGREEN_WARM_ORIGINS", "https://example.org/blog", "https://example.org"),
    ("EVERGREEN_BASE_URL", "https://example.org:port", "https://example.org"),
    ("EVERGREEN_IGNORED_PARAMETERS", "(", "regular expressions"),
]


def mistakes_of(**values: str) -> list[str]:
    with pytest.raises(WrongSettings) as caught:
        parse(values)
    return caught.value.mistakes


@pytest.mark.parametrize(("name", "value", "allowed"), WRONG)
def test_a_mistake_is_one_line_with_name_value_and_what_is_allowed(name, value, allowed):
    [line] = mistakes_of(**{name: value})
    assert line.startswith(f"{name} is ")
    assert "Allowed: " in line
    assert allowed in line.partition("Allowed: ")[2]
    assert "\n" not in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "redis://user:hidden@host:port/0"),
        ("REDIS_URL", "redis://host:port/0?password=hidden"),
        ("DATABASE_URL", "postgres://user:hidden"),
        ("DATABASE_URL", "postgres:/user:hidden@host/name"),
        ("CACHE_URL", "ftp://hidden@host"),
        ("EVERGREEN_CACHES", "a=redis://:hidden@host b=ftp://x:hidden@host"),
        ("EVERGREEN_CDN", "fastly://hidden@service"),
    ],
)
def test_no_secret_is_printed(name, value):
    [line] = mistakes_of(**{name: value})
    assert "hidden" not in line


def test_public_parts_of_a_url_stay_readable():
    url = "redis+sentinel://user:pass@one:26379,[::1]:2/service/0?db=1"
    assert without_secrets(url) == "redis+sentinel://***@one:26379,[::1]:2/service/0?***"


@given(st.sampled_from(sorted(Environment.model_fields)), st.text(st.characters(codec="utf-8"), max_size=60))
def test_any_text_is_accepted_or_refused_in_one_line(name, text):
    try:
        parse({name: text})
    except WrongSettings as error:
        [line] = error.mistakes
        assert line.isprintable(), line


def test_a_warning_for_an_unknown_name_has_the_nearest_one():
    known = Environment.model_fields
    [warning] = unknown_settings(["EVERGREEN_MEMROY", "EVERGREEN_MEMORY", "EVERGREEN_UP", "HOME"], known)
    assert "EVERGREEN_MEMROY" in warning
    assert "EVERGREEN_MEMORY" in warning.partition("nearest")[2]


@pytest.mark.parametrize(
    "command",
    [
        ["manage.py", "up"],
        ["-m", "celery", "-A", "workers", "worker"],
        *(pytest.param(["manage.py", each], marks=pytest.mark.slow) for each in ("serve", "migrate", "check")),
    ],
    ids=" ".join,
)
def test_each_command_prints_all_mistakes_and_no_traceback(tmp_path, command):
    """The eleven settings that operators got wrong in a trial."""
    eleven = {name: value for name, value, _ in reversed(WRONG)}
    eleven = {name: eleven[name] for name in list(eleven)[-11:]}
    process = run(tmp_path, command, eleven)
    assert process.returncode == 1
    assert "Traceback" not in process.stderr
    head, *lines = process.stderr.splitlines()
    assert head.startswith("11 settings are wrong")
    assert {line.split()[0] for line in lines} == set(eleven)


def test_an_unusable_state_folder_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    process = run(tmp_path, ["manage.py", "migrate"], {"EVERGREEN_STATE_DIR": str(tmp_path / "file" / "state")})
    assert process.returncode == 1
    _, line = process.stderr.splitlines()
    assert "EVERGREEN_STATE_DIR" in line
    assert "Not a directory" in line


def test_a_misspelt_setting_is_one_warning_in_the_log(tmp_path):
    process = run(tmp_path, ["manage.py", "check"], {"EVERGREEN_MEMROY": "8", "SECRET_KEY": "x" * 50})
    assert process.returncode == 0
    [line] = [line for line in process.stderr.splitlines() if "EVERGREEN_MEMROY" in line]
    assert " WARNING project.settings: " in line


def run(tmp_path, command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess:
    rest = {name: value for name, value in clean_environment().items() if name not in Environment.model_fields}
    rest |= {"EVERGREEN_STATE_DIR": str(tmp_path), "PYTHONPATH": os.fspath(ROOT)}
    return run_warm(command, rest | environment)
