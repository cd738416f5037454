"""Stores what AWS says and the states that follow from it, and announces changes to the channel.

Everything that reads from AWS (the monitor, *Check now*, connecting) writes through here, so that each
change is announced once.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlmodel import col, select

from bot.alerts.outbox import Notice, announce, key_of, redraw
from bot.mailer.aws_states import identity_state_of, production_of, sending_of
from bot.mailer.monitoring.incident_rules import reconcile_incidents
from bot.ses.errors import ASSUME_ROLE, ErrorKind, SesError
from bot.ses.facts import AccountFacts, IdentityFacts, ListedIdentity, kind_of
from bot.ses.permission_check import AccessReport
from bot.ses.provisioning import Provisioned
from storage import Access, Identity, IdentityKind, IdentityState, Mailer, PollKind, Production, Session, leases

CONFIRM_AFTER = timedelta(seconds=30)
"""A first refusal is confirmed by another call, no sooner than this or one poll interval."""

ACCESS_CHECK_EVERY = timedelta(days=1)
"""Between two walks through every permission, while nothing is refused."""

_KEPT_AS_SENT = (
    "verification_status",
    "error_type",
    "dkim_status",
    "dkim_zone",
    "mail_from_domain",
    "mail_from_status",
    "feedback_forwarding",
)
"""What of `IdentityFacts` stands in the row under the same name."""

SET_UP_AGAIN = timedelta(minutes=3)
"""After a walk that could not bring up the queue, though nothing forbids it."""


def apply_account(mailer: Mailer, facts: AccountFacts, now: datetime) -> None:
    """Copy the facts of `GetAccount` and derive the states."""
    mailer.sqlmodel_update(asdict(facts))
    mailer.production = production_of(facts.production_access, facts.review_status)
    mailer.sending = sending_of(facts.sending_enabled, facts.enforcement_status)
    mailer.checked_at = now


def apply_access(mailer: Mailer, access: Access, now: datetime, *, code: str = "", action: str = "") -> None:
    """Write down whether the credentials work, and since when: a loss began with the refusal that made it suspect."""
    if (mailer.access is Access.OK) is not (access is Access.OK):
        mailer.access_since = now
    mailer.access = access
    mailer.access_error = code
    mailer.access_action = action


def apply_refusal(mailer: Mailer, access: Access, error: SesError, now: datetime) -> PollKind:
    """Write down that AWS refused the credentials, or one action; return the look that can tell more.

    An action that is missing is named, and only the walk through every permission can say that it is there again.
    """
    named = error.kind is ErrorKind.MISSING_ACTION or error.action == ASSUME_ROLE
    apply_access(mailer, access, now, code=error.code, action=error.action if named else "")
    return PollKind.ACCESS_CHECK if error.kind is ErrorKind.MISSING_ACTION else PollKind.ACCOUNT


def lacks_action(mailer: Mailer) -> bool:
    """Whether what AWS refuses is an action, of credentials that it accepts."""
    return mailer.access_action not in {"", ASSUME_ROLE}


def next_walk(set_up: Provisioned) -> timedelta:
    """Return when to walk again through every permission after a walk that passed."""
    return SET_UP_AGAIN if set_up.queue_waits else ACCESS_CHECK_EVERY


def apply_report(mailer: Mailer, report: AccessReport, set_up: Provisioned, now: datetime, endpoint: str) -> None:
    """Write down a walk through every permission that found all that is required.

    `endpoint` is the address that SNS can tell of events, where there is one.
    """
    mailer.principal_arn = report.principal_arn
    if set_up.queue_works or any(action.startswith("sqs:") for action in report.missing_optional):
        mailer.queue_url = set_up.queue_url if set_up.queue_works else None  # else AWS has said nothing of it
    mailer.endpoint = "" if mailer.queue_url else endpoint
    mailer.missing_optional = list(report.missing_optional)
    mailer.access_checked_at = now
    apply_access(mailer, Access.OK, now)


async def record_account(session: Session, mailer: Mailer, facts: AccountFacts) -> None:
    """Write what `GetAccount` said and tell the channel where broadcasts are open now."""
    before = mailer.production
    apply_account(mailer, facts, session.now)
    session.add(mailer)
    if mailer.production is not before and mailer.production is Production.GRANTED:
        await announce(session, mailer.team_id, Notice.GRANTED, mailer.id, now=session.now)
        await leases.schedule(session, PollKind.SUPPRESSIONS, mailer.id, session.now)  # in the sandbox AWS shows none


async def record_listing(
    session: Session, mailer: Mailer, listed: Sequence[ListedIdentity], now: datetime
) -> list[Identity]:
    """Write what `ListEmailIdentities` said; return the managed identities.

    Unmanaged identities come and go with AWS's list. A managed one that is no longer there is gone, and stays.
    """
    known = select(Identity).where(Identity.mailer_id == mailer.id).order_by(Identity.id).with_for_update()
    rows = {row.name: row for row in await session.exec(known)}
    managed = [row for row in rows.values() if row.managed]
    changed: list[Identity] = []
    for entry in listed:
        row = rows.pop(entry.name, None) or new_identity(mailer, entry.name, now)
        state = identity_state_of(entry.verification_status, entry.sending_enabled)
        if await _set_state(session, row, state, now, sends=entry.sending_enabled):
            changed.append(row)
        row.verification_status = entry.verification_status
    for row in rows.values():
        if row.managed:
            if await _set_state(session, row, IdentityState.GONE, now, sends=False):
                changed.append(row)
        else:
            await session.delete(row)
    await session.flush()
    await _redraw_added(session, changed, now)
    return managed


async def managed_of(session: Session, mailer_id: str) -> list[Identity]:
    """Return the identities that Mailroom looks after."""
    return list(
        await session.exec(select(Identity).where(Identity.mailer_id == mailer_id, col(Identity.managed).is_(True)))
    )


async def record_identity(session: Session, row: Identity, facts: IdentityFacts | None) -> None:
    """Write what `GetEmailIdentity` said (None: no such identity) and tell the channel of a change.

    The mailer's row is locked before the identity's.
    """
    if row.intent:  # a recovery is under way: what was read may be an intermediate state
        return
    state = IdentityState.GONE
    if facts is not None:
        row.sqlmodel_update({name: getattr(facts, name) for name in _KEPT_AS_SENT})
        row.dkim_tokens = list(facts.dkim_tokens)
        state = identity_state_of(facts.verification_status, facts.verified_for_sending)
    if await _set_state(session, row, state, session.now, sends=facts is not None and facts.verified_for_sending):
        await _redraw_added(session, [row], session.now)
        mailer = await session.get_one(Mailer, row.mailer_id)
        await reconcile_incidents(session, mailer, await managed_of(session, mailer.id), session.now)


def new_identity(mailer: Mailer, name: str, now: datetime) -> Identity:
    """Return a row for an identity not seen before, unmanaged."""
    return Identity(
        team_id=mailer.team_id,
        mailer_id=mailer.id,
        name=name,
        kind=kind_of(name),
        state=IdentityState.PENDING,
        state_since=now,
        pending_since=now,
        checked_at=now,
    )


async def announce_added(session: Session, row: Identity) -> None:
    """Have the live message about an identity posted, or drawn again: one for each time it was created at AWS.

    A domain that waits has its records as a zone file in the thread.
    """
    episode = str(row.attempt)
    await announce(session, row.team_id, Notice.IDENTITY_ADDED, row.id, now=session.now, episode=episode)
    if row.kind is IdentityKind.DOMAIN and row.state is IdentityState.PENDING:
        above = key_of(Notice.IDENTITY_ADDED, row.id, episode)
        await announce(session, row.team_id, Notice.ZONE, row.id, now=session.now, episode=episode, reply_to=above)


async def _redraw_added(session: Session, rows: Sequence[Identity], now: datetime) -> None:
    if rows:
        await redraw(session, [row.id for row in rows], [Notice.IDENTITY_ADDED], now)


async def _set_state(session: Session, row: Identity, state: IdentityState, now: datetime, *, sends: bool) -> bool:
    """Take over the state; return whether that changes what the channel is shown."""
    if row.intent:  # see `record_identity`
        return False
    before, sent = row.state, row.sends
    row.checked_at, row.sends = now, sends
    if before is not state:
        row.state = state
        row.state_since = now
        row.version += 1
        row.pending_since = (row.pending_since or now) if state is IdentityState.PENDING else None
    is_new = before is IdentityState.PENDING or row.verified_at is None  # else an alert has ended, and says so
    if state is IdentityState.VERIFIED:
        row.verified_at = row.state_since
    session.add(row)
    if not row.managed:
        return False
    if before is state:
        return state is IdentityState.TEMPORARY_FAILURE and sends is not sent
    if state is IdentityState.VERIFIED and is_new:
        episode = str(int(now.timestamp()))
        await announce(session, row.team_id, Notice.IDENTITY_VERIFIED, row.id, now=now, episode=episode)
        for kind in (PollKind.SELF_TEST, PollKind.FORWARDING, PollKind.SENDER_RULES):
            await leases.schedule(session, kind, row.mailer_id, now)
    return True
