"""Visits every state that a model can be in, breadth first, so that what is wrong is told with the shortest trace."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)


@dataclass(frozen=True)
class Step(Generic[S]):
    """Something that may happen: what it is called, what is then, and what is wrong about it, if anything is."""

    label: str
    after: S
    wrong: str = ""


Steps = Callable[[S], Iterable[Step[S]]]


class ViolationError(Exception):
    """What is wrong, and what happened until then."""

    def __init__(self, wrong: str, trace: list[str]) -> None:
        super().__init__("\n".join([wrong, *(f"{number:3} {label}" for number, label in enumerate(trace, start=1))]))
        self.wrong, self.trace = wrong, trace


@dataclass(frozen=True)
class Explored(Generic[S]):
    """All states, and where each was first come to from; `edges` counts what may happen in them."""

    came_from: dict[S, tuple[S, str] | None]
    edges: int


def explore(start: S, steps: Steps[S], wrong: Callable[[S], str], is_end: Callable[[S], bool]) -> Explored[S]:
    """Visit every state.

    Raises:
        ViolationError: a step or a state is wrong, or no end can be come to from a state.
    """
    came_from: dict[S, tuple[S, str] | None] = {start: None}
    before: dict[S, list[S]] = {start: []}
    waiting, edges = deque([start]), 0
    while waiting:
        state = waiting.popleft()
        for step in steps(state):
            edges += 1
            is_new = step.after not in came_from
            if is_new:
                came_from[step.after] = state, step.label
                before[step.after] = []
                waiting.append(step.after)
            if why := step.wrong or (wrong(step.after) if is_new else ""):
                raise ViolationError(why, [*_trace(came_from, state), step.label])
            before[step.after].append(state)
    if stuck := next(_without_end(before, is_end), None):
        raise ViolationError("it never comes to an end", _trace(came_from, stuck))
    return Explored(came_from, edges)


def _without_end(before: dict[S, list[S]], is_end: Callable[[S], bool]) -> Iterator[S]:
    """Yield the states from which no end can be come to, the first one first."""
    waiting = [state for state in before if is_end(state)]
    fine = set(waiting)
    while waiting:
        for state in before[waiting.pop()]:
            if state not in fine:
                fine.add(state)
                waiting.append(state)
    yield from (state for state in before if state not in fine)


def _trace(came_from: dict[S, tuple[S, str] | None], state: S) -> list[str]:
    """Return what happened until a state, from the start."""
    labels: list[str] = []
    while found := came_from[state]:
        state, label = found
        labels.append(label)
    return labels[::-1]
