"""Two imports run one after the other, on either database. With --json each outcome is JSON."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command

from content.importers.report import ImportReport, to_json_value
from tests.support.databases import ON_POSTGRES
from tests.support.markdown import write_posts
from tests.support.service import clean_environment, make_tables, manage
from tests.support.wait import wait_until
from tests.support.warm_process import WarmProcess
from tests.support.warm_python import run_warm

HOLD = """
import sys
from content.importers.import_lock import import_lock
with import_lock(0):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def environment(request, tmp_path, fresh_redis) -> Iterator[dict[str, str]]:
    if request.param == "SQLite":
        yield environment_of(f"sqlite:///{tmp_path}/state/evergreen.sqlite3", tmp_path, fresh_redis)
        return
    server = request.getfixturevalue("postgres_server")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE turns")
        yield environment_of(f"{server.rpartition('/')[0]}/turns", tmp_path, fresh_redis)
        connection.execute("DROP DATABASE turns WITH (FORCE)")


def environment_of(url: str, tmp_path: Path, fresh_redis: str) -> dict[str, str]:
    state = {"DATABASE_URL": url, "REDIS_URL": fresh_redis, "EVERGREEN_STATE_DIR": str(tmp_path / "state")}
    return clean_environment() | state


def start_manage(environment: dict[str, str], *words: str) -> WarmProcess:
    return WarmProcess(["manage.py", *words], environment, is_piped=True, are_errors_piped=True)


@pytest.mark.parametrize("environment", ["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.slow)], indirect=True)
def test_an_import_waits_for_another_and_then_goes_on(tmp_path, environment):
    if "sqlite" in environment["DATABASE_URL"] and not ON_POSTGRES:
        make_tables(tmp_path / "state")
    else:
        manage(environment, "migrate", "-v0")
    folder = str(write_posts(tmp_path / "posts", 3))
    holder = start_manage(environment, "shell", "-v0", "-c", HOLD)
    assert holder.stdout.readline() == "held\n"
    refused = start_manage(environment, "import_content", folder, "--wait", "0", "--json")
    output, _ = refused.communicate(timeout=60)
    assert refused.returncode == 2
    assert "Another import was running for 0 s. Nothing was imported" in json.loads(output)["error"]
    waiting = start_manage(environment, "import_content", folder, "--json")
    assert "Another import is running; this one waits up to 60 s" in waiting.stderr.readline()
    holder.communicate("\n", timeout=60)
    output, _ = waiting.communicate(timeout=60)
    assert json.loads(output)["created"] == 3
    assert waiting.returncode == 0


def test_a_lock_ends_with_its_process(tmp_path, environment):
    holder = start_manage(environment, "shell", "-v0", "-c", HOLD)
    assert holder.stdout.readline() == "held\n"
    assert "Another import was running for 0 s." in hold(environment).stderr
    holder.kill()
    holder.communicate(timeout=60)
    # PostgreSQL has to see that its client has gone.
    wait_until(lambda: hold(environment).stdout == "held\n", "the lock has ended")


def hold(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Another process takes the lock, and ends."""
    return run_warm(["manage.py", "shell", "-v0", "-c", HOLD], environment)


def run_json(path: Path) -> dict:
    out = StringIO()
    with suppress(CommandError):
        call_command("import_content", str(path), "--json", stdout=out, stderr=StringIO())
    text = out.getvalue()
    text.encode()
    return json.loads(text, parse_constant=lambda name: pytest.fail(name))


@pytest.mark.django_db
def test_names_that_are_no_utf_8_are_in_the_report(tmp_path):
    folder = tmp_path / os.fsdecode(b"site-\xff")
    folder.mkdir()
    (folder / os.fsdecode(b"bad-\xfe.md")).write_bytes(b"\0")
    (folder / os.fsdecode(b"good-\xfd.md")).write_text("{{< youtube abc >}} {{ x }} {% y %}")
    (folder / os.fsdecode(b"cover-\xfc.png")).write_bytes(b"none")
    (folder / "nan.md").write_text('---\ntitle: .nan\nx: .inf\ny: "\\ud800"\n---\nText')
    (folder / "_config.yml").write_bytes(b"a: [\xff")
    output = run_json(folder)
    assert output["failures"][0]["path"] == "site-\\udcff/bad-\\udcfe.md"
    assert output["created"] >= 1
    assert sum(output["converted"].values()) + sum(output["dropped"].values()) > 0


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["gone", "a.txt", "bad.xml", os.fsdecode(b"gone-\xff")])
def test_an_import_that_cannot_begin_prints_json(tmp_path, name):
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "bad.xml").write_text("no export")
    output = run_json(tmp_path / name)
    assert output.get("error") or output["failed"] == 1


def test_values_that_json_does_not_have_are_plain():
    report = ImportReport()
    report.converted["\udc80"] = 2
    report.fail("a\ud800", "b")
    json.dumps(report.as_data(), allow_nan=False, ensure_ascii=False).encode()
    values = [float("nan"), float("inf"), 1.5, None, True, Path("x")]
    assert to_json_value({1: values}) == {"1": [None, None, 1.5, None, True, "x"]}
