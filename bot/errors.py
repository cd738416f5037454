"""The one kind of error a person is shown: what happened, and what to do next."""

from collections.abc import Sequence


class BotError(Exception):
    """Something a person can act on.

    Attributes:
        code: stable, in capitals, for tests, logs and the API.
        sentence: what happened, in one sentence.
        next_step: what to do about it, in one sentence; may be empty.
        field: the modal input it is about (`region`, `address`, …), where there is one.
        candidates: what could be meant instead, best first.
        line: of a file, where it is about one.
    """

    def __init__(self, code: str, sentence: str, next_step: str = "", *, field: str = "") -> None:
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
