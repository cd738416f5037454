"""How fast something may go on: GCRA, and exponential backoff.

GCRA (the generic cell rate algorithm of ITU-T I.371) keeps one time, the earliest at which the next call fits.
"""

import random
from datetime import datetime, timedelta

NO_TIME = timedelta()


def next_fit(next_at: datetime | None, now: datetime, cost: timedelta, *, late: timedelta = NO_TIME) -> datetime:
    """Return when the next call fits after one at `now` that takes this much time of the rate.

    A call that is at most `late` keeps the beat, so that lateness does not add up.
    """
    return (next_at if next_at and now - next_at <= late else now) + cost


def seconds_until(fits_at: datetime, now: datetime, *, burst: timedelta = NO_TIME) -> float:
    """Return how long to wait where calls may run ahead of the rate by a burst."""
    return max(0.0, (fits_at - now - burst).total_seconds())


def backoff(failures: int, first: float, longest: float, *, jitter: float = 0) -> float:
    """Return how many seconds to wait after so many failures in a row: each time twice as long, up to `longest`.

    `jitter` is the share of it that is left to chance, so that what failed together does not come back together.
    """
    full = min(longest, first * 2.0 ** min(failures - 1, 20))
    return full * random.uniform(1 - jitter, 1)  # noqa: S311 - spreads load, hides nothing
