"""Calls made again while AWS has no time for them, or does not know everywhere what was made a moment ago."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bot.ses.client import AwsSession
from bot.ses.errors import UNKNOWN_KEY_CODES, ErrorKind, SesError

THROTTLE_WAITS_SECONDS = (1, 2, 4, 4, 4)  # before a call that was refused for now is made again
LOSS_WAITS_SECONDS = (1, 2)  # before one that got no answer is
KEY_WAIT_SECONDS = 2

WAITS = {
    ErrorKind.THROTTLED: THROTTLE_WAITS_SECONDS,
    ErrorKind.RATE: THROTTLE_WAITS_SECONDS,
    ErrorKind.UNAVAILABLE: LOSS_WAITS_SECONDS,
    ErrorKind.NOT_SENT: LOSS_WAITS_SECONDS,
}

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

    def _wait(self, error: SesError, tries: int, not_yet: ExpectedRefusal | None) -> int | None:
        if error.code in UNKNOWN_KEY_CODES and self._monotonic() < self._settled_at:
            return KEY_WAIT_SECONDS
        waits = not_yet.waits if not_yet is not None and not_yet.means(error) else WAITS.get(error.kind, ())
        return waits[tries] if tries < len(waits) else None
