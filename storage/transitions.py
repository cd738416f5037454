"""How the things that have a state move from one to another: one table each, with who may cause it and why.

A session that writes refuses a move that is in no table, also in production: the transaction is rolled back. Deliveries
and chunks are moved in bulk, by statements that name the states they move from; the tests' databases hold those to the
tables by triggers. `docs/states.md` is drawn from here.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import inspect

from storage.models import Broadcast, Chunk, Delivery, Identity, Incident
from storage.states import BroadcastState, ChunkState, DeliveryState, IdentityState, IncidentState

_SENDERS = "who may send"
_MAILROOM = "Mailroom"
_SES = "SES's event"


class IllegalTransitionError(RuntimeError):
    """The code is wrong: it moves a thing as its table does not have it."""


@dataclass(frozen=True, slots=True)
class Transition:
    """From each of the first states to the second one."""

    sources: frozenset[StrEnum]
    target: StrEnum
    who: str
    why: str


def _transition(sources: Iterable[StrEnum] | StrEnum, target: StrEnum, who: str, why: str) -> Transition:
    several = [sources] if isinstance(sources, StrEnum) else sources
    return Transition(frozenset(several), target, who, why)


_B, _C, _D, _I, _A = BroadcastState, ChunkState, DeliveryState, IdentityState, IncidentState

BROADCAST: Final = (
    _transition(_B.DRAFT, _B.SCHEDULED, _SENDERS, "*Send now*, *Schedule*, *Send a test*, `POST /broadcasts`"),
    _transition(_B.DRAFT, _B.AWAITING_APPROVAL, _SENDERS, "*Ask for approval*"),
    _transition(
        {_B.SCHEDULED, _B.PAUSED},
        _B.AWAITING_APPROVAL,
        "team admins",
        "*Replace identity*, before it has begun, where the rule asks for approval",
    ),
    _transition(_B.AWAITING_APPROVAL, _B.CANCELLED, _SENDERS, "`POST …/cancel`"),
    _transition(_B.AWAITING_APPROVAL, _B.SCHEDULED, "approvers", "*Approve and send*, the last one that is needed"),
    _transition(
        _B.AWAITING_APPROVAL,
        _B.DRAFT,
        f"approvers, who asked, team admins, {_MAILROOM}",
        "*Request changes*; *Withdraw*; its time has come; 7 days; *Delete mailer*",
    ),
    _transition(
        _B.DRAFT,
        _B.CANCELLED,
        f"its editors, team admins, {_MAILROOM}",
        "*Discard*; nobody has changed it for 30 days",
    ),
    _transition(
        {_B.SCHEDULED, _B.PAUSED}, _B.DRAFT, _SENDERS, "*Undo*, *Edit*: before it has begun; its deliveries are deleted"
    ),
    _transition(_B.SCHEDULED, _B.SENDING, _MAILROOM, "its time has come, and *Undo* is over"),
    _transition(
        _B.SCHEDULED,
        _B.PAUSED,
        f"{_SENDERS}, {_MAILROOM}",
        "*Pause*; late, restored, or its identity is being replaced",
    ),
    _transition(_B.SCHEDULED, _B.CANCELLED, f"{_SENDERS}, {_MAILROOM}", "*Cancel broadcast*; the mailer is gone"),
    _transition(
        _B.SENDING, _B.PAUSED, f"{_SENDERS}, {_MAILROOM}", "*Pause*; quota, access, sending, identity; restored"
    ),
    _transition(_B.SENDING, _B.DONE, _MAILROOM, "nobody is left"),
    _transition(
        {_B.SENDING, _B.PAUSED}, _B.STOPPED, _MAILROOM, "bounces or complaints; an error that no waiting mends"
    ),
    _transition({_B.SENDING, _B.PAUSED, _B.STOPPED}, _B.CANCELLED, _SENDERS, "*Cancel broadcast*, *Delete mailer*"),
    _transition(
        _B.PAUSED, _B.SENDING, f"{_SENDERS}, {_MAILROOM}", "*Resume*, *Go on*; by itself where only AWS held it"
    ),
    _transition(_B.PAUSED, _B.SCHEDULED, _SENDERS, "*Resume*, *Go on*, before its time"),
    _transition(_B.STOPPED, _B.SENDING, "team admins", "*Resume* after bounces or complaints"),
    _transition(_B.STOPPED, _B.PAUSED, "team admins", "*Resume*, where the quota is used up"),
    _transition(_B.DONE, _B.SENDING, _SENDERS, "*Send again*, *Resend*"),
)
"""One that is drawn from nothing begins as `draft`."""

CHUNK: Final = (
    _transition(_C.CALLING, _C.DONE, _MAILROOM, "SES has answered, or refused the call"),
    _transition(_C.CALLING, _C.IN_DOUBT, _MAILROOM, "the answer was lost"),
    _transition(_C.IN_DOUBT, _C.DONE, f"{_SES}, {_SENDERS}", "none of its recipients is in doubt any more"),
)
"""One begins as `calling`, in the transaction that claims its recipients."""

_HANDED_OVER = {_D.SENDING, _D.IN_DOUBT, _D.SENT}
DELIVERY: Final = (
    _transition(_D.PENDING, _D.SENDING, _MAILROOM, "claimed for a call"),
    _transition(_D.PENDING, _D.SUPPRESSED, _MAILROOM, "on the suppression list when it was claimed"),
    _transition(_D.PENDING, _D.CANCELLED, _SENDERS, "the broadcast was cancelled"),
    _transition(_D.PENDING, _D.IN_DOUBT, _MAILROOM, "restored from a copy, and it may have gone out since"),
    _transition(_D.PENDING, _D.FAILED, _MAILROOM, "refused alone, again and again"),
    _transition({_D.SENDING, _D.IN_DOUBT}, _D.SENT, f"{_MAILROOM}, {_SES}", "SES has taken it"),
    _transition(_HANDED_OVER, _D.FAILED, f"{_MAILROOM}, {_SES}", "SES refuses it for good"),
    _transition({_D.SENDING, _D.IN_DOUBT}, _D.PENDING, f"{_MAILROOM}, {_SENDERS}", "SES did not take it; *Send again*"),
    _transition(_D.SENDING, _D.IN_DOUBT, _MAILROOM, "the answer was lost"),
    _transition(_D.SENDING, _D.CANCELLED, _MAILROOM, "SES did not take it, and the broadcast was cancelled meanwhile"),
    _transition(_D.FAILED, _D.PENDING, _SENDERS, "*Resend*"),
    _transition({*_HANDED_OVER, _D.FAILED}, _D.SUPPRESSED, _SES, "the address is on AWS's own suppression list"),
    _transition({*_HANDED_OVER, _D.FAILED, _D.SUPPRESSED, _D.DELIVERED}, _D.BOUNCED, _SES, "it bounced"),
    _transition({*_HANDED_OVER, _D.FAILED, _D.SUPPRESSED, _D.BOUNCED}, _D.DELIVERED, _SES, "delivered, if late"),
    _transition(
        {*_HANDED_OVER, _D.FAILED, _D.SUPPRESSED, _D.DELIVERED, _D.BOUNCED}, _D.COMPLAINED, _SES, "marked as spam"
    ),
)
"""One begins as `pending`. Over a broadcast they add up to its audience at every moment."""

IDENTITY: Final = tuple(
    _transition(set(_I) - {state}, state, "AWS", why)
    for state, why in {
        _I.PENDING: "not verified yet, or to be verified again",
        _I.VERIFIED: "verified, and may send",
        _I.FAILED: "the records or the click did not come in time",
        _I.TEMPORARY_FAILURE: "AWS cannot find the records of a verified domain just now",
        _I.GONE: "deleted at AWS",
    }.items()
)
"""AWS's word is taken over from any state: a person may have changed it in the console."""

INCIDENT: Final = (
    _transition(_A.OPEN, _A.ACKNOWLEDGED, "anybody in the channel", "*Acknowledge*"),
    _transition({_A.OPEN, _A.ACKNOWLEDGED}, _A.RESOLVED, _MAILROOM, "the facts say that it is over"),
)
"""One begins as `open`; the same thing later is another one."""

TABLES: Final[Mapping[type, Collection[Transition]]] = {
    Broadcast: BROADCAST,
    Chunk: CHUNK,
    Delivery: DELIVERY,
    Identity: IDENTITY,
    Incident: INCIDENT,
}
LEGAL: Final[Mapping[type, frozenset[tuple[StrEnum, StrEnum]]]] = {
    model: frozenset((source, each.target) for each in table for source in each.sources)
    for model, table in TABLES.items()
}


def check(rows: Iterable[Any]) -> None:
    """Refuse what is about to be stored where its state has moved as no table has it.

    Raises:
        IllegalTransitionError: the first such row.
    """
    for row in rows:
        if (legal := LEGAL.get(type(row))) is None:
            continue
        history = inspect(row).attrs.state.history
        if history.deleted and (move := (history.deleted[0], history.added[0])) not in legal:
            raise IllegalTransitionError(f"{type(row).__name__} {row.id} from {move[0]} to {move[1]}")
