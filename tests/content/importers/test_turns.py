"""Two imports at once take turns, on either database, and --json answers whatever happens."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command

from content.importers.report import ImportReport, plain
from tests.support.markdown import write_posts
from tests.support.service import clean_environment, manage

ROOT = Path(__file__).parents[3]
HOLD = """
import sys
from content.importers.turns import import_turn
with import_turn(0):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def environment(request, tmp_path, fresh_redis) -> Iterator[dict[str, str]]:
    if request.param == "SQLite":
        yield environment_of(f"sqlite:///{tmp_path}/a.sqlite3", tmp_path, fresh_redis)
        return
    server = request.getfixturevalue("postgres_server")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE turns")
        yield environment_of(f"{server.rpartition('/')[0]}/turns", tmp_path, fresh_redis)
        connection.execute("DROP DATABASE turns WITH (FORCE)")


def environment_of(url: str, tmp_path: Path, fresh_redis: str) -> dict[str, str]:
    state = {"DATABASE_URL": url, "REDIS_URL": fresh_redis, "EVERGREEN_STATE_DIR": str(tmp_path / "state")}
    return clean_environment() | state


def started(environment: dict[str, str], *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_an_import_waits_for_another_and_then_goes_on(tmp_path, environment):
    manage(environment, "migrate", "-v0")
    folder = str(write_posts(tmp_path / "posts", 3))
    holder = started(environment, "shell", "-v0", "-c", HOLD)
    assert holder.stdout.readline() == "held\n"
    refused = started(environment, "import_content", folder, "--wait", "0", "--json")
    told, _ = refused.communicate(timeout=60)
    assert refused.returncode == 2
    assert "Another import was running for 0 s. Nothing was imported" in json.loads(told)["error"]
    waiting = started(environment, "import_content", folder, "--json")
    assert "Another import is running; this one waits up to 60 s" in waiting.stderr.readline()
    holder.communicate("\n", timeout=60)
    told, _ = waiting.communicate(timeout=60)
    assert json.loads(told)["created"] == 3
    assert waiting.returncode == 0


def test_a_lock_ends_with_its_process(tmp_path, environment):
    manage(environment, "migrate", "-v0")
    holder = started(environment, "shell", "-v0", "-c", HOLD)
    assert holder.stdout.readline() == "held\n"
    holder.kill()
    holder.communicate(timeout=60)
    folder = str(write_posts(tmp_path / "posts", 1))
    assert json.loads(manage(environment, "import_content", folder, "--json"))["created"] == 1


def answer(path: Path) -> dict:
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
    told = answer(folder)
    assert told["failures"][0]["path"] == "site-\\udcff/bad-\\udcfe.md"
    assert told["created"] >= 1
    assert sum(told["converted"].values()) + sum(told["dropped"].values()) > 0


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["gone", "a.txt", "bad.xml", os.fsdecode(b"gone-\xff")])
def test_an_import_that_cannot_begin_is_an_answer_too(tmp_path, name):
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "bad.xml").write_text("no export")
    told = answer(tmp_path / name)
    assert told.get("error") or told["failed"] == 1


def test_values_that_json_does_not_have_are_plain():
    report = ImportReport()
    report.converted["\udc80"] = 2
    report.fail("a\ud800", "b")
    json.dumps(report.as_data(), allow_nan=False, ensure_ascii=False).encode()
    values = [float("nan"), float("inf"), 1.5, None, True, Path("x")]
    assert plain({1: values}) == {"1": [None, None, 1.5, None, True, "x"]}
