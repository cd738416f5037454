"""How fast one AWS account is sent to: GCRA at a share of its rate, which gives way when AWS says it is too fast.

The time at which the next call fits stands in the row of the account, so that a take-over goes on at the same pace.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from bot.pacing import next_fit, seconds_until

BACKPRESSURE_FACTOR = 0.7
"""What is left of the share after AWS found it too fast."""

# SES counts recipients in any second, and two calls may travel at different speeds: what is left free takes that up.
_SHARE = 0.975
_LATENCY = 0.4  # seconds that SES may take for a call without slowing a broadcast down
_MOST_CALLS = 8
_LATE = timedelta(milliseconds=15)  # a call this late keeps the beat
_GROWTH = 0.05  # of the share, with each call


@dataclass(frozen=True, slots=True)
class RateLimiter:
    """The share of AWS's rate that is used, and when the next call fits; None: never used yet.

    It is a share, so that a rate that AWS raises or lowers counts at once.
    """

    share: float
    next_at: datetime | None

    def wait(self, now: datetime, more: int = 0, limit: float = 1.0) -> float:
        """Return the seconds until the next call fits, where it carries so many more recipients than the one before."""
        if self.next_at is None:
            return 0.0
        fits_at = self.next_at + timedelta(seconds=max(0, more) / self._rate(self.share, limit))
        return seconds_until(fits_at, now)

    def take(self, recipients: int, limit: float, now: datetime) -> tuple[float, datetime]:
        """Return the share and the next time after a call now, where AWS lets the account send `limit` a second."""
        share = min(1.0, self.share + _GROWTH)
        cost = timedelta(seconds=recipients / self._rate(share, limit))
        return share, next_fit(self.next_at, now, cost, late=_LATE)

    @staticmethod
    def _rate(share: float, limit: float) -> float:
        return share * (limit if limit > 0 else 1.0) * _SHARE


def chunk_limit(max_send_rate: float) -> int:
    """Return how many recipients one SendBulkEmail may carry.

    SES takes 50 destinations a call, and may limit them to the account's rate (SES developer guide, "Using templates
    to send personalized email").
    """
    return max(1, min(50, int(max_send_rate)))


def calls_at_once(max_send_rate: float) -> int:
    """Return how many calls may be under way at a time: what the rate takes where SES answers slowly."""
    return max(4, min(_MOST_CALLS, ceil(_LATENCY * max_send_rate / chunk_limit(max_send_rate))))


def calls_together(max_send_rate: float) -> int:
    """Return how many calls may go at the same moment: they are no more than what the share leaves free in a second."""
    return max(1, int((1 - _SHARE) * max_send_rate / chunk_limit(max_send_rate)))
