"""The one kind of error a person is shown: what happened, and what to do next."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Self, TypeVar

Found = TypeVar("Found")


class Code(StrEnum):
    """What is wrong. Each package has an enum of its own codes.

    The value goes to logs and to users of the API, and stays as it is. A code that always means the same sentence has
    it here, with its next step; every other code gets its sentence where it is raised.
    """

    sentence: str
    next_step: str

    def __new__(cls, value: str, sentence: str = "", next_step: str = "") -> Self:
        code = str.__new__(cls, value)
        code._value_ = value
        code.sentence = sentence
        code.next_step = next_step
        return code


class BotError(Exception):
    """Something a person can act on.

    Attributes:
        code: what is wrong, for tests, logs and the API.
        sentence: what happened, in one sentence.
        next_step: what to do about it, in one sentence; may be empty.
        field: the modal input it is about (`region`, `address`, …), where there is one.
        candidates: what could be meant instead, best first.
        line: of a file, where it is about one.
    """

    def __init__(self, code: Code, sentence: str = "", next_step: str = "", *, field: str = "") -> None:
        sentence, next_step = sentence or code.sentence, next_step or code.next_step
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence
        self.next_step = next_step
        self.field = field
        self.candidates: Sequence[str] = ()
        self.line: int | None = None

    @property
    def text(self) -> str:
        """The sentence and the next step, as one text."""
        return f"{self.sentence} {self.next_step}".strip()


def require(found: Found | None, code: Code, sentence: str = "", next_step: str = "", *, field: str = "") -> Found:
    """Return what was looked for; raise BotError with this code, as that takes the rest, where it is not there."""
    if found is None:
        raise BotError(code, sentence, next_step, field=field)
    return found
