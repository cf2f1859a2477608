"""A race: a Redis, a database, processes, and what the checker finds in what they wrote down."""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.child import Child
from tests.support.race.checker import Findings, check
from tests.support.race.history import read_history
from tests.support.service import ROOT, clean_environment
from tests.support.warm_python import run_warm

TTL, STALE_TTL = 0.4, 0.6
# How often tasks take each step, unless a workload says otherwise; steps.py has all steps.
WEIGHTS = {"read": 60, "read_page": 15, "read_many": 8, "write": 10, "refresh": 4, "forget": 3}

CREATE = "import django; django.setup(); from tests.support.race.registers import create; create({rows})"
CREATE_OUTBOX = "; from tests.support.race.watched import create_outbox; create_outbox({most_rows})"


@dataclass
class Course:
    """How to race. `code` is the folder whose engine races: the project, or a copy with a guard less."""

    redis_url: str
    database_url: str
    seconds: float = 8.0
    processes: int = 3
    tasks: int = 12
    rows: int = 8
    code: Path = ROOT
    options: dict[str, Any] = field(default_factory=dict)
    own_options: list[dict[str, Any]] = field(default_factory=list)

    @property
    def longest(self) -> float:
        """Seconds after its load for which a value may be served."""
        times = {"ttl": TTL, "stale_ttl": STALE_TTL, "error_ttl": 0.0} | self.options
        return float(times["ttl"] + times["stale_ttl"] + times["error_ttl"])

    def options_of(self, number: int, journal: Path) -> dict[str, Any]:
        """The options of the process with that number."""
        options = {
            "seed": 1000 + number,
            "journal": str(journal),
            "rows": self.rows,
            "ttl": TTL,
            "stale_ttl": STALE_TTL,
            "tasks": self.tasks,
            "seconds": self.seconds,
            "weights": WEIGHTS,
        }
        return options | self.options | (self.own_options[number] if self.own_options else {})

    @property
    def environment(self) -> dict[str, str]:
        watched = {"RACE_WATCHED": "1"} if "most_rows" in self.options else {}
        return (
            clean_environment()
            | watched
            | {
                "DJANGO_SETTINGS_MODULE": "tests.support.race.settings",
                "RACE_REDIS": self.redis_url,
                "RACE_DATABASE": self.database_url,
                "PYTHONPATH": str(self.code),
                "PATH": os.environ["PATH"],
            }
        )


Meanwhile = Callable[[Course, list[subprocess.Popen[str]]], None]


def run_race(course: Course, meanwhile: Meanwhile | None = None, **checks: Any) -> Findings:
    """`meanwhile` is called once the processes race; what it does is part of the race."""
    with tempfile.TemporaryDirectory(prefix="race-") as folder:
        journals = [Path(folder) / f"{number}.jsonl" for number in range(course.processes)]
        run_processes(course, journals, meanwhile)
        # Forked children have journals of their own.
        history = read_history(sorted(Path(folder).glob("*.jsonl")))
        return check(history, course.longest, **checks)


def run_processes(course: Course, journals: list[Path], meanwhile: Meanwhile | None = None) -> None:
    """From the same moment on, each with its journal, until the last has ended."""
    create_registers(course)
    with ExitStack() as stack:
        racers = [json.dumps(course.options_of(number, journal)) for number, journal in enumerate(journals)]
        # The first has a hash seed of its own, as each process of a site has.
        children = [
            stack.enter_context(start_child(course, "-m", "tests.support.race.racer", each, is_warm=number > 0))
            for number, each in enumerate(racers)
        ]
        for child in children:
            child.wait_until_ready()
        for child in children:
            child.go()
        processes: list[subprocess.Popen[str]] = [child.process for child in children]
        if meanwhile is not None:
            meanwhile(course, processes)
        for process in processes:
            process.wait(course.seconds + 60)


def create_registers(course: Course) -> None:
    program = CREATE.format(rows=course.rows)
    if "most_rows" in course.options:
        program += CREATE_OUTBOX.format(most_rows=course.options["most_rows"])
    created = run_warm(["-c", program], course.environment, course.code)
    assert created.returncode == 0, created.stderr


@contextmanager
def start_child(course: Course, *arguments: str, is_warm: bool = True) -> Iterator[Child]:
    """A Python with the code of the course. It is killed at the end of the block."""
    child = Child(*arguments, environment=course.environment, folder=course.code, is_warm=is_warm)
    try:
        yield child
    finally:
        child.kill()
