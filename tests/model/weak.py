"""Rule 20: a page shows a post's card in passing. A change of the card makes the page stale; a withdrawal ends it."""

from dataclasses import dataclass
from typing import NamedTuple

from tests.model.log import PROCESSES, Log, Record, TagIndex, Verdict, empty_index, expire, invalidate
from tests.model.tuples import Steps, in_any_order, put

CARD, MENTION = 0, 1


@dataclass(frozen=True)
class Guards:
    page_has_mention_tag: bool = True
    one_append: bool = True
    strong_record_first: bool = True
    row_until_both: bool = True
    withdrawal_ends_mentions: bool = True
    two_slots: bool = True


class Entry(NamedTuple):
    version: int
    position: int


class Job(NamedTuple):
    position: int
    version: int | None = None


class Process(NamedTuple):
    tags: TagIndex
    card: Job | None = None
    page: Job | None = None


class Row(NamedTuple):
    change: int
    appended: int = 0


class State(NamedTuple):
    version: int
    rows: tuple[Row, ...]
    log: Log
    card: Entry
    page: Entry
    processes: tuple[Process, ...]
    crashes: int


@dataclass(frozen=True)
class WeakModel:
    """`changes`: e edits the card, w withdraws the post; each is committed after the one before."""

    guards: Guards = Guards()
    changes: str = "e"
    crashes: int = 0

    def first_state(self) -> State:
        processes = tuple(Process(empty_index(2)) for _ in PROCESSES)
        return State(0, (), (), Entry(0, 0), Entry(0, 0), processes, self.crashes)

    def steps(self, state: State) -> Steps[State]:
        if state.version < len(self.changes):
            version = state.version + 1
            what = "the edit" if self.changes[version - 1] == "e" else "the withdrawal"
            committed = state._replace(version=version, rows=(*state.rows, Row(version)))
            yield f"the writer commits {what}, version {version}", committed
        for row in state.rows:
            yield from self._relay(state, row)
        for number, process in enumerate(state.processes):
            if not process.tags.has_read(state.log):
                index = process.tags.read_next(state.log, two_slots=self.guards.two_slots)
                read = _with(state, number, process._replace(tags=index))
                yield f"process {number + 1} reads record {index.position}", read
            yield from self._make_card(state, number, process)
            yield from self._make_page(state, number, process)

    # --- writing ------------------------------------------------------------------------------------------

    def _records(self, change: int) -> tuple[Record, ...]:
        is_withdrawal = self.changes[change - 1] == "w" and self.guards.withdrawal_ends_mentions
        card, mention = invalidate(CARD), invalidate(MENTION) if is_withdrawal else expire(MENTION)
        if self.guards.one_append:
            return (card + mention,)
        return (card, mention) if self.guards.strong_record_first else (mention, card)

    def _relay(self, state: State, row: Row) -> Steps[State]:
        """A row that is taken again after a crash begins with its first record."""
        records = self._records(row.change)
        others = tuple(each for each in state.rows if each.change != row.change)
        if row.appended < len(records):
            record = records[row.appended]
            log, left = (*state.log, record), Row(row.change, row.appended + 1)
            keeps_row = self.guards.row_until_both or row.appended or len(records) == 1
            sentence = f"the relay appends record {len(log)}, for the {_names(record)} of version {row.change}"
            yield sentence, state._replace(log=log, rows=_in_order(others, left))
            if not keeps_row:
                yield f"{sentence}, and marks the row done", state._replace(log=log, rows=others)
        else:
            yield f"the relay deletes the row of version {row.change}", state._replace(rows=others)
        if row.appended and state.crashes:
            again = state._replace(rows=_in_order(others, Row(row.change)), crashes=state.crashes - 1)
            yield f"the relay dies; another one takes the row of version {row.change}", again

    # --- reading ------------------------------------------------------------------------------------------

    def _make_card(self, state: State, number: int, process: Process) -> Steps[State]:
        job, name = process.card, f"process {number + 1}"
        if job is None:
            if self._card(state, process) is not Verdict.FRESH:
                begun = process._replace(card=Job(process.tags.position))
                yield f"{name} begins the card at position {process.tags.position}", _with(state, number, begun)
        elif job.version is None:
            read = process._replace(card=job._replace(version=state.version))
            yield f"{name} reads version {state.version} of the post", _with(state, number, read)
        else:
            stored = _with(state, number, process._replace(card=None))
            entry = Entry(job.version, job.position)
            yield f"{name} stores the card of version {job.version}", stored._replace(card=entry)

    def _make_page(self, state: State, number: int, process: Process) -> Steps[State]:
        job, name = process.page, f"process {number + 1}"
        if job is None:
            if self._page(state, process) is not Verdict.FRESH:
                begun = process._replace(page=Job(process.tags.position))
                yield f"{name} begins the page at position {process.tags.position}", _with(state, number, begun)
        elif job.version is None:
            if self._card(state, process) is Verdict.FRESH:
                taken = process._replace(page=job._replace(version=state.card.version))
                sentence = f"{name} takes the card of version {state.card.version} into the page"
                yield sentence, _with(state, number, taken)
        else:
            stored = _with(state, number, process._replace(page=None))
            entry = Entry(job.version, job.position)
            yield f"{name} stores the page with the card of version {job.version}", stored._replace(page=entry)

    def _card(self, state: State, process: Process) -> Verdict:
        return process.tags.judge(state.card.position, (CARD,))

    def _page(self, state: State, process: Process) -> Verdict:
        return process.tags.judge(state.page.position, (MENTION,) if self.guards.page_has_mention_tag else ())

    # --- what is promised ---------------------------------------------------------------------------------

    def key(self, state: State) -> int:
        return hash((state._replace(processes=()), in_any_order(state.processes)))

    def problem(self, state: State) -> str | None:
        if state.rows:
            return None
        withdrawal = self.changes.rfind("w", 0, state.version) + 1
        for number, process in enumerate(state.processes, 1):
            if not process.tags.has_read(state.log):
                continue
            verdict, version = self._page(state, process), state.page.version
            if verdict is not Verdict.INVALID and version < withdrawal:
                return f"Process {number} has read of the withdrawal, and shows the post on its page."
            is_idle = all(each.card is None and each.page is None for each in state.processes)
            if is_idle and verdict is Verdict.FRESH and version < state.version and self._all_read(state):
                return f"The page is fresh for ever with the card of version {version}, not {state.version}."
        return None

    def _all_read(self, state: State) -> bool:
        return all(each.tags.has_read(state.log) for each in state.processes)


def _names(record: Record) -> str:
    return " and ".join("card" if change.tag == CARD else "mention" for change in record)


def _in_order(rows: tuple[Row, ...], row: Row) -> tuple[Row, ...]:
    return tuple(sorted((*rows, row)))


def _with(state: State, number: int, process: Process) -> State:
    return state._replace(processes=put(state.processes, number, process))
