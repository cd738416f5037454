"""What the delivery worker does next, as the claiming transaction found it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from bot.broadcast.content.message import Personalizer
from bot.broadcast.delivery.account_lease import AccountLease
from bot.ses.bulk_send import BulkEntry
from bot.ses.operations import Ses
from storage import Mailer, PauseReason


@dataclass(frozen=True, slots=True)
class ClaimedChunk:
    """What one SendBulkEmail is going to carry. The id of the chunk is its attempt tag.

    `has_first_tries`: not all of them are recipients who were put aside before.
    """

    chunk_id: str
    broadcast_id: str
    team_id: str
    held: AccountLease
    mailer: Mailer = field(repr=False)
    ses: Ses = field(repr=False)
    personalizer: Personalizer = field(repr=False)
    seqs: Sequence[int]
    entries: Sequence[BulkEntry] = field(repr=False)
    has_first_tries: bool


@dataclass(frozen=True, slots=True)
class Claimed:
    """Calls that go now; `next_at` is when the account may be called again, `at_once` how many may be under way."""

    calls: Sequence[ClaimedChunk]
    next_at: datetime
    at_once: int


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: float


@dataclass(frozen=True, slots=True)
class FactsStale:
    """What is known of this mailer is too old to send on: it must be read again first."""

    mailer: Mailer


@dataclass(frozen=True, slots=True)
class Blocked:
    """It is not ready."""

    broadcast_id: str
    reason: PauseReason


@dataclass(frozen=True, slots=True)
class Drained:
    """Nothing of this broadcast is left to be claimed, and none of our calls is under way."""

    broadcast_id: str


class Idle(Enum):
    """Why nothing was claimed."""

    AGAIN = auto()  # something else changed: ask again
    IN_FLIGHT = auto()  # all that is left of a broadcast is under way
    NOTHING = auto()  # no broadcast of this account is sending
    LOST = auto()  # another process has the lease


Step = Claimed | Wait | FactsStale | Blocked | Drained | Idle
