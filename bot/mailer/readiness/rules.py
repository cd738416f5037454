"""Readiness: who may send what, when. One pure function decides, and all other code asks it.

It uses stored facts only, so it never waits for AWS; before sending, stale facts are read again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Final

from bot.email_addresses import is_freemail, is_simulator
from bot.errors import Code
from bot.mailer.readiness.facts import IdentityFact, MailerFacts, covering, stale_after, usable
from storage import Access, DmarcState, IdentityState, Production, Sending, SendKind

BULK_SENDER: Final = 5_000
"""Recipients above which Gmail, Yahoo and Outlook want one-click unsubscribe and DMARC."""


LARGE_IMAGES: Final = 500_000
"""Bytes of images in a mail above which a person is asked: it loads slowly, and SES asks for each byte."""


class Blocker(Code):
    """Why mail may not go, most basic first: that is the order in which they are returned."""

    NO_MAILER = "NO_MAILER"
    ACCESS_LOST = "ACCESS_LOST"
    ACCESS_SUSPECT = "ACCESS_SUSPECT"
    ACCOUNT_SHUT_DOWN = "ACCOUNT_SHUT_DOWN"
    SENDING_PAUSED = "SENDING_PAUSED"
    NO_VERIFIED_IDENTITY = "NO_VERIFIED_IDENTITY"
    IDENTITY_UNKNOWN = "IDENTITY_UNKNOWN"  # no identity of the account covers the From address
    IDENTITY_PENDING = "IDENTITY_PENDING"
    IDENTITY_FAILED = "IDENTITY_FAILED"
    IDENTITY_GONE = "IDENTITY_GONE"
    SANDBOX = "SANDBOX"
    IN_REVIEW = "IN_REVIEW"
    DENIED = "DENIED"
    QUOTA = "QUOTA"
    FACTS_STALE = "FACTS_STALE"


class SendWarning(StrEnum):
    """What does not stop mail, and should be known before it goes."""

    PROBATION = "PROBATION"
    IDENTITY_TEMPORARY_FAILURE = "IDENTITY_TEMPORARY_FAILURE"
    FREEMAIL_FROM = "FREEMAIL_FROM"  # its provider asks others to refuse what SES sends in its name
    DNS_SILENT = "DNS_SILENT"  # whether the From's domain has DMARC is unknown


class Confirmation(StrEnum):
    """What a person must agree to first."""

    OVER_QUOTA = "OVER_QUOTA"  # the broadcast pauses when the quota is used up, and spreads over days
    NO_ONE_CLICK = "NO_ONE_CLICK"  # recipients unsubscribe by mail
    NO_DMARC = "NO_DMARC"
    LARGE_IMAGES = "LARGE_IMAGES"


class RecipientRule(StrEnum):
    """Which recipients SES accepts."""

    ANY = "any"
    SANDBOX = "sandbox"  # verified recipients and the mailbox simulator


@dataclass(frozen=True, slots=True)
class Readiness:
    """The answer, with the question it belongs to."""

    facts: MailerFacts | None
    from_address: str
    kind: SendKind
    size: int
    identity: IdentityFact | None  # the one that covers the From address, or, without one, that is waited for
    blockers: tuple[Blocker, ...]
    warnings: tuple[SendWarning, ...] = ()
    confirmations: tuple[Confirmation, ...] = ()
    via: tuple[str, ...] = ()  # identities from which it may go instead
    recipient_rule: RecipientRule = RecipientRule.SANDBOX
    duration: timedelta | None = None  # an estimate; None: cannot be told

    @property
    def allowed(self) -> bool:
        return not self.blockers


def readiness(
    facts: MailerFacts | None,
    from_address: str | None,
    kind: SendKind,
    size: int,
    now: datetime,
    *,
    image_bytes: int = 0,
    small_limit: int = 50,
    facts_live: timedelta = stale_after(timedelta(minutes=10)),  # noqa: B008 -- a constant: the default interval's
) -> Readiness:
    """Decide whether mail may go.

    Args:
        facts: what is stored of the mailer; None where the team has none.
        from_address: normalised; empty or None before one is chosen, which asks whether any identity will do.
        kind: a test, or a broadcast, which is a small one up to `small_limit`.
        size: recipients that count toward the quota (`counts_toward_quota`).
        now: the time to measure the facts' age by.
        image_bytes: of one mail, as they travel.
        small_limit: `MAILROOM_SMALL_BROADCAST_LIMIT`.
        facts_live: age from which facts are stale (`stale_after`).
    """
    from_address = from_address or ""
    if facts is None:
        return Readiness(None, from_address, kind, size, identity=None, blockers=(Blocker.NO_MAILER,))
    large = kind is SendKind.BROADCAST and size > small_limit
    identity = _chosen(from_address, facts.identities)
    of_identity = tuple(_identity_blockers(from_address, identity, facts.identities))
    over_quota = facts.quota_left is not None and size > facts.quota_left
    never = over_quota and facts.max_24_hour_send == 0  # such a broadcast would wait for ever
    blockers = (
        *_account_blockers(facts, large),
        *of_identity,
        *_production_blockers(facts, kind),
        *((Blocker.QUOTA,) if over_quota and (kind is SendKind.TEST or never) else ()),
        *((Blocker.FACTS_STALE,) if now - facts.checked_at > facts_live else ()),
    )
    to_many = kind is SendKind.BROADCAST and size > BULK_SENDER
    only_identity_blocks = blockers == of_identity != ()
    return Readiness(
        facts,
        from_address,
        kind,
        size,
        identity,
        blockers,
        warnings=tuple(_warnings(facts, identity, from_address, to_many=to_many)),
        confirmations=(
            *((Confirmation.OVER_QUOTA,) if over_quota and kind is SendKind.BROADCAST and not never else ()),
            *(_bulk_confirmations(facts, identity) if to_many else ()),
            *((Confirmation.LARGE_IMAGES,) if kind is SendKind.BROADCAST and image_bytes > LARGE_IMAGES else ()),
        ),
        via=usable(facts.identities) if only_identity_blocks and not large else (),
        recipient_rule=RecipientRule.ANY if facts.production is Production.GRANTED else RecipientRule.SANDBOX,
        duration=estimated_duration(facts, size),
    )


def _account_blockers(facts: MailerFacts, large: bool) -> Iterator[Blocker]:
    if facts.access is Access.LOST:
        yield Blocker.ACCESS_LOST
    elif facts.access is Access.SUSPECT and large:
        yield Blocker.ACCESS_SUSPECT
    if facts.sending is Sending.SHUT_DOWN:
        yield Blocker.ACCOUNT_SHUT_DOWN
    elif facts.sending is Sending.PAUSED:
        yield Blocker.SENDING_PAUSED


_OF_STATE = {
    IdentityState.PENDING: Blocker.IDENTITY_PENDING,
    IdentityState.TEMPORARY_FAILURE: Blocker.IDENTITY_PENDING,  # which does not send, though
    IdentityState.FAILED: Blocker.IDENTITY_FAILED,
    IdentityState.GONE: Blocker.IDENTITY_GONE,
}


def _identity_blockers(
    from_address: str, identity: IdentityFact | None, identities: Sequence[IdentityFact]
) -> Iterator[Blocker]:
    if not usable(identities):
        yield Blocker.NO_VERIFIED_IDENTITY
    if identity is None:
        if from_address:
            yield Blocker.IDENTITY_UNKNOWN
    elif not identity.sends:
        yield _OF_STATE[identity.state]


def _production_blockers(facts: MailerFacts, kind: SendKind) -> Iterator[Blocker]:
    if kind is SendKind.BROADCAST and facts.production is not Production.GRANTED:
        yield Blocker(facts.production.name)


def _bulk_confirmations(facts: MailerFacts, identity: IdentityFact | None) -> Iterator[Confirmation]:
    """What receivers miss in mail to many, which they may then refuse or junk."""
    if not facts.one_click:
        yield Confirmation.NO_ONE_CLICK
    if identity is not None and identity.dmarc is DmarcState.MISSING:
        yield Confirmation.NO_DMARC


def _warnings(
    facts: MailerFacts, identity: IdentityFact | None, from_address: str, *, to_many: bool
) -> Iterator[SendWarning]:
    if facts.sending is Sending.PROBATION:
        yield SendWarning.PROBATION
    if identity is not None and identity.state is IdentityState.TEMPORARY_FAILURE and identity.sends:
        yield SendWarning.IDENTITY_TEMPORARY_FAILURE
    if is_freemail(from_address):
        yield SendWarning.FREEMAIL_FROM
    if to_many and identity is not None and identity.dmarc is DmarcState.UNKNOWN:
        yield SendWarning.DNS_SILENT


def _chosen(from_address: str, identities: Sequence[IdentityFact]) -> IdentityFact | None:
    if from_address:
        return covering(from_address, identities)
    if usable(identities):
        return None
    return next((identity for identity in identities if identity.state is IdentityState.PENDING), None)


def sandbox_refusals(recipients: Iterable[str], identities: Sequence[IdentityFact]) -> tuple[str, ...]:
    """Return the recipients that SES would refuse in the sandbox: neither verified nor the simulator's."""
    return tuple(
        address
        for address in recipients
        if not is_simulator(address) and not ((covers := covering(address, identities)) and covers.sends)
    )


def estimated_duration(facts: MailerFacts, size: int) -> timedelta | None:
    """Return how long a broadcast takes at most, by rate and quota; None where it cannot be told.

    The quota's window rolls over 24 hours, and how soon it frees depends on when the last mail went: each further
    quotaful is taken to need 24 hours.
    """
    if facts.max_send_rate <= 0:
        return None
    left = facts.quota_left
    if left is None or size <= left:
        return timedelta(seconds=size / facts.max_send_rate)
    if facts.max_24_hour_send < 1:
        return None
    quota = int(facts.max_24_hour_send)
    waits = ceil((size - left) / quota)
    last = size - left - (waits - 1) * quota
    return waits * timedelta(hours=24) + timedelta(seconds=last / facts.max_send_rate)
