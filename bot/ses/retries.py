"""Calls made again while AWS has no time for them, or does not know everywhere what was made a moment ago."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bot.ses.client import WAITS, AwsSession, spread
from bot.ses.errors import UNKNOWN_KEY_CODES, ErrorKind, SesError

KEY_WAIT_SECONDS = 2

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True)
class ExpectedRefusal:
    """A refusal over something made a moment ago, and how long it is borne."""

    means: Callable[[SesError], bool]
    waits: tuple[int, ...]  # in seconds, before each further try


class Retrier:
    """Args: `settled_at` is when a key made just now is known everywhere, by `monotonic`, in seconds."""

    def __init__(self, session: AwsSession, sleep: Sleep, monotonic: Callable[[], float], settled_at: float) -> None:
        self._session = session
        self._sleep = sleep
        self._monotonic = monotonic
        self._settled_at = settled_at

    async def call(self, action: str, call: Callable[[Any], Any], not_yet: ExpectedRefusal | None = None) -> Any:
        """Make a call; one attempt each time, so that what has a meaning here is not repeated elsewhere.

        Raises:
            SesError: when it fails, and no waiting helps.
        """
        tries: Counter[ErrorKind] = Counter()
        while True:
            try:
                return await self._session.call(action, call, once=True)
            except SesError as error:
                wait = self._wait(error, tries[error.kind], not_yet)
                if wait is None:
                    raise
                tries[error.kind] += 1
            await self._sleep(wait)

    def _wait(self, error: SesError, tries: int, not_yet: ExpectedRefusal | None) -> float | None:
        if error.code in UNKNOWN_KEY_CODES and self._monotonic() < self._settled_at:
            return KEY_WAIT_SECONDS
        if not_yet is not None and not_yet.means(error):
            return not_yet.waits[tries] if tries < len(not_yet.waits) else None
        waits = WAITS.get(error.kind, ())
        return spread(waits[tries]) if tries < len(waits) else None
