"""Bounces and complaints: where Mailroom warns and stops, well below where AWS does.

AWS may pause an account at 10 % bounces or 0.5 % complaints (AWS re:Post, "SES account under review"). Mail to the
simulator counts nowhere.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

from storage import Mailer

WINDOW: Final = timedelta(hours=24)
ENOUGH_SENT: Final = 200
"""Below it a share says nothing."""

WARNING_ENDS: Final = 0.8
"""Share of the line to warn at below which a warning ends, so that it does not flap."""


class Level(IntEnum):
    FINE = 0
    BELOW_WARN = 1  # below the line to warn at, and not far below
    WARN = 2
    STOP = 3


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which share, and from how many, one warns and stops."""

    warn: float
    stop: float
    enough: int

    def level(self, count: int, sent: int) -> Level:
        if sent < ENOUGH_SENT or count < self.enough:
            return Level.FINE
        share = count / sent
        if share >= self.stop:
            return Level.STOP
        if share >= self.warn:
            return Level.WARN
        return Level.BELOW_WARN if share >= self.warn * WARNING_ENDS else Level.FINE


BOUNCES: Final = Threshold(warn=0.025, stop=0.05, enough=10)
COMPLAINTS: Final = Threshold(warn=0.001, stop=0.003, enough=3)


@dataclass(frozen=True, slots=True)
class Rates:
    """Mails that SES took, and how many of them bounced for good or were complained about."""

    sent: int = 0
    bounces: int = 0
    complaints: int = 0

    @property
    def bounce_level(self) -> Level:
        return BOUNCES.level(self.bounces, self.sent)

    @property
    def complaint_level(self) -> Level:
        return COMPLAINTS.level(self.complaints, self.sent)

    @property
    def must_stop(self) -> bool:
        return max(self.bounce_level, self.complaint_level) is Level.STOP

    def in_words(self) -> str:
        """The numbers, for people: `52 of 1,000 mails bounced (5.2 %), 1 was complained about (0.1 %)`."""
        share = 100 / self.sent if self.sent else 0.0
        return (
            f"{self.bounces:,} of {self.sent:,} mails bounced for good ({self.bounces * share:.1f} %), "
            f"{self.complaints:,} drew a complaint ({self.complaints * share:.2f} %)"
        )


def rates_of(mailer: Mailer, now: datetime) -> Rates:
    """Return the mailer's rates over its last 24 hours; none where nothing was heard in that time."""
    if mailer.reputation_at is None or now - mailer.reputation_at > WINDOW:
        return Rates()
    return Rates(mailer.sent_lately, mailer.bounced_lately, mailer.complained_lately)
