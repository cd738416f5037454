"""The fast path of a poll that finds nothing changed, as nearly every poll does: three statements, no objects."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, bindparam
from sqlmodel import SQLModel, col, select

from bot.mailer.aws_states import identity_state_of
from bot.mailer.monitoring.incident_rules import detect_conditions
from bot.ses.facts import AccountFacts, ListedIdentity
from storage import Access, Identity, IdentityState, Incident, IncidentState, Mailer, Session
from storage.leases import Claim

_mailer, _identity, _poll = (SQLModel.metadata.tables[name] for name in ("mailer", "identity", "poll"))
_ACCOUNT = (
    "production_access",
    "review_status",
    "review_case_id",
    "sending_enabled",
    "enforcement_status",
    "pricing_plan",
    "max_24_hour_send",
    "max_send_rate",
)

# Statements are made once: to make one takes longer than to carry it out.
_OURS = (
    _poll.c.kind == bindparam("of_kind"),
    _poll.c.subject_id == bindparam("subject"),
    _poll.c.fence == bindparam("our_fence"),
)
_FINISH = _poll.update().where(*_OURS).values(due_at=bindparam("due"))
_CONFIRM = (
    _mailer.update()
    .where(
        _mailer.c.id == bindparam("mailer"),
        _mailer.c.version == bindparam("known_version"),
        _mailer.c.checked_at == bindparam("known_at"),
        _mailer.c.access == Access.OK,
        _mailer.c.unanswered_since.is_(None),
    )
    .values(checked_at=bindparam("now"), sent_last_24_hours=bindparam("sent"))
)
_CONFIRM_IDENTITIES = (
    _identity.update()
    .where(_identity.c.mailer_id == bindparam("mailer"), _identity.c.intent == "")
    .values(checked_at=bindparam("now"))
)


@dataclass(slots=True)
class MailerSnapshot:
    """A mailer as it was when a poll began."""

    mailer: Mailer
    identities: list[Identity] = field(default_factory=list)
    has_incidents: bool = False  # open ones

    @property
    def managed(self) -> list[Identity]:
        return [row for row in self.identities if row.managed]


async def known_of(session: Session, ids: Collection[str]) -> dict[str, MailerSnapshot]:
    """Read these mailers, by their ids."""
    known = {row.id: MailerSnapshot(row) for row in await session.exec(select(Mailer).where(col(Mailer.id).in_(ids)))}
    for identity in await session.exec(select(Identity).where(col(Identity.mailer_id).in_(ids))):
        known[identity.mailer_id].identities.append(identity)
    teams = [one.mailer.team_id for one in known.values()]
    unresolved = col(Incident.state) != IncidentState.RESOLVED
    troubled = set(await session.exec(select(Incident.team_id).where(col(Incident.team_id).in_(teams), unresolved)))
    for one in known.values():
        one.has_incidents = one.mailer.team_id in troubled
    return known


def is_unchanged(known: MailerSnapshot, account: AccountFacts, listed: Sequence[ListedIdentity], now: datetime) -> bool:
    """Whether nothing follows from what AWS said: no state, no incident and no word to the channel changes.

    The number of mails sent, which changes all the time, is taken over into `known`.
    """
    mailer = known.mailer
    if mailer.access is not Access.OK or mailer.unanswered_since or known.has_incidents:
        return False
    if any(getattr(mailer, name) != getattr(account, name) for name in _ACCOUNT):
        return False
    stood = {row.name: (row.state, row.verification_status, row.sends) for row in known.identities if _is_settled(row)}
    says = {
        entry.name: (
            identity_state_of(entry.verification_status, entry.sending_enabled),
            entry.verification_status,
            entry.sending_enabled,
        )
        for entry in listed
    }
    if len(stood) != len(known.identities) or stood != says:
        return False
    mailer.sent_last_24_hours = account.sent_last_24_hours
    return not detect_conditions(mailer, known.managed, now)


def _is_settled(row: Identity) -> bool:
    """Whether no recovery is under way, nothing is awaited, and the row is complete for its state."""
    if row.intent or (row.managed and row.state is IdentityState.PENDING):
        return False
    return row.state is not IdentityState.VERIFIED or row.verified_at == row.state_since


def touch(connection: Connection, claim: Claim, known: MailerSnapshot, now: datetime, due_at: datetime) -> None:
    """Store that nothing had changed at `now`; poll again at `due_at`, or at once if the mailer has changed meanwhile.

    Nothing is written where the claim was lost: another poll is due.
    """
    ours = {"of_kind": claim.kind, "subject": claim.subject_id, "our_fence": claim.fence}
    if not connection.execute(_FINISH, {**ours, "due": due_at}).rowcount:
        return
    mailer = known.mailer
    stood = {"mailer": mailer.id, "known_version": mailer.version, "known_at": mailer.checked_at}
    if connection.execute(_CONFIRM, {**stood, "now": now, "sent": mailer.sent_last_24_hours}).rowcount:
        connection.execute(_CONFIRM_IDENTITIES, {"mailer": mailer.id, "now": now})
    else:
        connection.execute(_FINISH, {**ours, "due": now})
