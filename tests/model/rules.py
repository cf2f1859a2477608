"""Each rule with all its guards, and with one guard removed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tests.model.base import BaseModel
from tests.model.base import Guards as Base
from tests.model.composed import ComposedModel
from tests.model.composed import Guards as Composed
from tests.model.cutoff import WITHDRAWN, CutoffModel
from tests.model.cutoff import Guards as Cutoff
from tests.model.explorer import MOST_STATES, Exploration, Model, explore
from tests.model.lifetimes import Guards as Lifetimes
from tests.model.lifetimes import LifetimesModel
from tests.model.moves import Guards as Moves
from tests.model.moves import MovesModel
from tests.model.releases import Guards as Releases
from tests.model.releases import ReleasesModel
from tests.model.weak import Guards as Weak
from tests.model.weak import WeakModel


@dataclass(frozen=True)
class Case:
    """`removed`: names of guards; empty if all are there. `holds`: what the exploration must find."""

    rule: str
    what: str
    model: Model[Any]
    removed: tuple[str, ...] = ()
    holds: bool = False
    is_large: bool = False

    @property
    def name(self) -> str:
        return "-".join((self.rule, *(self.removed or (self.what.replace(" ", "_"),))))

    def explore(self, most: int = MOST_STATES) -> Exploration:
        return explore(self.model, most)


def cells(case: Case, result: Exploration) -> tuple[str, str, str, str]:
    """The rule, the guard removed, the states explored, and what was found."""
    removed = ", ".join(case.removed) or f"none: {case.what}"
    found = f"counter-example of {len(result.story)} steps" if result.problem else "holds"
    if not result.is_complete:
        found = "nothing found up to the bound"
    return case.rule, removed, f"{result.states:,}", found


def holding(rule: str, what: str, model: Model[Any], *, large: bool = False) -> Case:
    return Case(rule, what, model, holds=True, is_large=large)


def without(rule: str, *removed: str, of: Any, what: str = "", holds: bool = False) -> Case:
    guards = replace(of.guards, **dict.fromkeys(removed, False))
    return Case(rule, what, replace(of, guards=guards), removed, holds=holds)


def cases() -> list[Case]:
    parts: list[Callable[[], list[Case]]] = [
        base_cases,
        composed_cases,
        weak_cases,
        lifetimes_cases,
        cutoff_cases,
        releases_cases,
    ]
    return [case for part in parts for case in part()]


def base_cases() -> list[Case]:
    model = BaseModel(Base(), kinds="i")
    moves = MovesModel(Moves())
    return [
        holding("1-6", "two writers invalidate", replace(model, kinds="ii")),
        holding("1-6", "one expires and one invalidates", replace(model, kinds="ei")),
        holding("1-6", "a writer dies", replace(model, crashes=1)),
        holding("1-6", "two writers and a crash", replace(model, kinds="ii", crashes=1), large=True),
        holding("1-6", "an expiry and a crash", replace(model, kinds="ie", crashes=1), large=True),
        without("1", "append_after_commit", of=model),
        without("1", "has_outbox", of=replace(model, crashes=1)),
        without("1", "row_until_appended", of=replace(model, crashes=2)),
        without("1", "rows_by_presence", of=replace(model, kinds="ii", relay_alone=True)),
        without("2", "position_before_read", of=model),
        without("2", "position_is_judged", of=model),
        without("3", "append_catches_up", of=replace(model, kinds="io")),
        without("4", "two_slots", of=replace(model, kinds="ie")),
        holding("5", "a row moves", moves),
        holding("5", "a row moves and comes back", replace(moves, moves=2), large=True),
        without("5", "names_old_state", of=moves),
        without("5", "names_new_state", of=moves),
        without("5", "empty_list_has_tag", of=moves),
        without("6", "write_through_is_a_load", of=replace(model, kinds="ii")),
        holding("16", "readers join loads", replace(model, readers=True)),
        without("16", "join_is_checked", of=replace(model, readers=True)),
    ]


def composed_cases() -> list[Case]:
    model = ComposedModel(Composed())
    own_row, three = replace(model, own_row=True), replace(model, depth=3)
    return [
        holding("7", "a page of one part", model),
        holding("7", "a page with a row of its own", own_row, large=True),
        holding("7", "parts are invalidated", replace(own_row, hard=True), large=True),
        without("2", "index_before_position", of=own_row),
        without("7", "own_position", of=replace(own_row, hard=True)),
        without("7", "position_before_parts", of=own_row),
        without("7", "stale_whole_is_not_stored", of=model),
        holding("18", "a page of a fragment of a part", three),
        without("18", "answer_says_stale", of=three),
    ]


def weak_cases() -> list[Case]:
    model = WeakModel(Weak())
    withdrawal = replace(model, changes="w")
    return [
        holding("20", "an edit", model),
        holding("20", "an edit, and the relay dies", replace(model, crashes=1)),
        holding("20", "a withdrawal", withdrawal),
        holding("20", "an edit and a withdrawal", replace(model, changes="ew"), large=True),
        holding("20", "a withdrawal and an edit", replace(model, changes="we"), large=True),
        holding("20", "both, and the relay dies", replace(model, changes="ew", crashes=1), large=True),
        without("20", "page_has_mention_tag", of=model),
        without("20", "one_append", of=model, holds=True),
        without("20", "one_append", "strong_record_first", of=model),
        without("20", "one_append", "strong_record_first", of=withdrawal, what="withdrawal"),
        without("20", "one_append", "row_until_both", of=model),
        without("20", "withdrawal_ends_mentions", of=withdrawal),
        without("20", "two_slots", of=replace(model, changes="we")),
    ]


def lifetimes_cases() -> list[Case]:
    model = LifetimesModel(Lifetimes())
    return [
        holding("18+20", "times of a page with two parts", model),
        without("18", "strong_part_bounds_page", of=model),
        without("20", "weak_part_bounds_nothing", of=model),
        without("20", "weakly_stale_page_is_stale", of=model),
    ]


def cutoff_cases() -> list[Case]:
    model = CutoffModel(Cutoff())
    same = replace(model, values=(1, 1), makers=(0,), most_records=4)
    withdrawal, dies = replace(model, values=(WITHDRAWN,)), replace(model, crashes=1)
    back = replace(model, values=(1, 0), most_records=5)
    return [
        holding("21", "one change", model),
        holding("21", "the same value twice", same),
        holding("21", "a maker dies", dies),
        holding("21", "the ranking is evicted", replace(model, evictions=1, most_records=3), large=True),
        holding("21", "two makers of 0 and 1 and 0", replace(back, most_records=4), large=True),
        without("21", "is_made_for_row", of=model),
        without("21", "row_until_compared", of=dies),
        without("21", "append_before_store", of=dies),
        without("21", "absent_is_changed", of=replace(model, evictions=1)),
        without("21", "compares_with_last_announced", of=replace(back, most_records=4)),
        without("21", "stored_at_own_record", of=same),
        without("21", "own_record_follows_load", of=replace(model, values=(1, 2), most_records=3)),
        holding("20+21", "a withdrawal", withdrawal),
        holding("20+21", "the ranking is served stale", replace(model, soft=True), large=True),
        holding(
            "20+21", "a change and a withdrawal", replace(model, values=(1, WITHDRAWN), most_records=4), large=True
        ),
        without("20+21", "withdrawal_ends_pages", of=withdrawal),
        without("20+21", "strong_record_first", of=withdrawal, holds=True),
        without("20+21", "strong_record_first", "ranking_has_own_tag", of=withdrawal),
        without("20+21", "stale_part_makes_page_stale", of=replace(model, soft=True)),
        replace(without("20+21", "ranking_has_own_tag", of=back), is_large=True),
    ]


def releases_cases() -> list[Case]:
    model = ReleasesModel(Releases())
    stopped = replace(model, stops=1)
    return [
        holding("releases", "two writes", replace(model, writes=2), large=True),
        holding("releases", "one is stopped and comes back", stopped),
        without("releases", "release_is_in_key", of=model),
        without("releases", "each_release_names_its_tags", of=model),
        without("releases", "floor_on_return", of=stopped),
    ]
