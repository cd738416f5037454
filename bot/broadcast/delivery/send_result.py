"""One call in one attempt, and what its answer says of each of its recipients."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.broadcast.delivery.chunk import ClaimedChunk
from bot.ses.bulk_send import EntryOutcome, EntryResult, names_sender
from bot.ses.errors import ErrorKind, SesError

log = logging.getLogger(__name__)

_OUTCOME_OF_ERROR = {
    ErrorKind.UNAVAILABLE: EntryOutcome.IN_DOUBT,
    ErrorKind.QUOTA: EntryOutcome.QUOTA,
    ErrorKind.LIMIT: EntryOutcome.QUOTA,  # SES's code for the quota, too, with a text of its own
    ErrorKind.PAUSED: EntryOutcome.PAUSED,
    ErrorKind.SUSPENDED: EntryOutcome.SUSPENDED,
    ErrorKind.IDENTITY: EntryOutcome.IDENTITY,
    ErrorKind.RATE: EntryOutcome.RETRY,
    ErrorKind.THROTTLED: EntryOutcome.RETRY,
    ErrorKind.NOT_SENT: EntryOutcome.RETRY,
    ErrorKind.EXPIRED: EntryOutcome.RETRY,
    ErrorKind.PRINCIPAL: EntryOutcome.RETRY,
    ErrorKind.CLOCK_SKEW: EntryOutcome.RETRY,
    ErrorKind.BAD_REQUEST: EntryOutcome.REFUSED,
    ErrorKind.REJECTED: EntryOutcome.REFUSED,
}
_OF_ACCOUNT = frozenset({EntryOutcome.QUOTA, EntryOutcome.PAUSED, EntryOutcome.SUSPENDED})
_FINAL = frozenset({EntryOutcome.SENT, EntryOutcome.FAILED, EntryOutcome.IN_DOUBT})


@dataclass(frozen=True, slots=True)
class SendResult:
    """One result for each entry, and the error where the call as a whole failed.

    What `FaultIsolator` makes of it:

    Attributes:
        excused: what is transient of it is not counted against the recipients; where AWS said so, it is unwell.
        alone: so many recipients in a row were refused in a call of their own, this one included.
        hopeless: why the rest of the broadcast had better not be tried.
    """

    results: Sequence[EntryResult]
    error: SesError | None = None
    excused: bool = False
    alone: int = 0
    hopeless: str = ""

    @property
    def outcomes(self) -> frozenset[EntryOutcome]:
        return frozenset(result.outcome for result in self.results)

    @property
    def took_all(self) -> bool:
        """Whether AWS took everybody."""
        return all(result.outcome is EntryOutcome.SENT for result in self.results)

    @property
    def has_consequences(self) -> bool:
        """Whether the broadcast or its account may have to wait or stop: not all was sent, failed or is in doubt."""
        return bool(self.hopeless) or not self.outcomes <= _FINAL

    @property
    def concerns_account(self) -> bool:
        """Whether other broadcasts of the account have to wait as well."""
        return self.lost_access is not None or bool(self.outcomes & _OF_ACCOUNT)

    @property
    def is_refused(self) -> bool:
        """Whether AWS refused the call for what is in it, be it one recipient or what all of them share."""
        return EntryOutcome.REFUSED in self.outcomes

    @property
    def is_transient(self) -> bool:
        """Whether everybody in it failed transiently."""
        return self.outcomes == {EntryOutcome.TRANSIENT}

    @property
    def lost_access(self) -> SesError | None:
        """Whether the mailer's permissions must be checked again, which also restores what is missing at AWS."""
        if EntryOutcome.SET_UP in self.outcomes:
            code = next(each.status for each in self.results if each.outcome is EntryOutcome.SET_UP)
            return SesError(ErrorKind.MISSING_ACTION, code, "ses:CreateConfigurationSet")
        return self.error if self.error and self.error.is_access_loss else None

    @property
    def too_fast(self) -> bool:
        """Whether AWS asked us to slow down."""
        if self.error:
            return self.error.kind in {ErrorKind.RATE, ErrorKind.THROTTLED}
        return EntryOutcome.RETRY in self.outcomes or self.excused

    @property
    def troubled(self) -> bool:
        """Whether AWS had better be left alone for a while."""
        return self.too_fast or (self.error is not None and not self.is_refused)


@dataclass(frozen=True, slots=True)
class AnsweredChunk:
    """A chunk that AWS has answered; `rest` is how many seconds to leave the account alone."""

    call: ClaimedChunk
    answer: SendResult
    rest: float
    stored: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_plain(self) -> bool:
        """Whether nothing follows from it but the states of its recipients."""
        return not (self.rest or self.answer.has_consequences)


async def send_chunk(call: ClaimedChunk) -> SendResult:
    """Make the one call. Whatever happens, there is an answer for each entry."""
    try:
        results = await call.ses.send_bulk(
            sender=call.personalizer.fixed.sender,
            reply_to=call.personalizer.reply_to,
            configuration_set=call.mailer.configuration_set,
            template=call.personalizer.template,
            entries=call.entries,
            tags=call.personalizer.tags(call.chunk_id),
        )
    except SesError as error:
        return SendResult(
            [EntryResult(_outcome_of(error, call), error.code, error=error.text)] * len(call.entries), error
        )
    except Exception:  # a fault of ours, perhaps after the mail went: so it is in doubt
        log.exception("the call of chunk %s ended with an error of ours", call.chunk_id)
        return SendResult([EntryResult(EntryOutcome.IN_DOUBT, "", error="internal error")] * len(call.entries))
    return SendResult(results)


def _outcome_of(error: SesError, call: ClaimedChunk) -> EntryOutcome:
    """Say what the refusal of a whole call means: SES refuses a sender that way, or for each entry."""
    if error.is_access_loss:
        return EntryOutcome.RETRY
    if names_sender(error.unverified, call.personalizer.fixed.sender):
        return EntryOutcome.IDENTITY
    if f"Configuration set <{call.mailer.configuration_set}> does not exist".lower() in error.text.lower():
        return EntryOutcome.SET_UP
    return _OUTCOME_OF_ERROR.get(error.kind, EntryOutcome.STOP)
