"""`check --deploy` knows our middleware: silent where all is well, and shows what applies."""

import os
import secrets
import stat
import subprocess
from pathlib import Path

import pytest

from project import deploy_checks
from project.own_redis import OwnRedis
from tests.support.warm_python import run_warm

ROOT = Path(__file__).parents[2]
PRODUCTION = {
    "ALLOWED_HOSTS": "example.org",
    "EVERGREEN_HTTPS_ONLY": "true",
    "EVERGREEN_SECURE_COOKIES": "true",
    "EVERGREEN_HSTS_SECONDS": "3600",
}


@pytest.fixture
def manage(tmp_path, fresh_redis):
    """Runs manage.py in a state folder of its own, with the usual umask; returns what it printed."""

    def run(*arguments: str, **environment: str) -> str:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("EVERGREEN", "DJANGO"))}
        own |= {
            "EVERGREEN_STATE_DIR": str(tmp_path),
            "REDIS_URL": fresh_redis,
            "SECRET_KEY": secrets.token_urlsafe(48),
        }
        done = run_warm([ROOT / "manage.py", *arguments], own | environment)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return run


def test_production_settings_are_silent(manage):
    assert "System check identified no issues (2 silenced)." in manage("check", "--deploy", **PRODUCTION)


def test_warnings_that_apply_are_shown(manage):
    """Django skips these where it does not find its middleware."""
    printed = manage("check", "--deploy", ALLOWED_HOSTS="example.org")
    shown = {word.strip("():") for word in printed.split() if "security." in word}
    assert shown == {"security.W004", "security.W008", "security.W012", "security.W016"}


def test_missing_middleware_is_reported(settings):
    lookups = [middleware for _, _, middleware in deploy_checks.LOOKUPS]
    assert all(map(deploy_checks.is_installed, lookups))
    settings.MIDDLEWARE = ["project.middleware.Common"]
    assert not any(map(deploy_checks.is_installed, lookups))


def test_django_still_looks_up_its_middleware_by_these_names():
    for module, name, middleware in deploy_checks.LOOKUPS:
        assert getattr(module, name).args == (middleware,)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_its_owner_can_read_the_database(manage, tmp_path):
    manage("migrate", "--verbosity", "0")
    files = list(tmp_path.glob("evergreen.sqlite3*"))
    assert files
    assert {mode(file) for file in files} == {0o600}
    files[0].chmod(0o644)
    manage("showmigrations")
    assert mode(files[0]) == 0o600


def test_only_their_owner_can_read_dumps_of_redis(tmp_path):
    place = OwnRedis(tmp_path)
    place.data.mkdir()
    old = place.data / "dump.rdb"
    old.touch(0o644)
    command = [*place.command()[:3], "touch", str(place.data / "new")]
    try:
        subprocess.run(command, check=True, umask=0o022)
        assert mode(place.data / "new") == mode(old) == 0o600
    finally:
        place.remove()
