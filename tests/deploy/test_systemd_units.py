"""The units are valid and hardened, start what exists, and have what the processes need."""

import shutil
import subprocess
import sys

import pytest
from django.core.management import get_commands, load_command_class

from project.serving.worker import KILL_SECONDS, READY_SECONDS
from tests.support.servers.process import binary
from tests.support.service import ROOT
from tests.support.targets import UNITS, read_unit

PYTHON = "/srv/evergreen/current/.venv/bin/python"
SERVICES = sorted(UNITS.glob("*.service"))
ROLES = {"web", "worker", "beat"}
# Commands of another part of the service, which may not be there yet.
LATER = {"backup"}

each_service = pytest.mark.parametrize("file", SERVICES, ids=lambda file: file.stem)


@pytest.fixture
def analyze():
    program = binary("systemd-analyze")

    def run(*arguments) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)

    return run


def test_systemd_finds_no_mistake(analyze, tmp_path):
    files = []
    for file in sorted(UNITS.glob("*.*")):
        if file.suffix in (".service", ".socket", ".timer", ".target"):
            # The installer creates this interpreter.
            (tmp_path / file.name).write_text(file.read_text().replace(PYTHON, sys.executable))
            files.append(tmp_path / file.name)
    done = analyze("verify", "--recursive-errors=yes", *files)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@each_service
def test_a_unit_is_exposed_by_at_most_two_of_ten(analyze, file):
    done = analyze("security", "--offline=true", "--threshold=20", file)
    assert done.returncode == 0, done.stdout


def test_an_open_unit_is_found(analyze, tmp_path):
    file = tmp_path / "open.service"
    file.write_text("[Service]\nExecStart=/bin/true\n")
    assert analyze("security", "--offline=true", "--threshold=20", file).returncode == 1


@each_service
def test_a_unit_starts_what_exists(file):
    (command,) = read_unit(file)["ExecStart"]
    program, *words = command.split()
    if program != PYTHON:
        assert shutil.which(program), program
    elif words[0] == "-m":
        assert words[:3] == ["-m", "celery", "-A"]
        assert words[5 if "--quiet" in words else 4] in ROLES
    else:
        assert words[0] == "/srv/evergreen/current/manage.py"
        check_command(words[1:])


def check_command(words: list[str]) -> None:
    name, *options = words
    if name not in get_commands():
        assert name in LATER
        return
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    parser.parse_args(options)


@pytest.mark.parametrize("role", sorted(ROLES))
def test_each_role_is_watched_and_started_again(role):
    unit = read_unit(UNITS / f"evergreen-{role}.service")
    assert unit["Type"] == ["notify"]
    assert unit["NotifyAccess"] == ["main"]
    assert unit["Restart"] == ["always"]
    assert int(unit["WatchdogSec"][0]) >= 30


def test_web_has_the_time_that_its_workers_need():
    unit = read_unit(UNITS / "evergreen-web.service")
    assert int(unit["TimeoutStartSec"][0]) >= 3 * READY_SECONDS
    assert int(unit["TimeoutStopSec"][0]) > KILL_SECONDS
    assert unit["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert unit["Requires"] == ["evergreen-web.socket"]


def test_secrets_are_credentials_and_in_no_environment():
    for file in SERVICES:
        unit = read_unit(file)
        if "EnvironmentFile" in unit:
            loaded = {value.partition(":")[0] for value in unit["LoadCredential"]}
            named = {value.partition("=%d/")[2] for value in unit["Environment"] if "_FILE=" in value}
            assert loaded == named == {"secret_key", "database_url"}
    assert "SECRET_KEY" not in (UNITS / "env").read_text()


def test_one_target_starts_everything():
    wanted = set(" ".join(read_unit(UNITS / "evergreen.target")["Wants"]).split())
    started_by_timers = {timer.with_suffix(".service").name for timer in UNITS.glob("*.timer")}
    units = {file.name for file in UNITS.iterdir() if file.suffix in (".service", ".socket", ".timer")}
    assert wanted == units - started_by_timers
    for name in units - started_by_timers:
        assert read_unit(UNITS / name)["PartOf"] == ["evergreen.target"]


def test_the_documentation_of_units_exists():
    for file in UNITS.iterdir():
        if file.suffix in (".service", ".target"):
            for page in read_unit(file).get("Documentation", []):
                assert (ROOT / page.removeprefix("file:/srv/evergreen/current/")).exists(), page


def test_an_operator_runs_a_command_with_the_settings_of_the_units(tmp_path):
    """In folders of the test, as its user."""
    for folder in ("settings/secrets", "state"):
        (tmp_path / folder).mkdir(parents=True)
    text = (UNITS / "env").read_text().replace("/var/lib/evergreen", str(tmp_path / "state"))
    (tmp_path / "settings/env").write_text(text)
    (tmp_path / "settings/secrets/secret_key").write_text("s3cret " * 10)
    (tmp_path / "settings/secrets/database_url").write_text(f"sqlite:///{tmp_path}/state/db.sqlite3\n")
    script = tmp_path / "evergreen-manage"
    replaced = {
        "settings=/etc/evergreen": f"settings={tmp_path}/settings",
        "/srv/evergreen/current": str(ROOT),
        "exec setpriv --reuid=evergreen --regid=evergreen --init-groups --no-new-privs": "exec env",
    }
    text = (UNITS / "evergreen-manage").read_text()
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    script.write_text(text)
    code = (
        "from django.conf import settings as s; print(s.BASE_URL, s.SECRET_KEY[:6], s.DATABASES['default']['NAME'])"
    )
    done = subprocess.run(["sh", script, "shell", "-v0", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == f"https://example.org s3cret {tmp_path}/state/db.sqlite3", done.stderr
