"""Rules 1 to 4, 6 and 16: one row, one entry, two writers and the process of each, an outbox and its relay.

One tier is enough. No step depends on an entry, so an entry in a process's memory meets the same records as one in
the shared tier that no later load replaces.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tests.model.log import NOWHERE, PROCESSES, Log, TagIndex, Verdict, empty_index, expire, invalidate
from tests.model.tuples import Steps, put


@dataclass(frozen=True)
class Guards:
    append_after_commit: bool = True
    has_outbox: bool = True
    row_until_appended: bool = True
    rows_by_presence: bool = True
    position_before_read: bool = True
    position_is_judged: bool = True
    append_catches_up: bool = True
    two_slots: bool = True
    write_through_is_a_load: bool = True
    join_is_checked: bool = True


class Entry(NamedTuple):
    version: int
    position: int


ROW, OTHER_ROW = 0, 1
# The record of a writer, by its kind.
RECORDS = {"i": invalidate(ROW), "e": expire(ROW), "o": invalidate(OTHER_ROW)}
NOTHING = Entry(0, NOWHERE)


class Load(NamedTuple):
    position: int
    version: int | None = None


class Process(NamedTuple):
    tags: TagIndex
    load: Load | None = None
    # The newest version that a record has announced to it, and the newest that a hard one has.
    known: int = 0
    known_hard: int = 0
    # The newest version that the process knew of when a reader joined its load.
    reader: int | None = None


class Writer(NamedTuple):
    stage: str = "ready"
    version: int = 0
    # The number of its outbox row: writers get it when they begin, and commit in any order.
    row: int = 0


class State(NamedTuple):
    version: int
    entry: Entry
    writers: tuple[Writer, ...]
    processes: tuple[Process, ...]
    log: Log
    versions: tuple[int, ...]  # what each record of the log announces
    rows: tuple[int, ...]  # writers whose row is in the outbox
    in_hand: tuple[int, ...]  # writers whose row a relay has taken out without an append
    last_row: int
    crashes: int


@dataclass(frozen=True)
class BaseModel:
    """`kinds`: a letter for each writer. i invalidates the row, e expires it, o invalidates another row."""

    guards: Guards = Guards()
    kinds: str = "ii"
    crashes: int = 0
    relay_alone: bool = False
    readers: bool = False

    def first_state(self) -> State:
        processes = tuple(Process(empty_index(2)) for _ in PROCESSES)
        writers = tuple(Writer() for _ in self.kinds)
        return State(0, Entry(0, 0), writers, processes, (), (), (), (), 0, self.crashes)

    def steps(self, state: State) -> Steps[State]:
        for number in range(len(state.writers)):
            yield from self._write(state, number)
        yield from self._relay(state)
        for number in PROCESSES:
            yield from self._read_log(state, number)
            yield from self._load(state, number)

    # --- writing ------------------------------------------------------------------------------------------

    def _write(self, state: State, number: int) -> Iterator[tuple[str, State]]:
        writer, name = state.writers[number], f"writer {number + 1}"
        match writer.stage:
            case "ready":
                row = max(each.row for each in state.writers) + 1
                begun = writer._replace(stage="open", row=0 if self.guards.rows_by_presence else row)
                yield f"{name} begins a transaction", _with_writer(state, number, begun)
            case "open" if not self.guards.append_after_commit:
                early = self._append(state, number, version=0)
                yield f"{name} appends its record", _with_writer(early, number, writer._replace(stage="told"))
            case "open" | "told":
                following = self._commit(state, number)
                what = "another row" if self.kinds[number] == "o" else f"version {following.version}"
                yield f"{name} commits {what}", following
            case "committed" if not self.relay_alone:
                appended = self._append(state, number, writer.version)
                stage = "appended" if self.guards.has_outbox or not self.guards.write_through_is_a_load else "done"
                appended = _with_writer(appended, number, writer._replace(stage=stage))
                yield f"{name} appends record {len(appended.log)}", appended
            case "appended":
                yield from self._finish(state, number)
        if writer.stage in ("committed", "appended") and state.crashes:
            yield f"the process of {name} dies and starts again", self._crash(state, number)

    def _commit(self, state: State, number: int) -> State:
        version, stage = state.version + (self.kinds[number] != "o"), "committed"
        if state.writers[number].stage == "told":
            stage = "done"
        elif self.guards.has_outbox:
            state = state._replace(rows=(*state.rows, number))
        writer = state.writers[number]._replace(stage=stage, version=version)
        return _with_writer(state._replace(version=version), number, writer)

    def _append(self, state: State, number: int, version: int) -> State:
        state = self._to_log(state, number, version)
        process = state.processes[number]
        if self.guards.append_catches_up:
            while not process.tags.has_read(state.log):
                process = self._next_record(state, process)
        else:
            process = self._learn(state, process, len(state.log))
            process = process._replace(tags=process.tags._replace(position=len(state.log)))
        return self._drop(_with_process(state, number, process))

    def _to_log(self, state: State, number: int, version: int) -> State:
        log = (*state.log, RECORDS[self.kinds[number]])
        return state._replace(log=log, versions=(*state.versions, 0 if self.kinds[number] == "o" else version))

    def _finish(self, state: State, number: int) -> Iterator[tuple[str, State]]:
        writer, name = state.writers[number], f"writer {number + 1}"
        done = _with_writer(_without_row(state, number), number, writer._replace(stage="done"))
        if self.guards.write_through_is_a_load:
            yield f"{name} deletes its outbox row", done
        else:
            own = state.versions.index(writer.version) + 1
            stored = done._replace(entry=Entry(writer.version, own))
            yield f"{name} stores the version {writer.version} that it wrote, at its own record", stored

    def _crash(self, state: State, number: int) -> State:
        """The process comes back without a load, and reads the whole log before it serves."""
        state = _with_writer(state, number, state.writers[number]._replace(stage="dead"))
        process = state.processes[number]._replace(load=None, reader=None)
        while not process.tags.has_read(state.log):
            process = self._next_record(state, process)
        return _with_process(state._replace(crashes=state.crashes - 1), number, process)

    def _relay(self, state: State) -> Iterator[tuple[str, State]]:
        for number in state.rows:
            writer, whose = state.writers[number], f"the row of writer {number + 1}"
            if writer.stage != "dead" and not self.relay_alone:
                continue
            if not self.guards.rows_by_presence and writer.row <= state.last_row:
                continue
            taken = _without_row(state, number)._replace(last_row=writer.row)
            if self.guards.row_until_appended:
                yield f"the relay appends {whose}", self._to_log(taken, number, writer.version)
            else:
                yield f"the relay deletes {whose}", taken._replace(in_hand=(*state.in_hand, number))
        for number in state.in_hand:
            left = state._replace(in_hand=tuple(each for each in state.in_hand if each != number))
            version = state.writers[number].version
            yield "the relay appends the row that it deleted", self._to_log(left, number, version)
            if state.crashes:
                yield "the relay dies before it appends", left._replace(crashes=state.crashes - 1)

    # --- reading ------------------------------------------------------------------------------------------

    def _read_log(self, state: State, number: int) -> Iterator[tuple[str, State]]:
        process = state.processes[number]
        if process.tags.has_read(state.log):
            return
        following = _with_process(state, number, self._next_record(state, process))
        yield f"process {number + 1} reads record {process.tags.position + 1}", self._drop(following)

    def _drop(self, state: State) -> State:
        """Without positions, all that a process can do with a record is to drop the entry."""
        return state if self.guards.position_is_judged else state._replace(entry=NOTHING)

    def _next_record(self, state: State, process: Process) -> Process:
        number = process.tags.position + 1
        process = self._learn(state, process, number)
        return process._replace(tags=process.tags._replace(position=number))

    def _learn(self, state: State, process: Process, number: int) -> Process:
        record, version = state.log[number - 1], state.versions[number - 1]
        hard = version if record[0].is_hard else 0
        return process._replace(
            tags=process.tags.learn(number, record, two_slots=self.guards.two_slots),
            known=max(process.known, version),
            known_hard=max(process.known_hard, hard),
        )

    def _verdict(self, state: State, process: Process) -> Verdict:
        if not self.guards.position_is_judged:
            return Verdict.INVALID if state.entry == NOTHING else Verdict.FRESH
        return process.tags.judge(state.entry.position, (ROW,))

    def _load(self, state: State, number: int) -> Iterator[tuple[str, State]]:
        process, load, name = state.processes[number], state.processes[number].load, f"process {number + 1}"
        if load is None:
            # Also while the entry is fresh: refreshed early, or dropped for want of room.
            begun = process._replace(load=Load(process.tags.position))
            sentence = f"{name} begins a load at position {process.tags.position}"
            yield sentence, _with_process(state, number, begun)
            return
        may_join = load.position >= process.tags.position or not self.guards.join_is_checked
        if self.readers and process.reader is None and may_join:
            joined = process._replace(reader=process.known)
            yield f"a reader joins the load of {name}", _with_process(state, number, joined)
        if load.version is None:
            read = process._replace(load=load._replace(version=state.version))
            yield f"{name} reads version {state.version}", _with_process(state, number, read)
        else:
            position = load.position if self.guards.position_before_read else process.tags.position
            stored = _with_process(state, number, process._replace(load=None, reader=None))
            sentence = f"{name} stores version {load.version} at position {position}"
            yield sentence, stored._replace(entry=Entry(load.version, position))

    # --- what is promised ---------------------------------------------------------------------------------

    def key(self, state: State) -> int:
        return hash(state)

    def problem(self, state: State) -> str | None:
        version = state.entry.version
        for number, process in enumerate(state.processes, 1):
            verdict = self._verdict(state, process)
            if verdict is Verdict.FRESH and version < process.known:
                return f"Process {number} serves version {version} as fresh and has read of {process.known}."
            if verdict is Verdict.STALE and version < process.known_hard:
                return f"Process {number} serves version {version}, which was invalidated, as stale."
            loaded = process.load.version if process.load else None
            if process.reader is not None and loaded is not None and loaded < process.reader:
                return (
                    f"The reader gets version {loaded}; process {number} had read of {process.reader} when it came."
                )
        if self._is_quiet(state) and version != state.version:
            for number, process in enumerate(state.processes, 1):
                if self._verdict(state, process) is Verdict.FRESH:
                    return (
                        f"Process {number} serves version {version} as fresh for ever; the row has {state.version}."
                    )
        return None

    def _is_quiet(self, state: State) -> bool:
        """Only reads are left to happen."""
        waiting = (state.writers[number].row > state.last_row for number in state.rows)
        relays = any(waiting) if not self.guards.rows_by_presence else bool(state.rows)
        return (
            not relays
            and not state.in_hand
            and all(writer.stage in ("ready", "done", "dead") or self._waits(writer) for writer in state.writers)
            and all(each.tags.has_read(state.log) and each.load is None for each in state.processes)
        )

    def _waits(self, writer: Writer) -> bool:
        return self.relay_alone and writer.stage == "committed"


def _with_writer(state: State, number: int, writer: Writer) -> State:
    return state._replace(writers=put(state.writers, number, writer))


def _with_process(state: State, number: int, process: Process) -> State:
    return state._replace(processes=put(state.processes, number, process))


def _without_row(state: State, number: int) -> State:
    return state._replace(rows=tuple(each for each in state.rows if each != number))
