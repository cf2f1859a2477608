"""Rules 2, 7 and 18: a part is made from a row, a fragment from the part, and a page from the fragment."""

from dataclasses import dataclass
from typing import NamedTuple

from tests.model.log import PROCESSES, Log, Record, TagIndex, Verdict, empty_index, expire, invalidate
from tests.model.tuples import Steps, in_any_order, put

ROW, PAGES_OWN_ROW = 0, 1
NAMES = {2: ("part", "page"), 3: ("part", "fragment", "page")}


@dataclass(frozen=True)
class Guards:
    own_position: bool = True
    position_before_parts: bool = True
    stale_whole_is_not_stored: bool = True
    answer_says_stale: bool = True
    index_before_position: bool = True


class Entry(NamedTuple):
    version: int
    own_version: int
    position: int


class Job(NamedTuple):
    position: int
    version: int | None = None
    own_version: int | None = None
    is_stale: bool = False
    position_of_part: int = 0


class Process(NamedTuple):
    tags: TagIndex
    jobs: tuple[Job | None, ...]
    known: int = 0
    known_hard: int = 0
    # A record whose position was noted, and its tags were not.
    half_read: int = 0


class State(NamedTuple):
    versions: tuple[int, ...]
    waiting: tuple[int, ...]  # committed rows whose record is to be appended
    log: Log
    entries: tuple[Entry, ...]
    processes: tuple[Process, ...]


@dataclass(frozen=True)
class ComposedModel:
    """`depth` entries, each made of the one before. `hard`: the row's record invalidates. `own_row`: the page has a
    row of its own.
    """

    guards: Guards = Guards()
    depth: int = 2
    hard: bool = False
    own_row: bool = False

    def first_state(self) -> State:
        process = Process(empty_index(2), (None,) * self.depth)
        return State((0, 0), (), (), (Entry(0, 0, 0),) * self.depth, (process,) * len(PROCESSES))

    def steps(self, state: State) -> Steps[State]:
        for row in (ROW, PAGES_OWN_ROW) if self.own_row else (ROW,):
            whose = "the page's own row" if row else "the row"
            if not state.versions[row]:
                changed = state._replace(versions=put(state.versions, row, 1), waiting=(*state.waiting, row))
                yield f"the writer changes {whose}", changed
            elif row in state.waiting:
                log = (*state.log, self._record(row))
                left = tuple(each for each in state.waiting if each != row)
                yield f"the writer appends record {len(log)}, for {whose}", state._replace(log=log, waiting=left)
        for number, process in enumerate(state.processes):
            yield from self._read_log(state, number, process)
            for level in range(self.depth):
                yield from self._make(state, number, process, level)

    def _record(self, row: int) -> Record:
        return invalidate(row) if self.hard or row == PAGES_OWN_ROW else expire(row)

    # --- reading the log ----------------------------------------------------------------------------------

    def _read_log(self, state: State, number: int, process: Process) -> Steps[State]:
        position = process.tags.position
        name, following = f"process {number + 1}", position + 1
        if process.half_read:
            known = self._learn(state, process, process.half_read)._replace(half_read=0)
            yield f"{name} notes the tags of record {position}", _with(state, number, known)
        elif not process.tags.has_read(state.log):
            moved = process._replace(tags=process.tags._replace(position=following))
            if self.guards.index_before_position:
                yield f"{name} reads record {following}", _with(state, number, self._learn(state, moved, following))
            else:
                moved = moved._replace(half_read=following)
                yield f"{name} notes the position of record {following}", _with(state, number, moved)

    def _learn(self, state: State, process: Process, number: int) -> Process:
        record = state.log[number - 1]
        process = process._replace(tags=process.tags.learn(number, record))
        if record[0].tag != ROW:
            return process
        return process._replace(known=1, known_hard=int(record[0].is_hard))

    # --- making -------------------------------------------------------------------------------------------

    def _make(self, state: State, number: int, process: Process, level: int) -> Steps[State]:
        job, name, what = process.jobs[level], f"process {number + 1}", NAMES[self.depth][level]
        if job is None:
            if self._verdict(state, process, level) is not Verdict.FRESH:
                position = process.tags.position
                begun = _with_job(
                    state, number, level, Job(position, own_version=None if self._has_own(level) else 0)
                )
                yield f"{name} begins the {what} at position {position}", begun
        elif job.version is None:
            yield from self._take(state, number, process, level, job)
        elif job.own_version is None:
            read = job._replace(own_version=state.versions[PAGES_OWN_ROW])
            yield f"{name} reads the page's own row", _with_job(state, number, level, read)
        else:
            yield from self._finish(state, number, process, level, job)

    def _take(self, state: State, number: int, process: Process, level: int, job: Job) -> Steps[State]:
        name = f"process {number + 1}"
        if level == 0:
            read = job._replace(version=state.versions[ROW])
            yield f"{name} reads version {state.versions[ROW]} of the row", _with_job(state, number, level, read)
            return
        verdict, entry = self._verdict(state, process, level - 1), state.entries[level - 1]
        if verdict is not Verdict.INVALID:
            taken = job._replace(
                version=entry.version, is_stale=verdict is Verdict.STALE, position_of_part=entry.position
            )
            part, what = NAMES[self.depth][level - 1], NAMES[self.depth][level]
            sentence = f"{name} takes the {verdict.name.lower()} {part}, version {entry.version}, into the {what}"
            yield sentence, _with_job(state, number, level, taken)

    def _finish(self, state: State, number: int, process: Process, level: int, job: Job) -> Steps[State]:
        what = NAMES[self.depth][level]
        done = _with_job(state, number, level, None)
        if job.is_stale and self.guards.stale_whole_is_not_stored:
            sentence = f"process {number + 1} answers with the {what} and does not store it"
            above = process.jobs[level + 1] if level + 1 < self.depth else None
            if above is not None and above.version is None:
                handed = above._replace(version=job.version, is_stale=self.guards.answer_says_stale)
                done = _with_job(done, number, level + 1, handed)
                sentence += f"; its {NAMES[self.depth][level + 1]} takes the answer"
            yield sentence, done
            return
        position = job.position if self.guards.position_before_parts else process.tags.position
        if not self.guards.own_position and level:
            position = min(position, job.position_of_part)
        entry = Entry(job.version or 0, job.own_version or 0, position)
        stored = done._replace(entries=put(state.entries, level, entry))
        yield f"process {number + 1} stores the {what}, version {entry.version}, at position {position}", stored

    def _has_own(self, level: int) -> bool:
        return self.own_row and level == self.depth - 1

    def _verdict(self, state: State, process: Process, level: int, position: int | None = None) -> Verdict:
        at = state.entries[level].position if position is None else position
        return process.tags.judge(at, (ROW, PAGES_OWN_ROW) if self._has_own(level) else (ROW,))

    # --- what is promised ---------------------------------------------------------------------------------

    def key(self, state: State) -> int:
        return hash((state._replace(processes=()), in_any_order(state.processes)))

    def problem(self, state: State) -> str | None:
        is_quiet = self._is_quiet(state)
        for number, process in enumerate(state.processes, 1):
            for level, entry in enumerate(state.entries):
                verdict, what = self._verdict(state, process, level), NAMES[self.depth][level]
                if verdict is Verdict.FRESH and entry.version < process.known:
                    return f"Process {number} serves the {what} of version {entry.version} as fresh and knows of 1."
                if verdict is Verdict.STALE and entry.version < process.known_hard:
                    return f"Process {number} serves the {what}, whose version was invalidated, as stale."
                is_old = entry.version < state.versions[ROW] or (
                    self._has_own(level) and entry.own_version < state.versions[PAGES_OWN_ROW]
                )
                if is_quiet and verdict is Verdict.FRESH and is_old:
                    return f"The {what} of an older version is fresh for ever."
            if is_quiet and self._is_rejected(state, process):
                return f"Each page that process {number} can make now is rejected as long as its part is fresh."
        return None

    def _is_quiet(self, state: State) -> bool:
        return not state.waiting and all(
            each.tags.has_read(state.log) and not each.half_read and not any(each.jobs) for each in state.processes
        )

    def _is_rejected(self, state: State, process: Process) -> bool:
        if self.guards.own_position or self._verdict(state, process, self.depth - 2) is not Verdict.FRESH:
            return False
        position = min(process.tags.position, state.entries[-2].position)
        return self._verdict(state, process, self.depth - 1, position) is not Verdict.FRESH


def _with(state: State, number: int, process: Process) -> State:
    return state._replace(processes=put(state.processes, number, process))


def _with_job(state: State, number: int, level: int, job: Job | None) -> State:
    process = state.processes[number]
    return _with(state, number, process._replace(jobs=put(process.jobs, level, job)))
