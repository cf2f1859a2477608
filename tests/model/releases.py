"""Two releases share one log, one shared tier and one outbox; each has tag functions of its own.

Release 2 names the row by another tag than release 1. Release 1 may be stopped, and may come back: a rollback.
"""

from dataclasses import dataclass
from typing import NamedTuple

from tests.model.log import Log, TagIndex, Verdict, empty_index, invalidate
from tests.model.tuples import Steps, put


@dataclass(frozen=True)
class Guards:
    release_is_in_key: bool = True
    each_release_names_its_tags: bool = True
    floor_on_return: bool = True


class Entry(NamedTuple):
    version: int
    position: int
    release: int


class Process(NamedTuple):
    """The process of one release."""

    tags: TagIndex
    floor: int = 0
    runs: bool = True
    position: int | None = None  # of its load
    version: int | None = None


class State(NamedTuple):
    version: int
    rows: tuple[tuple[int, int], ...]  # a version, and the release whose tags are to be appended
    log: Log
    entries: tuple[Entry, ...]
    processes: tuple[Process, ...]
    stops: int


@dataclass(frozen=True)
class ReleasesModel:
    """The writers run release 2."""

    guards: Guards = Guards()
    writes: int = 1
    stops: int = 0

    def first_state(self) -> State:
        entries = Entry(0, 0, 0), Entry(0, 0, 1)
        shared = entries if self.guards.release_is_in_key else entries[:1]
        return State(0, (), (), shared, tuple(Process(empty_index(2)) for _ in entries), self.stops)

    def steps(self, state: State) -> Steps[State]:
        if state.version < self.writes:
            version = state.version + 1
            rows = tuple((version, release) for release in self._releases_to_tell(state))
            yield f"release 2 commits version {version}", state._replace(version=version, rows=(*state.rows, *rows))
        for row in state.rows:
            left = tuple(each for each in state.rows if each != row)
            log = (*state.log, invalidate(row[1]))
            yield (
                f"the relay appends record {len(log)}, with the tags of release {row[1] + 1}",
                state._replace(rows=left, log=log),
            )
        for number, process in enumerate(state.processes):
            yield from self._run(state, number, process)
            yield from self._stop(state, number, process)

    def _releases_to_tell(self, state: State) -> list[int]:
        if not self.guards.each_release_names_its_tags:
            return [1]
        return [release for release, process in enumerate(state.processes) if process.runs]

    def _stop(self, state: State, number: int, process: Process) -> Steps[State]:
        if process.runs and state.stops and number == 0:
            stopped = Process(empty_index(2), runs=False)
            rows = tuple(row for row in state.rows if row[1] != number)
            without = state._replace(stops=state.stops - 1, rows=rows)
            yield "release 1 is stopped", _with(without, number, stopped)
        elif not process.runs:
            # No record has the tags that its functions would have named meanwhile. Its own record begins a new time.
            log = (*state.log, ()) if self.guards.floor_on_return else state.log
            floor = len(log) if self.guards.floor_on_return else 0
            back = process._replace(tags=process.tags.catch_up(log), floor=floor, runs=True)
            yield "release 1 comes back and joins the log", _with(state._replace(log=log), number, back)

    def _run(self, state: State, number: int, process: Process) -> Steps[State]:
        if not process.runs:
            return
        name, slot = f"release {number + 1}", number if self.guards.release_is_in_key else 0
        if not process.tags.has_read(state.log):
            index = process.tags.read_next(state.log)
            yield f"{name} reads record {index.position}", _with(state, number, process._replace(tags=index))
        if process.position is None:
            if self._verdict(state, number) is not Verdict.FRESH:
                begun = process._replace(position=process.tags.position)
                yield f"{name} begins a load", _with(state, number, begun)
        elif process.version is None:
            read = process._replace(version=state.version)
            yield f"{name} reads version {state.version}", _with(state, number, read)
        else:
            entry = Entry(process.version, process.position, number)
            stored = state._replace(entries=put(state.entries, slot, entry))
            after = process._replace(position=None, version=None)
            yield f"{name} stores version {process.version}", _with(stored, number, after)

    def _verdict(self, state: State, number: int) -> Verdict:
        process, entry = state.processes[number], state.entries[number if self.guards.release_is_in_key else 0]
        if entry.position < process.floor:
            return Verdict.INVALID
        # An entry carries the tags that the release which made it gave to it.
        return process.tags.judge(entry.position, (entry.release,))

    def key(self, state: State) -> int:
        return hash(state)

    def problem(self, state: State) -> str | None:
        for number, process in enumerate(state.processes):
            entry = state.entries[number if self.guards.release_is_in_key else 0]
            if process.runs and process.tags.position < process.floor:
                return f"All that release {number + 1} loads now is below its floor."
            if not process.runs or self._verdict(state, number) is not Verdict.FRESH:
                continue
            if entry.release != number:
                return f"Release {number + 1} serves a page of release {entry.release + 1}."
            is_idle = not state.rows and process.position is None and process.tags.has_read(state.log)
            if is_idle and entry.version < state.version:
                return f"Release {number + 1} serves version {entry.version} as fresh for ever, not {state.version}."
        return None


def _with(state: State, number: int, process: Process) -> State:
    return state._replace(processes=put(state.processes, number, process))
