"""Visit every state that a model can reach, the nearest first, and find the shortest way to a broken promise."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

State = TypeVar("State", bound=Hashable)

MOST_STATES = 1_000_000


class Model(Protocol[State]):
    def first_state(self) -> State: ...

    def steps(self, state: State) -> Iterable[tuple[str, State]]:
        """Each thing that may happen next, as a sentence, and the state after it."""

    def key(self, state: State) -> int:
        """A hash. States that differ in the order of equal processes may share one: they have the same future."""

    def problem(self, state: State) -> str | None:
        """The promise that this state breaks, as a sentence; None if it breaks none."""


@dataclass(frozen=True)
class Exploration:
    states: int
    problem: str | None = None
    story: tuple[str, ...] = ()
    # False if the bound came before the last state.
    is_complete: bool = True

    @property
    def holds(self) -> bool:
        return self.problem is None and self.is_complete


def explore(model: Model[State], most: int = MOST_STATES) -> Exploration:
    """Stops at the first broken promise, or when `most` states were visited.

    States are kept as hashes of 64 bits. With a million states, two share a hash with a chance below one in a
    million; the later one would be left out.
    """
    first = model.first_state()
    reached_from: dict[int, int | None] = {model.key(first): None}
    level, problem = [(model.key(first), first)], model.problem(first)
    if problem:
        return Exploration(1, problem)
    while level:
        next_level = []
        for name, state in level:
            for _, following in model.steps(state):
                reached = model.key(following)
                if reached in reached_from:
                    continue
                reached_from[reached] = name
                problem = model.problem(following)
                if problem:
                    return Exploration(len(reached_from), problem, _story(model, reached_from, reached))
                next_level.append((reached, following))
            if len(reached_from) > most:
                return Exploration(len(reached_from), is_complete=False)
        level = next_level
    return Exploration(len(reached_from))


def _story(model: Model[State], reached_from: dict[int, int | None], last: int) -> tuple[str, ...]:
    way: list[int] = []
    step: int | None = last
    while step is not None:
        way.append(step)
        step = reached_from[step]
    state, sentences = model.first_state(), []
    for wanted in way[-2::-1]:
        sentence, state = next(each for each in model.steps(state) if model.key(each[1]) == wanted)
        sentences.append(sentence)
    return tuple(sentences)
