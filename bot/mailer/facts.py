"""What AWS said, written down; the states that follow from it; and what the channel is told of a change.

Everything that reads from AWS (the monitor, *Check now*, connecting) writes through here, so that a change is noticed
and told once, whoever saw it first.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.alerts.outbox import Notice, announce
from bot.mailer.status import identity_state_of, production_of, sending_of
from bot.ses.account import AccountFacts, IdentityFacts, ListedIdentity
from storage.models import Identity, Mailer
from storage.states import Access, IdentityKind, IdentityState, Production


def take_account(mailer: Mailer, facts: AccountFacts, now: datetime) -> None:
    """Copy the facts of `GetAccount` and derive the states."""
    mailer.production_access = facts.production_access
    mailer.review_status = facts.review_status
    mailer.review_case_id = facts.review_case_id
    mailer.sending_enabled = facts.sending_enabled
    mailer.enforcement_status = facts.enforcement_status
    mailer.max_24_hour_send = facts.max_24_hour_send
    mailer.max_send_rate = facts.max_send_rate
    mailer.sent_last_24_hours = facts.sent_last_24_hours
    mailer.production = production_of(facts.production_access, facts.review_status)
    mailer.sending = sending_of(facts.sending_enabled, facts.enforcement_status)
    mailer.checked_at = now


def take_access(mailer: Mailer, access: Access, now: datetime, *, code: str = "", action: str = "") -> None:
    """Write down whether the credentials work, and since when."""
    if mailer.access is not access:
        mailer.access_since = now
    mailer.access = access
    mailer.access_error = code
    mailer.access_action = action


async def record_account(session: AsyncSession, mailer: Mailer, facts: AccountFacts, now: datetime) -> None:
    """Write what `GetAccount` said and tell the channel of a decision about production access."""
    before = mailer.production
    take_account(mailer, facts, now)
    session.add(mailer)
    if mailer.production is before:
        return
    if mailer.production is Production.GRANTED:
        await announce(session, mailer.team_id, Notice.GRANTED, mailer.id, now=now)
    elif mailer.production is Production.DENIED:
        await announce(
            session,
            mailer.team_id,
            Notice.DENIED,
            mailer.id,
            now=now,
            episode=facts.review_case_id or str(int(now.timestamp())),
        )


async def record_listing(
    session: AsyncSession, mailer: Mailer, listed: Sequence[ListedIdentity], now: datetime
) -> list[Identity]:
    """Write what `ListEmailIdentities` said; return the managed identities.

    Unmanaged identities come and go with AWS's list. A managed one that is no longer there is gone, and stays.
    """
    rows = {row.name: row for row in await session.exec(select(Identity).where(Identity.mailer_id == mailer.id))}
    for entry in listed:
        row = rows.pop(entry.name, None) or new_identity(mailer, entry.name, now)
        await _enter(session, row, identity_state_of(entry.verification_status, entry.sending_enabled), now)
        row.verification_status = entry.verification_status
    for row in rows.values():
        if row.managed:
            await _enter(session, row, IdentityState.GONE, now)
        else:
            await session.delete(row)
    await session.flush()
    return await managed_of(session, mailer.id)


async def managed_of(session: AsyncSession, mailer_id: str) -> list[Identity]:
    """Return the identities that Mailroom looks after."""
    return list(
        await session.exec(select(Identity).where(Identity.mailer_id == mailer_id, col(Identity.managed).is_(True)))
    )


async def record_identity(session: AsyncSession, row: Identity, facts: IdentityFacts | None, now: datetime) -> None:
    """Write what `GetEmailIdentity` said (None: no such identity) and tell the channel of a change."""
    if facts is None:
        await _enter(session, row, IdentityState.GONE, now)
        return
    row.verification_status = facts.verification_status
    row.error_type = facts.error_type
    row.dkim_status = facts.dkim_status
    row.dkim_tokens = list(facts.dkim_tokens)
    row.dkim_zone = facts.dkim_zone
    row.mail_from_domain = facts.mail_from_domain
    row.mail_from_status = facts.mail_from_status
    await _enter(session, row, identity_state_of(facts.verification_status, facts.verified_for_sending), now)


def new_identity(mailer: Mailer, name: str, now: datetime) -> Identity:
    """Return a row for an identity not seen before, unmanaged."""
    return Identity(
        team_id=mailer.team_id,
        mailer_id=mailer.id,
        name=name,
        kind=IdentityKind.ADDRESS if "@" in name else IdentityKind.DOMAIN,
        state=IdentityState.PENDING,
        state_since=now,
        pending_since=now,
        checked_at=now,
    )


async def _enter(session: AsyncSession, row: Identity, state: IdentityState, now: datetime) -> None:
    before = row.state
    row.checked_at = now
    if before is not state:
        row.state = state
        row.state_since = now
        row.version += 1
        row.pending_since = (row.pending_since or now) if state is IdentityState.PENDING else None
    session.add(row)
    if not row.managed or before is state:
        return
    await announce(session, row.team_id, Notice.IDENTITY_ADDED, row.id, now=now)  # the live message changes with it
    episode = str(int(now.timestamp()))
    if state is IdentityState.VERIFIED:
        await announce(session, row.team_id, Notice.IDENTITY_VERIFIED, row.id, now=now, episode=episode)
    elif state in {IdentityState.FAILED, IdentityState.GONE}:
        await announce(session, row.team_id, Notice.IDENTITY_FAILED, row.id, now=now, episode=episode)
