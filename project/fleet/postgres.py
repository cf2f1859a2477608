"""The PostgreSQL of a fleet: its first start, its settings from deploy/, and its roles."""

import asyncio
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from project.fleet.layout import LOOPBACK, Layout, user_of_postgres
from project.supervision import CannotStart

# It listens before it has replayed its log after a crash.
STARTING = "the database system is starting up"


def create_database(layout: Layout, initdb: str) -> None:
    """Also installs the rendered settings. Raises CannotStart."""
    data = layout.postgres_data
    if not (data / "PG_VERSION").exists():
        data.mkdir(exist_ok=True)
        give(data)
        check_path(data)
        command = [initdb, "-D", str(data), "-U", "postgres", "-A", "reject", "-E", "UTF8", "--no-instructions"]
        run(command)
    for name in ("pg_hba.conf", "pg_ident.conf"):
        copy(layout.etc / "postgresql" / name, data / name)
    (data / "conf.d").mkdir(exist_ok=True)
    give(data / "conf.d")
    copy(layout.etc / "postgresql/postgresql.conf", data / "conf.d/evergreen.conf")
    copy(layout.certificate, data / "server.crt")
    copy(layout.etc / "tls/privkey.pem", data / "server.key")
    settings = data / "postgresql.conf"
    if "include_dir = 'conf.d'" not in (text := settings.read_text()):
        settings.write_text(f"{text}\ninclude_dir = 'conf.d'\n")


def command_of_postgres(layout: Layout, postgres: str) -> list[str]:
    listen = ["-p", str(layout.port_of("postgres")), "-k", str(layout.run / "postgres")]
    # Slow statements are not logged here: one that inserts posts has all their text.
    options = [f"listen_addresses={LOOPBACK}", "ssl=on", "log_min_duration_statement=-1"]
    chosen = [word for option in options for word in ("-c", option)]
    return [postgres, "-D", str(layout.postgres_data), *listen, *chosen]


def make_run_folder(layout: Layout) -> None:
    folder = layout.run / "postgres"
    folder.mkdir(mode=0o700)
    give(folder)


async def make_roles(layout: Layout, psql: str) -> None:
    """Roles and database of deploy/postgresql/roles.sql, and the password of the site."""
    roles = layout.etc / "postgresql/roles.sql"
    await run_psql(layout, psql, roles.read_text())
    password = (layout.etc / "secrets/postgres_password").read_text()
    await run_psql(layout, psql, f"ALTER ROLE evergreen PASSWORD '{password}';\n")


async def run_psql(layout: Layout, psql: str, text: str) -> None:
    """The text comes by a pipe: a password is in no list of processes."""
    place = [
        "-h",
        str(layout.run / "postgres"),
        "-p",
        str(layout.port_of("postgres")),
        "-U",
        "postgres",
        "-d",
        "postgres",
    ]
    output = STARTING
    while STARTING in output:
        status, output = await call_psql([psql, "-q", "-X", "-v", "ON_ERROR_STOP=1", *place, "-f", "-"], text)
    if status:
        raise CannotStart(f"PostgreSQL refuses the roles of deploy/postgresql/roles.sql: {output.strip()}")


async def call_psql(command: list[str], text: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        user=user_of_postgres(),
        cwd="/",
    )
    output, _ = await process.communicate(text.encode())
    return process.returncode, output.decode()


def run(command: list[str]) -> None:
    done = subprocess.run(command, user=user_of_postgres(), cwd="/", capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotStart(f"`{' '.join(command[:1])}` failed: {done.stderr.strip()}")


def give(path: Path) -> None:
    """Give a path to the user of PostgreSQL."""
    if user := user_of_postgres():
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    target.chmod(0o600)
    give(target)


def check_path(folder: Path) -> None:
    """Raises CannotStart if the user of PostgreSQL cannot enter the folder."""
    if (user := user_of_postgres()) is None:
        return
    closed = [parent for parent in folder.parents if not parent.stat().st_mode & 0o001]
    if closed:
        raise CannotStart(
            f"PostgreSQL refuses root, so it runs as {user}, which cannot enter {closed[-1]}. Choose another folder "
            f"(STATE=FOLDER), or run `chmod o+x {closed[-1]}`."
        )
