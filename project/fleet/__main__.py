"""`make fleet`. See docs/fleet.md.

python -m project.fleet [--port N] [--state FOLDER] [--posts N] [--workers N] [--sentinel]
python -m project.fleet --state FOLDER status | start PART… | stop PART… | restart PART… | kill PART… | reload PART…
python -m project.fleet --state FOLDER manage COMMAND…
"""

import argparse
import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from project.fleet.control import order, read_state
from project.fleet.fleet import Fleet
from project.fleet.layout import LOOPBACK, PORTS, Layout
from project.fleet.parts import site_environment
from project.fleet.programs import find_programs
from project.supervision import CannotStart
from project.supervisor.checks import check_port
from project.supervisor.terminal import ColourTerminal

PORT = 8443
WIDTH = 13


def main() -> int:
    options = arguments()
    try:
        if options.words[:1] == ["manage"]:
            return manage(state_of(options), options.words[1:])
        if options.words:
            for name, state in order(state_of(options), *options.words).items():
                print(f"{name:14}{state}")
            return 0
        with state_folder(options.state) as state, run_folder() as run:
            layout = Layout(state, run, options.port, options.workers, options.sentinel)
            programs = find_programs()
            for name in PORTS:
                check_port(LOOPBACK, layout.port_of(name))
            return asyncio.run(Fleet(layout, programs, ColourTerminal(WIDTH)).run(options.posts))
    except CannotStart as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m project.fleet", description="The files of deploy/ on loopback.")
    parser.add_argument("--port", type=int, default=PORT, help=f"of nginx; {len(PORTS) - 1} more follow it")
    parser.add_argument("--state", type=Path, help="a folder that is kept; without it all is removed at the end")
    parser.add_argument("--posts", type=int, default=0, help="generated posts of a new site (default: the demo)")
    parser.add_argument("--workers", type=int, default=2, help="web processes of each web host (default 2)")
    parser.add_argument(
        "--sentinel", action="store_true", help="a replica and three sentinels for the Redis of the log"
    )
    parser.add_argument("words", nargs="*", metavar="ORDER", help="for the fleet that runs in --state")
    options, rest = parser.parse_known_args()
    if rest and options.words[:1] != ["manage"]:
        parser.error(f"unknown options: {' '.join(rest)}")
    options.words += rest
    return options


def state_of(options: argparse.Namespace) -> Path:
    if options.state is None:
        raise CannotStart("Name the fleet by its folder: --state FOLDER.")
    return Path(options.state).resolve()


@contextlib.contextmanager
def state_folder(wanted: Path | None) -> Iterator[Path]:
    """Locked. A temporary one is removed at the end."""
    folder = wanted.resolve() if wanted else Path(tempfile.mkdtemp(prefix="evergreen-fleet-"))
    folder.mkdir(parents=True, exist_ok=True)
    # PostgreSQL runs as another user if this one is root. Secrets are in folders of their own.
    folder.chmod(0o711)
    try:
        with (folder / "fleet.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise CannotStart(f"Another fleet runs in {folder}. Choose another folder (STATE=FOLDER).") from error
            yield folder
    finally:
        # A second Ctrl-C must not leave files behind.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        if wanted is None:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def run_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="evergreen-", dir="/tmp"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def manage(state: Path, words: list[str]) -> int:
    """manage.py of the current release, with the settings of the fleet that runs."""
    running = read_state(state)
    layout = Layout(state, Path(running["control"]).parent, running["ports"]["tls"], sentinel=running["sentinel"])
    command = [sys.executable, str(layout.current / "manage.py"), *words]
    return subprocess.run(command, env=site_environment(layout), cwd=layout.current, check=False).returncode


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
