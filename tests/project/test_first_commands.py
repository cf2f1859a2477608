"""A full disk, a folder that nobody can write, no network, a port in use: one line, and no traceback."""

import os
import resource
import socket
import subprocess
import sys

import pytest

from tests.support.service import ROOT, clean_environment
from tests.support.warm_python import run_warm

NO_NETWORK = "does.not.exist.invalid"
# Bytes that a file may have: enough for a secret key, too few for a database.
SMALL = 64 * 1024


def also(*values):
    """A further command that fails as the first one does."""
    return pytest.param(*values, marks=pytest.mark.slow)


def run(tmp_path, *command: str, largest_file: int | None = None, **environment: str) -> subprocess.CompletedProcess:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    environment = clean_environment() | {"EVERGREEN_STATE_DIR": str(tmp_path)} | environment
    if largest_file is None:
        return run_warm(["manage.py", *command], environment)
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
        timeout=60,
    )


def last_line(process: subprocess.CompletedProcess) -> str:
    assert process.returncode == 1
    assert "Traceback" not in process.stdout + process.stderr
    return process.stderr.splitlines()[-1]


@pytest.mark.parametrize("command", ["migrate", also("prepare"), also("up")])
def test_a_full_disk_is_one_line(tmp_path, command):
    line = last_line(run(tmp_path, command, largest_file=SMALL))
    assert str(tmp_path) in line
    assert "cannot be" in line


def test_a_disk_without_room_for_a_key_is_one_line(tmp_path):
    line = last_line(run(tmp_path, "migrate", largest_file=0))
    assert "EVERGREEN_STATE_DIR is" in line
    assert "File too large" in line


@pytest.mark.parametrize("command", ["up", also("migrate"), also("serve")])
def test_a_read_only_folder_is_one_line(tmp_path, command):
    """Not even root can make a folder in /sys."""
    assert "EVERGREEN_STATE_DIR is '/sys/evergreen'" in last_line(
        run(tmp_path, command, EVERGREEN_STATE_DIR="/sys/evergreen")
    )


@pytest.mark.parametrize("command", ["collectstatic", also("migrate"), also("up")])
def test_a_read_only_folder_with_a_given_key_is_one_line(tmp_path, command):
    words = [command, "--noinput"] if command == "collectstatic" else [command]
    process = run(
        tmp_path, *words, EVERGREEN_STATE_DIR="/sys/evergreen", EVERGREEN_STATIC_ROOT="/sys/static", SECRET_KEY="x"
    )
    assert "/sys/" in last_line(process)


@pytest.mark.parametrize("command", ["migrate", also("up"), also("createsuperuser")])
def test_a_database_without_network_is_one_line_without_its_password(tmp_path, command):
    words = [command, "--noinput", "--username=a", "--email=a@b.c"] if command == "createsuperuser" else [command]
    line = last_line(run(tmp_path, *words, DATABASE_URL=f"postgres://user:hidden@{NO_NETWORK}/name"))
    assert NO_NETWORK in line
    assert "DATABASE_URL" in line
    assert "hidden" not in line


@pytest.mark.slow
def test_a_redis_without_network_is_one_line(tmp_path):
    line = last_line(run(tmp_path, "up", REDIS_URL=f"redis://:hidden@{NO_NETWORK}:6379/0"))
    assert f"{NO_NETWORK}:6379/0 (REDIS_URL) does not answer" in line
    assert "hidden" not in line


@pytest.mark.parametrize(("command", "status"), [("createsuperuser", 1), also("import_content", 2)])
def test_missing_tables_are_one_line_with_the_command_that_makes_them(tmp_path, command, status):
    words = {
        "createsuperuser": ["--noinput", "--username=a", "--email=a@b.c"],
        "import_content": [os.fspath(ROOT / "docs")],
    }
    process = run(tmp_path, command, *words[command], DJANGO_SUPERUSER_PASSWORD="a")
    assert process.returncode == status
    assert "Traceback" not in process.stderr
    assert "Run: manage.py migrate" in process.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "target", [["caching_watch", "0002"], ["sessions"], also(["auth"]), also(["content", "0001"])]
)
def test_the_tables_of_one_app_are_made_in_an_empty_database(tmp_path, target):
    done = run(tmp_path, "migrate", "--verbosity", "0", *target)
    assert done.returncode == 0, done.stderr
    done = run(tmp_path, "migrate", "--verbosity", "0")
    assert done.returncode == 0, done.stderr
    shown = run(
        tmp_path, "shell", "-v0", "-c", "from django.contrib.auth.models import Group; print(Group.objects.count())"
    )
    assert shown.stdout.split()[-1] == "3"


def test_a_port_in_use_is_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        line = last_line(run(tmp_path, "up", f"--port={taken.getsockname()[1]}"))
    assert "cannot be used (Address already in use)" in line


def test_traceback_shows_the_traceback(tmp_path):
    process = run(tmp_path, "migrate", "--traceback", largest_file=SMALL)
    assert "Traceback" in process.stderr
