"""`manage.py doctor` on whole installations: exit status, bounds; it neither writes nor tells secrets."""

import json
import os
import socket
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.databases import fresh_postgres
from tests.support.servers.redis import running_redis
from tests.support.service import ROOT, clean_environment, collect_static, manage_each
from tests.support.warm_python import run_warm

KEY = "a-key-of-the-tests-" + "0123456789abcdef" * 3
PASSWORD = "hunter2-of-redis"
# In the secrets of the test that has many.
WORDS = ("wrong-pass", "another-pass", "of-database", "in-query", "of-mail", "key-of-errors", "an-older-key")
PRODUCTION = {
    "SECRET_KEY": KEY,
    "ALLOWED_HOSTS": "127.0.0.1",
    "EVERGREEN_BASE_URL": "http://127.0.0.1",
    "EVERGREEN_HTTPS_ONLY": "true",
    "EVERGREEN_SECURE_COOKIES": "true",
    "EVERGREEN_HSTS_SECONDS": "3600",
}


SPOILT = """
DROP TRIGGER post_search_update;
DELETE FROM django_migrations WHERE app = 'content' AND name LIKE '0016%';
INSERT INTO django_migrations(app, name, applied) VALUES ('content', '9999_newer', '2030-01-01');
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The state folder of an installation, with one Redis that has a password and an append-only file."""
    folder = tmp_path_factory.mktemp("installation")
    options = ("--appendonly", "yes", "--maxmemory", "64mb", "--maxmemory-policy", "volatile-lru")
    with running_redis(*options, password=PASSWORD) as redis:
        environment = clean_environment() | PRODUCTION
        environment |= {"EVERGREEN_STATE_DIR": str(folder), "REDIS_URL": redis.url}
        collect_static()
        manage_each(environment, ["migrate", "--verbosity", "0"], ["first_admin"])
        yield environment


def run_doctor(environment: dict[str, str], *options: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return run_warm([ROOT / "manage.py", "doctor", *options], environment, cwd)


def by_category(done: subprocess.CompletedProcess[str]) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for finding in json.loads(done.stdout)["findings"]:
        found.setdefault(finding["category"], []).append(finding)
    return found


def statuses(findings: list[dict[str, str]]) -> set[str]:
    return {finding["status"] for finding in findings}


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    # A reader of SQLite's write-ahead log makes shared memory beside it.
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-shm", "-wal"))]
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in files}


def test_a_prepared_installation_lacks_only_what_does_not_run(prepared):
    before = snapshot(Path(prepared["EVERGREEN_STATE_DIR"]))
    done = run_doctor(prepared, "--json")
    found = by_category(done)
    assert done.returncode == 2, done.stdout
    for well in ("settings", "secrets", "python", "database", "redis", "clock", "disk", "files"):
        assert statuses(found[well]) <= {"ok", "warning" if well == "disk" else "ok"}, found[well]
    assert "error" in statuses(found["workers"])
    assert statuses(found["backups"]) == statuses(found["mail"]) == {"warning"}
    assert snapshot(Path(prepared["EVERGREEN_STATE_DIR"])) == before


def test_it_prints_what_was_found_what_it_means_and_what_to_do(prepared):
    """The exit status is that of the worst finding: here a warning."""
    done = run_doctor(prepared, "--category", "mail", "--category", "secrets")
    assert done.returncode == 1
    assert "ok      secrets: Only this user can read the files with secrets." in done.stdout
    assert "warning mail: EVERGREEN_EMAIL_URL is empty" in done.stdout
    assert "        means: Nobody gets a link for a new password" in done.stdout
    assert "        do: Set it to the URL of a mail server" in done.stdout


def test_no_secret_is_printed_whatever_is_wrong(prepared):
    """A wrong password, a database that refuses one, a mail server with one: errors quote what they were given."""
    secrets = {
        "REDIS_URL": prepared["REDIS_URL"].replace(PASSWORD, "wrong-password"),
        "CACHE_URL": "redis://user:another-password@127.0.0.1:1/0",
        "DATABASE_URL": "postgres://user:password-of-database@127.0.0.1:1/name?sslpassword=password-in-query",
        "EVERGREEN_EMAIL_URL": "smtp://user:password-of-mail@127.0.0.1:1",
        "EVERGREEN_SENTRY_DSN": "https://key-of-errors@127.0.0.1:1/1",
        "EVERGREEN_SECRET_KEY_FALLBACKS": "an-older-key-of-the-tests",
    }
    done = run_doctor(prepared | secrets, "--seconds", "6")
    assert done.returncode == 2
    assert [word for word in (*WORDS, KEY) if word in done.stdout + done.stderr] == []
    for category in ("redis", "database", "mail"):
        assert f"error   {category}" in done.stdout


def test_wrong_settings_are_errors_too(prepared):
    done = run_doctor(prepared | {"EVERGREEN_MEMORY": "much"})
    assert (done.returncode, "EVERGREEN_MEMORY is 'much'" in done.stderr) == (2, True)


def test_servers_that_hang_cost_their_bound_and_nothing_else(prepared):
    """Both accept connections and never answer."""
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        port = hanging.getsockname()[1]
        began = time.monotonic()
        run_doctor(prepared, "--category", "python")
        start = time.monotonic() - began
        began = time.monotonic()
        done = run_doctor(
            prepared
            | {"REDIS_URL": f"redis://127.0.0.1:{port}/0", "DATABASE_URL": f"postgres://me@127.0.0.1:{port}/name"},
            "--json",
            "--seconds",
            "5",
        )
        took = time.monotonic() - began
    found = by_category(done)
    assert done.returncode == 2
    assert "error" in statuses(found["database"]) & statuses(found["redis"])
    assert statuses(found["python"]) == {"ok"}
    # A start and five seconds, not those of each check. A busy machine starts slowly.
    assert took < 3 * start + 10


def test_a_database_without_migrations_and_triggers_is_found(prepared, tmp_path):
    environment = prepared | {"EVERGREEN_STATE_DIR": str(tmp_path)}
    done = run_doctor(environment, "--category", "database", "--json")
    assert "does not exist" in done.stdout
    assert not list(tmp_path.iterdir())
    statements = (
        "DROP TRIGGER post_search_update; DELETE FROM django_migrations WHERE app = 'content' AND name LIKE '0016%'"
    )
    manage_each(environment, ["migrate", "--verbosity", "0"])

    connection = sqlite3.connect(tmp_path / "evergreen.sqlite3")
    connection.executescript(statements)
    connection.execute(
        "INSERT INTO django_migrations(app, name, applied) VALUES ('content', '9999_newer', '2030-01-01')"
    )
    outdate_a_trigger(connection, "content_redirect")
    connection.commit()
    connection.close()
    done = run_doctor(environment, "--category", "database", "--json")
    (outdated,) = (each for each in json.loads(done.stdout)["findings"] if "1 trigger is outdated" in each["what"])
    assert (outdated["status"], "content_redirect" in outdated["what"]) == ("warning", True)
    assert "Triggers of lists or search are missing: post_search_update" in done.stdout
    assert "migrations wait" in done.stdout
    assert "content.9999_newer" in done.stdout


def outdate_a_trigger(connection: sqlite3.Connection, table: str) -> None:
    """As a release that watches the table in another way would leave it."""
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ? ORDER BY name"
    name, statement = connection.execute(query, [table]).fetchone()
    connection.execute(f'DROP TRIGGER "{name}"')
    connection.execute(statement.replace(name, f"{name[:-3]}xyz"))


def test_files_that_others_can_read_are_found(prepared):
    key = Path(prepared["EVERGREEN_STATE_DIR"]) / "secret_key"
    key.write_text(KEY)
    os.chmod(key, 0o644)
    try:
        done = run_doctor(prepared, "--category", "secrets")
        assert (done.returncode, f"chmod 600 {key}" in done.stdout) == (2, True)
    finally:
        key.unlink()


def test_it_reads_postgresql_without_the_right_to_write(prepared, postgres_server):
    with fresh_postgres(postgres_server) as url:
        environment = prepared | {"DATABASE_URL": url}
        manage_each(environment, ["migrate", "--verbosity", "0"])
        done = run_doctor(environment, "--category", "database", "--category", "clock", "--json")
        assert statuses(json.loads(done.stdout)["findings"]) == {"ok"}, done.stdout
