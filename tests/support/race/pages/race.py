"""A race of pages: readers over HTTP, a process that writes, workers where a fault has some, and a fault."""

import asyncio
import tempfile
import threading
from pathlib import Path
from subprocess import Popen

from tests.support.race.checker import check
from tests.support.race.course import Course, run_processes
from tests.support.race.faults.fault import Fault, Scene, set_stage
from tests.support.race.faults.outcome import Outcome, outcome_of, strike
from tests.support.race.history import Operation, read_history
from tests.support.race.pages.readers import Readers
from tests.support.race.pages.server import serving

# In whole seconds, as Cache-Control counts.
OPTIONS = {"ttl": 2.0, "stale_ttl": 3.0}
WRITER = {"tasks": 2, "pause": 0.1, "weights": {"read": 1, "write": 1}}


def race_pages_with_fault(fault: Fault) -> Outcome:
    with set_stage(fault) as scene, tempfile.TemporaryDirectory(prefix="pages-") as folder:
        course = course_of(fault, scene)
        history, ended = run_race(course, fault, scene, Path(folder))
        one = {"one_load": fault.one_load, "one_run": fault.one_run}
        return outcome_of(check(history, course.longest, by_log=fault.by_log, **one), ended)


def course_of(fault: Fault, scene: Scene) -> Course:
    """The servers take the place of the fault's readers; its workers stay, behind the writer."""
    workers = [options for options in fault.own_options if "is_worker" in options]
    return Course(
        scene.redis_url,
        scene.database_url,
        seconds=fault.seconds,
        processes=1 + len(workers),
        options=OPTIONS | fault.options,
        own_options=[WRITER, *workers],
    )


def run_race(course: Course, fault: Fault, scene: Scene, folder: Path) -> tuple[list[Operation], float]:
    """The operations of all processes, and the time when the fault ended."""
    journals = [folder / f"{number}.jsonl" for number in range(course.processes)]
    ended = 0.0
    with serving(course, folder) as server:
        readers = Readers(server.port, course.rows, course.seconds)

        def meanwhile(course: Course, processes: list[Popen[str]]) -> None:
            nonlocal ended
            scene.processes = processes
            reading = threading.Thread(target=asyncio.run, args=(readers.run(),))
            reading.start()
            ended = strike(fault, scene)
            reading.join()

        run_processes(course, journals, meanwhile)
    return [*read_history([*journals, *server.journals]), *readers.history], ended
