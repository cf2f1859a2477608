"""What the installer refuses before it changes anything, and what a linter says. test_half_hour.py runs all of it."""

import os
import re
import subprocess

import pytest

from tests.support.servers.process import binary
from tests.support.service import ROOT
from tests.support.targets import DEPLOY, UNITS
from tests.support.transcript import Typed

INSTALLER = UNITS / "install.sh"
SCRIPTS = [INSTALLER, *sorted((UNITS / "installer").glob("*.sh")), UNITS / "evergreen-manage"]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([INSTALLER, *words], capture_output=True, text=True, env={"PATH": os.environ["PATH"]})


def test_the_linter_finds_nothing():
    command = [binary("shellcheck"), "--external-sources", "--source-path=SCRIPTDIR", *SCRIPTS]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "install.sh install --host NAME"),
        (["update"], "install.sh install --host NAME"),
        (["install", "--hots", "example.org"], "There is no option --hots."),
        (["install", "--host"], "--host needs a value."),
        (["install", "--certificate", "a.pem"], "--certificate and --key belong together."),
    ],
)
def test_what_is_typed_wrong_is_named(words, message):
    done = run(*words)
    assert done.returncode == 64
    assert message in done.stderr


def test_a_root_without_proc_is_refused(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("asks for root first")
    done = run("install", "--host", "example.org", "--root", str(tmp_path))
    assert done.returncode == 1
    assert f"mount -t proc proc {tmp_path}/proc" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_every_unit_is_enabled_or_started_by_another():
    """A unit that is added to deploy/systemd is added to the installer's lists."""
    listed = set(re.findall(r"evergreen[\w-]*\.\w+", (UNITS / "installer/services.sh").read_text()))
    units = {file.name for file in UNITS.glob("evergreen*.*")}
    by_timers = {f"{file.stem}.service" for file in UNITS.glob("*.timer")}
    assert units - by_timers <= listed


def test_the_installer_writes_files_that_exist():
    text = "".join(script.read_text() for script in SCRIPTS)
    named = re.findall(r'"\$1?(?:release)?/deploy/([\w/.-]+)"', text)
    assert len(named) > 6
    assert [name for name in named if not (DEPLOY / name).exists()] == []


@pytest.fixture
def old_releases(tmp_path):
    """Six that the installer made, each with a static file, and one by hand. The first served, then the fifth."""
    names = [f"2026-01-0{day}-120000" for day in range(1, 7)]
    for name in (*names, "by-hand"):
        (tmp_path / "releases" / name / "static").mkdir(parents=True)
        (tmp_path / "shared").mkdir(exist_ok=True)
        for place in (tmp_path / "releases" / name / "static", tmp_path / "shared"):
            (place / f"{name}.css").touch()
        (tmp_path / "releases" / name / ".digest").touch()
    (tmp_path / "current").symlink_to(tmp_path / "releases" / names[4])
    (tmp_path / "served").write_text(f"{names[0]} then\n{names[4]} now\n")
    return tmp_path


@pytest.mark.parametrize(("keep", "kept"), [(3, [1, 3, 4, 5, 6]), (0, [1, 5]), (9, [1, 2, 3, 4, 5, 6])])
def test_old_releases_go_but_never_that_for_a_rollback(old_releases, keep, kept):
    expected = {f"2026-01-0{day}-120000" for day in kept} | {"by-hand"}
    for dry_run in ("yes", ""):
        before = {file.name for file in (old_releases / "releases").iterdir()}
        printed = prune(old_releases, keep, dry_run)
    assert {file.name for file in (old_releases / "releases").iterdir()} == expected
    assert {file.stem for file in (old_releases / "shared").iterdir()} == expected
    assert len(before) == 7, "the dry run removes nothing"
    assert printed.count("remove the release") == 7 - len(expected)
    assert "remove" not in prune(old_releases, keep, "")


def prune(folder, keep, dry_run) -> str:
    script = f"""
set -euo pipefail
. {UNITS}/installer/steps.sh
. {UNITS}/installer/release.sh
releases={folder}/releases current={folder}/current shared_static={folder}/shared record={folder}/served
keep={keep} dry_run={dry_run}
prune_releases
rm -rf "$scratch"
"""
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout


def test_extras_are_those_that_have_a_lock():
    (line,) = re.findall(r"all_extras='(.*)'", (UNITS / "installer/extras.sh").read_text())
    service = "-r app.in"
    files = [file for file in (ROOT / "requirements").glob("*.in") if service in file.read_text()]
    assert line.split() == sorted(file.stem for file in files if file.stem != "dev")
    done = run("upgrade", "--extras", "errors nonsense")
    assert done.returncode == 64
    assert "There is no extra nonsense. There are: errors, traces." in done.stderr


def test_a_transcript_notices_other_output():
    typed = Typed("true", ["first …", "…", "last"])
    assert typed.differs("first line\nmore\nlast\n") == ""
    assert typed.differs("first line\nlast\n") == ""
    assert typed.differs("first line\nlast\nmore\n")
    assert typed.differs("other line\nlast\n")
