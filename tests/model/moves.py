"""Rule 5: a row moves between two categories, and each category has a list. A list may hold no row at all."""

from dataclasses import dataclass
from typing import NamedTuple

from tests.model.log import PROCESSES, Log, Record, TagIndex, Verdict, empty_index, invalidate
from tests.model.tuples import Steps, in_any_order, put

NAMES = "AB"


@dataclass(frozen=True)
class Guards:
    names_old_state: bool = True
    names_new_state: bool = True
    empty_list_has_tag: bool = True


class Listing(NamedTuple):
    has_row: bool
    position: int


class Load(NamedTuple):
    category: int
    position: int
    has_row: bool | None = None


class Process(NamedTuple):
    tags: TagIndex
    load: Load | None = None


class State(NamedTuple):
    category: int
    moves: int
    is_told: bool
    lists: tuple[Listing, ...]
    processes: tuple[Process, ...]
    log: Log


@dataclass(frozen=True)
class MovesModel:
    guards: Guards = Guards()
    moves: int = 1

    def first_state(self) -> State:
        lists = Listing(True, 0), Listing(False, 0)
        return State(0, 0, True, lists, tuple(Process(empty_index(2)) for _ in PROCESSES), ())

    def steps(self, state: State) -> Steps[State]:
        if not state.is_told:
            told = state._replace(is_told=True, log=(*state.log, self._record(state)))
            yield f"the writer appends record {len(told.log)}", told
        elif state.moves < self.moves:
            other = 1 - state.category
            moved = state._replace(category=other, moves=state.moves + 1, is_told=False)
            yield f"the writer moves the row from {NAMES[state.category]} to {NAMES[other]}", moved
        for number, process in enumerate(state.processes):
            yield from self._run(state, number, process)

    def _record(self, state: State) -> Record:
        old = [1 - state.category] if self.guards.names_old_state else []
        new = [state.category] if self.guards.names_new_state else []
        return invalidate(*old, *new)

    def _run(self, state: State, number: int, process: Process) -> Steps[State]:
        name, load, position = f"process {number + 1}", process.load, process.tags.position

        def after(process: Process) -> State:
            return state._replace(processes=put(state.processes, number, process))

        if not process.tags.has_read(state.log):
            yield (
                f"{name} reads record {position + 1}",
                after(process._replace(tags=process.tags.read_next(state.log))),
            )
        if load is None:
            for category in range(2):
                begun = process._replace(load=Load(category, position))
                yield f"{name} begins to load list {NAMES[category]} at position {position}", after(begun)
        elif load.has_row is None:
            has_row = state.category == load.category
            found = "finds the row" if has_row else "finds no row"
            yield f"{name} {found}", after(process._replace(load=load._replace(has_row=has_row)))
        else:
            stored = put(state.lists, load.category, Listing(load.has_row, load.position))
            yield (
                f"{name} stores list {NAMES[load.category]}",
                after(process._replace(load=None))._replace(lists=stored),
            )

    def key(self, state: State) -> int:
        return hash((state._replace(processes=()), in_any_order(state.processes)))

    def problem(self, state: State) -> str | None:
        if not state.is_told or any(each.load or not each.tags.has_read(state.log) for each in state.processes):
            return None
        for category, listing in enumerate(state.lists):
            tags = (category,) if listing.has_row or self.guards.empty_list_has_tag else ()
            right = state.category == category
            if listing.has_row != right and state.processes[0].tags.judge(listing.position, tags) is Verdict.FRESH:
                which = "without the row that it has now" if right else "with a row that has left it"
                return f"List {NAMES[category]} is fresh for ever {which}."
        return None
