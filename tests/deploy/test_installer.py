"""What the installer refuses before it changes anything, and what a linter says. test_half_hour.py runs all of it."""

import os
import re
import subprocess

import pytest

from tests.support.servers.process import binary
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


def test_a_transcript_notices_other_output():
    typed = Typed("true", ["first …", "…", "last"])
    assert typed.differs("first line\nmore\nlast\n") == ""
    assert typed.differs("first line\nlast\n") == ""
    assert typed.differs("first line\nlast\nmore\n")
    assert typed.differs("other line\nlast\n")
