"""When a mailer is polled: how often while all is well, and a circuit breaker for each region that does not answer."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from storage import IdentityState, Production

SILENT_AFTER: Final = 5
"""Polls in a row, of any mailer, that AWS did not answer."""

TRY_EVERY: Final = timedelta(seconds=30)
"""Between two looks at a silent region, one mailer's for all."""


@dataclass(slots=True)
class _Silence:
    looks: int
    tried_at: datetime


class RegionBreaker:
    """A breaker a region. A refusal is an answer, too: only silence counts."""

    def __init__(self) -> None:
        self._silent: dict[str, _Silence] = {}

    def allows(self, region: str, now: datetime) -> bool:
        """Return whether to poll there now; one poll at a time tests a silent region."""
        silence = self._silent.get(region)
        if silence is None or silence.looks < SILENT_AFTER:
            return True
        if now - silence.tried_at < TRY_EVERY:
            return False
        silence.tried_at = now
        return True

    def record_success(self, region: str) -> None:
        self._silent.pop(region, None)

    def record_failure(self, region: str, now: datetime) -> None:
        looks = self._silent[region].looks if region in self._silent else 0
        self._silent[region] = _Silence(looks + 1, now)


@dataclass(frozen=True, slots=True)
class PollIntervals:
    """How often a mailer's facts are read again, by what it waits for."""

    pending: timedelta = timedelta(seconds=60)
    in_review: timedelta = timedelta(seconds=300)
    healthy: timedelta = timedelta(seconds=600)

    def after(self, production: Production, managed: Iterable[IdentityState]) -> timedelta:
        """Return the time until the next poll of a mailer with managed identities in these states."""
        intervals = [self.healthy]
        if production is Production.IN_REVIEW:
            intervals.append(self.in_review)
        if IdentityState.PENDING in managed:
            intervals.append(self.pending)
        return min(intervals)
