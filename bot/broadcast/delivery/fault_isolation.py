"""Finds why SES refused a mail: one recipient, what all mails of the broadcast share, or SES itself.

- A call refused for its content is repeated in two halves, down to calls of one. A recipient refused alone fails once
  SES has accepted any other of the broadcast. Until then it is put aside, and once three in a row, or all there are,
  were refused, the broadcast stops and no recipient fails.
- A recipient that fails transiently is put aside and tried again, a few times at most. Where all of several fail, and
  not only ones put aside before, the region is at fault: it gets no calls for a while, and until it accepts one again
  no try counts.
- Where nearly all fail one by one, the broadcast stops before it has used up its audience.

All of this is in memory only, and is found out again after a restart.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from sqlmodel import col

from bot.broadcast.audience.store import is_any
from bot.broadcast.content.message import Recipient
from bot.broadcast.delivery.chunk import ClaimedChunk
from bot.broadcast.delivery.send_result import SendResult
from bot.ses.bulk_send import EntryOutcome
from storage import ACCEPTED, Delivery, DeliveryState, Session

MOST_TRIES: Final = 5
"""Calls that may fail transiently for one recipient."""

RETRY_DELAY: Final = timedelta(seconds=60)
"""For so long a recipient who was put aside waits, and the others have the calls to themselves."""

ISOLATED_REFUSALS_TO_STOP: Final = 3
"""Recipients in a row that AWS may refuse, each alone, while it has taken nobody of their broadcast."""

MOST_FAILED: Final = 100
"""A broadcast stops with the failure that brings it there. Every recipient that is sent makes up for 19 failures."""

_MADE_UP_FOR = 19  # so the failures add up only while over 95 % fail


@dataclass(slots=True)
class _Seen:
    """Of one broadcast: in how large a call each of those goes next that AWS refused together, and the failures."""

    limits: dict[int, int] = field(default_factory=dict)
    alone: int = 0
    failed: int = 0


class FaultIsolator:
    """What the answers to the calls of one account have taught so far."""

    def __init__(self) -> None:
        self._seen: defaultdict[str, _Seen] = defaultdict(_Seen)
        self._region_works = True

    def max_batch(self, broadcast_id: str, addressees: Sequence[Recipient], limit: int) -> int:
        """Return how many of these, from the start, may go in one call: the limit, and less where some are suspect."""
        seen = self._seen.get(broadcast_id)
        if seen is None or not seen.limits:
            return limit
        for number, addressee in enumerate(addressees[:limit]):
            limit = min(limit, seen.limits.get(addressee.seq, limit))
            if number >= limit:
                return number
        return limit

    def observe(self, call: ClaimedChunk, answer: SendResult) -> SendResult:
        """Learn from an answer, and return it with what follows from all of them."""
        if answer.is_transient:
            if len(call.seqs) > 1 and call.has_first_tries:
                self._region_works = False
            return replace(answer, excused=not self._region_works)
        sent = sum(result.outcome is EntryOutcome.SENT for result in answer.results)
        if sent == len(answer.results) and call.broadcast_id not in self._seen:
            self._region_works = True
            return answer
        seen = self._seen[call.broadcast_id]
        _halve(seen, call, answer)
        is_alone = answer.is_refused and len(call.seqs) == 1
        failed = [each for each in answer.results if is_alone or each.outcome is EntryOutcome.FAILED]
        self._region_works = self._region_works or bool(sent or failed)
        seen.alone = 0 if sent else seen.alone + is_alone
        seen.failed = max(0, seen.failed + len(failed) - sent * _MADE_UP_FOR)
        hopeless = _hopeless(failed[-1].reason) if failed and seen.failed >= MOST_FAILED else ""
        return replace(answer, alone=seen.alone, hopeless=hopeless) if is_alone or hopeless else answer

    def forget(self, broadcast_id: str) -> None:
        """Forget a broadcast of which nothing is left to be sent."""
        self._seen.pop(broadcast_id, None)


def _halve(seen: _Seen, call: ClaimedChunk, answer: SendResult) -> None:
    if answer.is_refused:
        seen.limits |= dict.fromkeys(call.seqs, max(1, len(call.seqs) // 2))
    elif answer.error is None:
        for seq in call.seqs:
            seen.limits.pop(seq, None)


def _hopeless(reason: str) -> str:
    return f"Amazon SES refuses nearly every recipient, the last one for this reason: {reason}"


async def decide_isolated(session: Session, call: ClaimedChunk, answer: SendResult) -> SendResult:
    """Decide on a recipient that AWS refused alone: failed, put aside for now, or no more at fault than all the others.

    The caller has the broadcast locked.
    """
    if not answer.alone:
        return answer
    broadcast = call.broadcast_id
    if await is_any(session, broadcast, ACCEPTED):
        outcome = EntryOutcome.FAILED
    elif await is_any(session, broadcast, {DeliveryState.SENDING}, col(Delivery.seq) != call.seqs[0]):
        outcome = EntryOutcome.TRANSIENT  # what is under way may yet be taken
    elif answer.alone < ISOLATED_REFUSALS_TO_STOP and await is_any(
        session, broadcast, {DeliveryState.PENDING}, Delivery.retries == 0
    ):
        outcome = EntryOutcome.TRANSIENT
    else:
        outcome = EntryOutcome.STOP
    return replace(answer, results=[each._replace(outcome=outcome) for each in answer.results], excused=True)
