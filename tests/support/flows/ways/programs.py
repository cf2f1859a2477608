"""Programs that know nothing of the service."""

import sqlite3
import subprocess

import psycopg
from django.db import connection

from tests.support.flows.scene import Scene, leaves, moves, title
from tests.support.flows.ways.terms import comes, path
from tests.support.flows.ways.way import way


def place() -> dict[str, str]:
    settings = connection.settings_dict
    return {"host": settings["HOST"], "port": str(settings["PORT"]), "user": settings["USER"]}


def by_command_line(scene: Scene, sql: str, *, text: str = "") -> None:
    """psql or sqlite3, each in a process of its own. It says when the statement is done."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        command = ["sqlite3", "-cmd", ".timeout 20000", name, f"{sql}; SELECT 'committed';"]
    else:
        where = [f"--{key if key != 'user' else 'username'}={value}" for key, value in place().items()]
        command = ["psql", *where, "--no-psqlrc", "--quiet", "-c", sql, "-c", "\\echo committed", name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(text)
        process.stdin.close()
        assert process.stdout.readline() == "committed\n"
        scene.has_committed()
    assert process.returncode == 0


@way("psql and sqlite3", title, own=False)
def update(scene: Scene) -> None:
    by_command_line(scene, f"UPDATE content_post SET title = '{scene.new}' WHERE slug = '{scene.slug()}'")


@way("psql and sqlite3: a slug", moves("404"), own=False)
def rename(scene: Scene) -> None:
    by_command_line(scene, f"UPDATE content_post SET slug = '{scene.slug('-moved')}' WHERE slug = '{scene.slug()}'")


@way("psql and sqlite3: a withdrawal", leaves("410"), own=False)
def withdraw(scene: Scene) -> None:
    by_command_line(scene, f"UPDATE content_post SET status = 'withdrawn' WHERE slug = '{scene.slug()}'")


@way("psql and sqlite3: a transaction", title, own=False)
def in_transaction(scene: Scene) -> None:
    sql = f"UPDATE content_post SET title = '{{}}' WHERE slug = '{scene.slug()}'"
    by_command_line(scene, f"BEGIN; {sql.format('between')}; {sql.format(scene.new)}; COMMIT")


@way("psql: \\copy", comes, own=False, vendors=("postgresql",))
def copy(scene: Scene) -> None:
    row = f"{path(scene)}\t/{scene.new}/\n"
    by_command_line(scene, "\\copy content_redirect (old_path, new_path) FROM STDIN", text=row)


@way("a driver without Django", title, own=False)
def by_driver(scene: Scene) -> None:
    sql = f"UPDATE content_post SET title = '{scene.new}' WHERE slug = '{scene.slug()}'"
    name = str(connection.settings_dict["NAME"])
    other = (
        sqlite3.connect(name, timeout=20)
        if connection.vendor == "sqlite"
        else psycopg.connect(dbname=name, **place())  # type: ignore[arg-type]
    )
    other.execute(sql)
    other.commit()
    scene.has_committed()
    other.close()
