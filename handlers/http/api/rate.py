"""How often a token may ask, so that one program in a loop does not slow the others down."""

from collections.abc import Callable
from datetime import datetime, timedelta

PER_SECOND = 50
BURST = 500
REMEMBERED = 10_000


class Rate:
    """A bucket per key that holds `BURST` requests and gains `PER_SECOND`; one time per key is all it keeps (GCRA)."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._full_at: dict[str, datetime] = {}  # when the bucket of a key is full again

    def seconds_to_wait(self, key: str) -> float:
        """Take one request out; 0, or how long until there is one to take."""
        now = self._clock()
        full_at = max(now, self._full_at.get(key, now)) + timedelta(seconds=1 / PER_SECOND)
        wait = (full_at - now).total_seconds() - BURST / PER_SECOND
        if wait > 0:
            return wait
        if len(self._full_at) >= REMEMBERED:
            self._full_at = {key: at for key, at in self._full_at.items() if at > now}
        self._full_at[key] = full_at
        return 0
