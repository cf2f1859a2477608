"""Each variable in deploy/ is a setting, each target sets what it must, and `check --deploy` has nothing to say."""

import secrets

import pytest

from project.environment import FILE_SUFFIX, Environment, parse, variables
from tests.support.service import ROOT, clean_environment
from tests.support.targets import environments
from tests.support.warm_python import run_warm

# Read by others than the settings: by Python, and by uvicorn for `manage.py serve`.
READ_BY_OTHERS = {"PYTHONUNBUFFERED", "FORWARDED_ALLOW_IPS"}
# Set by the image for every process.
IN_THE_IMAGE = {"EVERGREEN_STATE_DIR", "EVERGREEN_STATIC_ROOT"}
MUST_BE_SET = {
    "SECRET_KEY",
    "DATABASE_URL",
    "REDIS_URL",
    "CACHE_URL",
    "ALLOWED_HOSTS",
    "EVERGREEN_BASE_URL",
    "EVERGREEN_TRUSTED_ORIGINS",
    "EVERGREEN_SECURE_COOKIES",
    "EVERGREEN_HTTPS_ONLY",
    "EVERGREEN_HSTS_SECONDS",
    *IN_THE_IMAGE,
}
SECRETS = {"SECRET_KEY": secrets.token_urlsafe(48), "DATABASE_URL": "postgres://evergreen:word@127.0.0.1:1/evergreen"}
PROCESSES = dict(environments())

each_process = pytest.mark.parametrize("name", PROCESSES)


def test_every_target_has_every_role():
    for target in ("systemd evergreen-", "kubernetes staging ", "kubernetes production "):
        for role in ("web", "worker", "beat", "backup", "cleanup"):
            assert target + role in PROCESSES
    assert {"compose web1", "compose web2", "compose worker", "compose beat", "compose migrate"} <= set(PROCESSES)


@each_process
def test_each_variable_is_a_setting(name):
    assert set(PROCESSES[name]) - set(variables()) - READ_BY_OTHERS == set()


@each_process
def test_each_process_has_what_it_must_have(name):
    given = {variable.removesuffix(FILE_SUFFIX) for variable in PROCESSES[name]}
    image = set() if name.startswith("systemd") else IN_THE_IMAGE
    assert MUST_BE_SET - given - image == set()


@each_process
def test_the_values_are_right(name, tmp_path):
    settings = parse(with_secrets(PROCESSES[name], tmp_path))
    assert {each: getattr(settings, each) for each in SECRETS} == SECRETS
    assert settings.REDIS_URL != settings.CACHE_URL, "one Redis would evict the log, or refuse entries"
    assert settings.EVERGREEN_BASE_URL.removeprefix("https://") in settings.ALLOWED_HOSTS


def with_secrets(given: dict[str, str], folder) -> dict[str, str]:
    """The environment, with files for the secrets."""
    for name, value in SECRETS.items():
        (folder / name.lower()).write_text(value + "\n")
    return given | {f"{name}{FILE_SUFFIX}": str(folder / name.lower()) for name in SECRETS}


def test_processes_of_a_target_agree():
    """Pages and queues are shared: an address that differs would split the site."""
    for target in ("systemd", "compose", "kubernetes staging", "kubernetes production"):
        found = [values for name, values in PROCESSES.items() if name.startswith(target)]
        assert all(values == found[0] for values in found)


@pytest.mark.parametrize("target", ["systemd evergreen-web", "compose web1", "kubernetes production web"])
def test_the_check_before_a_start_is_silent(target, tmp_path, fresh_redis, postgres_server):
    """With a Redis and a database of the tests: the addresses of the targets lead nowhere here."""
    environment = with_secrets(PROCESSES[target], tmp_path) | {
        "EVERGREEN_STATE_DIR": str(tmp_path),
        "EVERGREEN_STATIC_ROOT": str(tmp_path / "static"),
        "REDIS_URL": fresh_redis,
        "CACHE_URL": fresh_redis,
    }
    (tmp_path / "database_url").write_text(postgres_server)
    rest = {name: value for name, value in clean_environment().items() if name not in Environment.model_fields}
    check = [ROOT / "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = run_warm(check, rest | environment, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "System check identified no issues" in done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
