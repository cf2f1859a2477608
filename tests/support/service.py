"""`manage.py up`, or `serve`, as a person would run it: a process, its terminal, and Ctrl-C."""

import fcntl
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from tests.support.databases import ON_POSTGRES, database_of
from tests.support.running_process import RunningProcess
from tests.support.servers.process import free_port
from tests.support.warm_python import run_warm

ROOT = Path(__file__).resolve().parents[2]
READY = "Evergreen is ready"
MAKING = {"SECRET_KEY": "for tests only", "CACHE_URL": "locmem://making"}
EACH = """
import json, sys
import django
from django.core.management import call_command
django.setup()
for words in json.loads(sys.argv[1]):
    call_command(*words)
"""


class Service(RunningProcess):
    """The running command."""

    def __init__(
        self,
        state_dir: Path,
        *arguments: str,
        command: str = "up",
        environment: dict[str, str] | None = None,
        pass_fds: tuple[int, ...] = (),
        port: int | None = None,
        root: Path = ROOT,
    ) -> None:
        self.port = port or free_port()
        self.state_dir = state_dir
        super().__init__(
            [str(root / "manage.py"), command, "--port", str(self.port), *arguments],
            environment_of(state_dir) | (environment or {}),
            folder=state_dir.parent,
            pass_fds=pass_fds,
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=10)


@contextmanager
def running_service(state_dir: Path, *arguments: str, **options: Any) -> Iterator[Service]:
    service = Service(state_dir, *arguments, **options)
    try:
        yield service
    finally:
        if service.process.poll() is None:
            service.process.send_signal(signal.SIGINT)
        # A pipe that stays open would be the failure of a later test.
        service.wait()


def manage(environment: dict[str, str], *words: str) -> str:
    """The output of `manage.py`, which must not fail."""
    return run_python(environment, "manage.py", *words)


def manage_each(environment: dict[str, str], *commands: Sequence[str]) -> str:
    """The output of several commands that run in one process."""
    settings = {"DJANGO_SETTINGS_MODULE": "project.settings"}
    return run_python(environment | settings, "-c", EACH, json.dumps(commands))


def run_python(environment: dict[str, str], *words: str) -> str:
    done = run_warm(words, environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def make_tables(state_dir: Path) -> None:
    """Make the tables of an empty site, in a folder that is there."""
    make_site(state_dir, ["migrate", "-v0"])


def make_demo(state_dir: Path) -> None:
    """Make a site with the demo's content, in a folder that is there."""
    make_site(state_dir, ["migrate", "-v0"], ["demo_content", "-v0"])


def make_site(state_dir: Path, *commands: Sequence[str]) -> None:
    """On SQLite the commands run once in a run of the tests. Each site is a copy of what they made."""
    if ON_POSTGRES or "EVERGREEN_STATE_DIR" not in os.environ:
        manage_each(environment_of(state_dir) | MAKING, *commands)
        return
    original = Path(os.environ["EVERGREEN_STATE_DIR"]) / f"site-by-{commands[-1][0]}"
    with lock_file(original.with_suffix(".lock")):
        if not original.exists():
            with tempfile.TemporaryDirectory(dir=original.parent) as folder:
                manage_each(environment_of(Path(folder)) | MAKING, *commands)
                shutil.copytree(folder, original)
    shutil.copytree(original, state_dir, dirs_exist_ok=True)


@contextmanager
def lock_file(file: Path) -> Iterator[None]:
    """Let one process of this run in at a time."""
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def environment_of(state_dir: Path) -> dict[str, str]:
    """The environment of a service with its own folder and database. All services share their static files."""
    collect_static()
    return clean_environment() | {"EVERGREEN_STATE_DIR": str(state_dir)} | database_of(state_dir)


def clean_environment() -> dict[str, str]:
    """The environment without the settings of this run of the tests."""
    ours = ("EVERGREEN_", "DJANGO_", "CACHE_URL", "REDIS_URL", "DATABASE_URL", "CELERY_", "SECRET_KEY", "DEBUG")
    rest = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return rest | {"EVERGREEN_STATIC_ROOT": str(static_root())}


def static_root() -> Path:
    """One folder for all services of this run of the tests. Outside of tests it is one for all runs."""
    return Path(os.environ.get("EVERGREEN_STATE_DIR", tempfile.gettempdir())) / "static-of-services"


@cache
def collect_static() -> None:
    """Collect them once: to compress them takes longer than most tests."""
    root = static_root()
    root.mkdir(exist_ok=True)
    with lock_file(root.parent / "static.lock"):
        if not any(root.iterdir()):
            environment = {"SECRET_KEY": "for tests only", "CACHE_URL": "locmem://"}
            manage(clean_environment() | environment, "collectstatic", "--noinput", "-v0")
