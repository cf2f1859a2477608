"""Rule 21, alone and with rule 20: a ranking is derived from a row, and a page shows it in passing.

The page carries the tag of the ranking's value alone. Making the ranking compares its values, and appends a record if
they differ. A withdrawal cannot wait for that: its own record ends the pages too.
"""

from dataclasses import dataclass
from typing import NamedTuple

from tests.model.log import PROCESSES, Log, Record, TagIndex, Verdict, empty_index, expire, invalidate
from tests.model.tuples import Steps, in_any_order, put

ROW, RANKING = 0, 1
WITHDRAWN = 9


@dataclass(frozen=True)
class Guards:
    is_made_for_row: bool = True
    row_until_compared: bool = True
    append_before_store: bool = True
    absent_is_changed: bool = True
    compares_with_last_announced: bool = True
    stored_at_own_record: bool = True
    own_record_follows_load: bool = True
    ranking_has_own_tag: bool = True
    stale_part_makes_page_stale: bool = True
    withdrawal_ends_pages: bool = True
    strong_record_first: bool = True


class Ranking(NamedTuple):
    value: int
    position: int


class Page(NamedTuple):
    value: int
    position: int
    is_stale: bool = False


class Maker(NamedTuple):
    position: int
    old: Ranking | None
    value: int | None = None
    # The next step: begun, compare, store, or append.
    stage: str = "begun"


class PageJob(NamedTuple):
    position: int
    value: int | None = None
    is_stale: bool = False


class Process(NamedTuple):
    tags: TagIndex
    maker: Maker | None = None
    page: PageJob | None = None


class State(NamedTuple):
    changes: int  # committed
    told: tuple[Record, ...]  # records of committed changes that wait for their append
    due: int  # the record after which the ranking is to be made and compared; 0: done
    log: Log
    ranking: Ranking | None
    page: Page
    processes: tuple[Process, ...]
    crashes: int
    evictions: int
    is_needless: bool = False


@dataclass(frozen=True)
class CutoffModel:
    """`values`: of the row, one after the other; WITHDRAWN last, if at all. `soft`: a change of the row expires the
    ranking, which is served while it is made again. `makers`: processes that make it. No making begins once the log
    has `most_records`: two makers that run at the same time would each announce, and begin again, without end.
    """

    guards: Guards = Guards()
    values: tuple[int, ...] = (1,)
    makers: tuple[int, ...] = PROCESSES
    soft: bool = False
    crashes: int = 0
    evictions: int = 0
    most_records: int = 2

    def first_state(self) -> State:
        processes = tuple(Process(empty_index(2)) for _ in PROCESSES)
        return State(0, (), 0, (), Ranking(0, 0), Page(0, 0), processes, self.crashes, self.evictions)

    def value(self, state: State) -> int:
        return self.values[state.changes - 1] if state.changes else 0

    def steps(self, state: State) -> Steps[State]:
        yield from self._write(state)
        if state.evictions and state.ranking is not None:
            yield "the ranking is evicted", state._replace(ranking=None, evictions=state.evictions - 1)
        for number, process in enumerate(state.processes):
            name = f"process {number + 1}"
            if not process.tags.has_read(state.log):
                index = process.tags.read_next(state.log)
                yield f"{name} reads record {index.position}", _with(state, number, process._replace(tags=index))
            if number in self.makers:
                yield from self._begin_ranking(state, number, process, name)
                yield from self._make_ranking(state, number, process, name)
            yield from self._make_page(state, number, process, name)

    # --- writing ------------------------------------------------------------------------------------------

    def _write(self, state: State) -> Steps[State]:
        if state.changes < len(self.values):
            value = self.values[state.changes]
            what = "the withdrawal" if value == WITHDRAWN else f"the row with ranking {value}"
            committed = state._replace(changes=state.changes + 1, told=(*state.told, *self._records(value)))
            yield f"the writer commits {what}", committed
        if state.told:
            record, log = state.told[0], (*state.log, state.told[0])
            due = len(log) if self.guards.is_made_for_row and ROW in {change.tag for change in record} else state.due
            yield (
                f"the relay appends record {len(log)}, for the {_names(record)}",
                state._replace(told=state.told[1:], log=log, due=due),
            )

    def _records(self, value: int) -> tuple[Record, ...]:
        row = expire(ROW) if self.soft and value != WITHDRAWN else invalidate(ROW)
        if value != WITHDRAWN or not self.guards.withdrawal_ends_pages:
            return (row,)
        return (row + invalidate(RANKING),) if self.guards.strong_record_first else (invalidate(RANKING), row)

    # --- making the ranking -------------------------------------------------------------------------------

    def _begin_ranking(self, state: State, number: int, process: Process, name: str) -> Steps[State]:
        verdict, has_work = self._ranking(state, process), bool(state.due) and process.tags.position >= state.due
        if process.maker is not None:
            return
        if has_work and verdict is Verdict.FRESH:
            yield f"{name} finds the ranking made, and marks the row done", state._replace(due=0)
        waits = process.page is not None and process.page.value is None
        if verdict is not Verdict.FRESH and (has_work or waits) and len(state.log) < self.most_records:
            begun = process._replace(maker=Maker(process.tags.position, state.ranking))
            done = has_work and not self.guards.row_until_compared
            sentence = f"{name} begins the ranking at position {process.tags.position}"
            yield (
                sentence + (", and marks the row done" if done else ""),
                _with(state._replace(due=0) if done else state, number, begun),
            )

    def _make_ranking(self, state: State, number: int, process: Process, name: str) -> Steps[State]:
        maker = process.maker
        if maker is None:
            return
        if state.crashes:
            lost = _with(state._replace(crashes=state.crashes - 1), number, process._replace(maker=None))
            yield f"{name} dies before its ranking is finished", lost
        if maker.stage == "begun":
            read = maker._replace(value=self.value(state), stage="compare")
            yield f"{name} reads ranking {read.value}", _with_maker(state, number, read)
        elif maker.stage == "append":
            told = state._replace(log=(*state.log, expire(RANKING)))
            yield f"{name} appends record {len(told.log)}, for the ranking", _with_maker(told, number, None)
        elif maker.stage == "compare" and self._is_changed(process, maker):
            yield self._announce(state, number, process, name)
        elif maker.stage == "compare":
            yield from self._store(state, number, name, maker, "the same ranking, without a record,")
        else:
            yield from self._store(state, number, name, maker, "ranking")

    def _is_changed(self, process: Process, maker: Maker) -> bool:
        if maker.old is None:
            return self.guards.absent_is_changed
        if self.guards.compares_with_last_announced:
            last = max(process.tags.expired[RANKING], process.tags.invalidated[RANKING])
            if last > maker.old.position:
                return True
        return maker.old.value != maker.value

    def _announce(self, state: State, number: int, process: Process, name: str) -> tuple[str, State]:
        maker = process.maker
        assert maker is not None
        if not self.guards.append_before_store:
            stored = state._replace(ranking=Ranking(maker.value or 0, maker.position))
            return f"{name} stores ranking {maker.value}", _with_maker(stored, number, maker._replace(stage="append"))
        log = (*state.log, expire(RANKING))
        is_needless = maker.old is not None and maker.old.value == maker.value
        state = state._replace(log=log, is_needless=state.is_needless or is_needless)
        sentence = f"{name} appends record {len(log)}: the ranking is {maker.value}"
        position = maker.position
        if self.guards.stored_at_own_record:
            # It reads up to its own record. Another record of the row in between is newer than this load.
            process = process._replace(tags=process.tags.catch_up(log))
            if self.guards.own_record_follows_load and process.tags.judge(position, (ROW,)) is not Verdict.FRESH:
                sentence += ", finds a newer record of the row, and does not store"
                return sentence, _with(state, number, process._replace(maker=None))
            position = len(log)
        after = process._replace(maker=maker._replace(stage="store", position=position))
        return sentence, _with(state, number, after)

    def _store(self, state: State, number: int, name: str, maker: Maker, what: str) -> Steps[State]:
        ranking = Ranking(maker.value or 0, maker.position)
        stored = _with_maker(state, number, None)
        if state.ranking is not None and state.ranking.position > maker.position:
            yield f"{name} leaves the ranking of a later position", stored
        else:
            sentence = f"{name} stores {what} {maker.value} at position {maker.position}"
            yield sentence, stored._replace(ranking=ranking)

    # --- making the page ----------------------------------------------------------------------------------

    def _make_page(self, state: State, number: int, process: Process, name: str) -> Steps[State]:
        job, position = process.page, process.tags.position
        if job is None:
            if self._page(state, process) is not Verdict.FRESH:
                begun = process._replace(page=PageJob(position))
                yield f"{name} begins the page at position {position}", _with(state, number, begun)
        elif job.value is None:
            verdict = self._ranking(state, process)
            if state.ranking is not None and verdict is not Verdict.INVALID:
                is_stale = verdict is Verdict.STALE and self.guards.stale_part_makes_page_stale
                taken = process._replace(page=job._replace(value=state.ranking.value, is_stale=is_stale))
                sentence = f"{name} takes the {verdict.name.lower()} ranking {state.ranking.value} into the page"
                yield sentence, _with(state, number, taken)
        else:
            how = "as stale" if job.is_stale else "as fresh"
            stored = _with(state, number, process._replace(page=None))
            page = Page(job.value, job.position, job.is_stale)
            yield f"{name} stores the page with ranking {job.value} {how}", stored._replace(page=page)

    def _ranking(self, state: State, process: Process) -> Verdict:
        if state.ranking is None:
            return Verdict.INVALID
        tags = (ROW, RANKING) if self.guards.ranking_has_own_tag else (ROW,)
        return process.tags.judge(state.ranking.position, tags)

    def _page(self, state: State, process: Process) -> Verdict:
        verdict = process.tags.judge(state.page.position, (RANKING,))
        return min(verdict, Verdict.STALE) if state.page.is_stale else verdict

    # --- what is promised ---------------------------------------------------------------------------------

    def key(self, state: State) -> int:
        if len(self.makers) < len(PROCESSES):
            return hash(state)
        return hash((state._replace(processes=()), in_any_order(state.processes)))

    def problem(self, state: State) -> str | None:
        if state.is_needless and len(self.makers) == 1 and len(set(self.values)) == 1:
            return "A ranking that came out the same makes all its pages stale."
        if state.told:
            return None
        is_idle = not state.due and all(
            each.maker is None and each.page is None and each.tags.has_read(state.log) for each in state.processes
        )
        wanted, shown = self.value(state), state.page.value
        for number, process in enumerate(state.processes, 1):
            verdict = self._page(state, process)
            is_shown = verdict is not Verdict.INVALID and process.tags.has_read(state.log)
            if wanted == WITHDRAWN and shown != WITHDRAWN and is_shown:
                return f"Process {number} has read of the withdrawal, and shows the post on its page."
            if is_idle and verdict is Verdict.FRESH and shown != wanted:
                return f"The page is fresh for ever with ranking {shown}; it is {wanted} now."
        return None


def _names(record: Record) -> str:
    return " and the ".join("row" if change.tag == ROW else "ranking" for change in record)


def _with(state: State, number: int, process: Process) -> State:
    return state._replace(processes=put(state.processes, number, process))


def _with_maker(state: State, number: int, maker: Maker | None) -> State:
    return _with(state, number, state.processes[number]._replace(maker=maker))
