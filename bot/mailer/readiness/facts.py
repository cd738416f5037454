"""The stored facts that readiness is decided by."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from storage import Access, DmarcState, Identity, IdentityKind, IdentityState, Mailer, Production, Sending


@dataclass(frozen=True, slots=True)
class IdentityFact:
    name: str
    kind: IdentityKind
    state: IdentityState
    pending_since: datetime | None = None
    lets_send: bool = True  # AWS's own flag
    dmarc: DmarcState = DmarcState.UNKNOWN

    @property
    def sends(self) -> bool:
        """Whether SES takes mail from it: in a temporary failure it does as long as AWS's own flag says so."""
        return self.state is IdentityState.VERIFIED or (
            self.state is IdentityState.TEMPORARY_FAILURE and self.lets_send
        )


@dataclass(frozen=True, slots=True)
class MailerFacts:
    """What is known of a mailer. Quota and sent are recipients in 24 hours (-1: unlimited), rate is per second."""

    access: Access
    production: Production
    sending: Sending
    max_24_hour_send: float
    sent_last_24_hours: float
    max_send_rate: float
    checked_at: datetime
    identities: tuple[IdentityFact, ...] = ()
    review_case_id: str = ""
    one_click: bool = True  # recipients can unsubscribe by a link

    @property
    def quota_left(self) -> int | None:
        """Recipients that may still be mailed now; None: unlimited."""
        if self.max_24_hour_send < 0:
            return None
        return max(0, int(self.max_24_hour_send - self.sent_last_24_hours))


def facts_from(mailer: Mailer | None, identities: Iterable[Identity], *, one_click: bool = True) -> MailerFacts | None:
    """Return the facts of a mailer's row and all its identities' rows, managed or not; None without a mailer."""
    if mailer is None:
        return None
    return MailerFacts(
        access=mailer.access,
        production=mailer.production,
        sending=mailer.sending,
        max_24_hour_send=mailer.max_24_hour_send,
        sent_last_24_hours=mailer.sent_last_24_hours,
        max_send_rate=mailer.max_send_rate,
        checked_at=mailer.checked_at,
        identities=tuple(map(fact_of, identities)),
        review_case_id=mailer.review_case_id,
        one_click=one_click,
    )


def fact_of(row: Identity) -> IdentityFact:
    return IdentityFact(row.name, row.kind, row.state, row.pending_since, row.sends, row.dmarc)


def stale_after(healthy_interval: timedelta) -> timedelta:
    """Return the age from which facts are too old to send on, given the longest poll interval."""
    return max(timedelta(minutes=15), 2 * healthy_interval)


def covering(address: str, identities: Iterable[IdentityFact]) -> IdentityFact | None:
    """Return the identity that speaks for an address: one that sends before one that does not, then the nearest.

    A domain covers every address under it and its subdomains. An address covers itself, in the case in which it was
    verified: SES tells `Ann@` from `ann@`
    (https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html; verify-email-addresses.html for the case).
    """
    domain = address.rpartition("@")[2]
    covers = [
        identity
        for identity in identities
        if identity.name == address
        or (identity.kind is IdentityKind.DOMAIN and f".{domain}".endswith(f".{identity.name}"))
    ]
    return max(covers, key=lambda identity: (identity.sends, len(identity.name)), default=None)


def usable(identities: Iterable[IdentityFact]) -> tuple[str, ...]:
    """Return the names of the identities that send, those without a temporary failure first."""
    sending = [identity for identity in identities if identity.sends]
    sending.sort(key=lambda identity: (identity.state is not IdentityState.VERIFIED, identity.name))
    return tuple(identity.name for identity in sending)
