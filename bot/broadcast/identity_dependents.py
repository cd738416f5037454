"""Broadcasts that wait while the identity of their From address is replaced: they follow it, or wait for a person."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlmodel import col, select

from bot.broadcast.approval.requests import open_request
from bot.broadcast.approval.rules import is_needed
from bot.broadcast.content.message import CompiledMessage
from bot.broadcast.draft import Addresses, Draft, compile_draft
from bot.broadcast.pauses import pause
from bot.broadcast.transitions import tell_channel
from bot.mailer.readiness.facts import covering, fact_of
from bot.ses.bulk_send import CALL_BYTES
from bot.teams.policy import NO_POLICY, Policy
from storage import UNSENT, Broadcast, BroadcastState, Identity, PauseReason, SendKind, Session, Team, audit

_WAITING = (*UNSENT, BroadcastState.SCHEDULED, BroadcastState.PAUSED)


class IdentityDependents:
    """What `bot.mailer.identities.recovery` wants done with broadcasts, which are above it."""

    def __init__(self, *, undo_seconds: float, call_bytes: int = CALL_BYTES, policy: Policy = NO_POLICY) -> None:
        """`call_bytes` is what a call to SES may hold."""
        self._undo = timedelta(seconds=undo_seconds)
        self._call_bytes = call_bytes
        self._policy = policy

    async def of(self, session: Session, identity: Identity) -> Sequence[Broadcast]:
        """Lock and return those for whose From address nothing but this identity speaks."""
        rows = await session.exec(select(Identity).where(Identity.mailer_id == identity.mailer_id))
        facts = [fact_of(row) for row in rows]
        waiting = await session.exec(
            select(Broadcast)
            .where(
                Broadcast.mailer_id == identity.mailer_id,
                Broadcast.kind == SendKind.BROADCAST,
                col(Broadcast.state).in_(_WAITING),
            )
            .order_by(Broadcast.id)
            .with_for_update()
        )
        return [
            each
            for each in waiting
            if (speaks := covering(each.from_address, facts)) is not None and speaks.name == identity.name
        ]

    async def move(self, session: Session, broadcasts: Sequence[Broadcast], to: str, *, by: str, now: datetime) -> None:
        """Have them sent from the new identity: the same local part at a domain, else the address itself.

        The message is compiled again, since it may name the sender: with the team's settings of today, and the
        look that it has.
        """
        for broadcast in broadcasts:
            before = broadcast.from_address
            if (after := new_sender(before, to)) == before:
                continue
            team = await session.get_one(Team, broadcast.team_id)
            old = CompiledMessage.from_json(broadcast.template)
            typed = replace(Draft.of(broadcast), from_address=after)
            addresses = Addresses(after, broadcast.reply_to)
            columns, way_out = old.columns or None, old.public_url
            fixed = compile_draft(team, old.look, typed, addresses, broadcast.kind, columns, way_out, self._call_bytes)
            broadcast.from_address, broadcast.template = after, fixed.to_json()
            broadcast.version += 1
            session.add(broadcast)
            audit.record(
                session,
                broadcast.team_id,
                by,
                "broadcast.change_from",
                now,
                broadcast.id,
                before={"from": before},
                after={"from": after},
            )
            if broadcast.started_at is None:
                await self._ask_again(session, team, broadcast, by, now)
            await tell_channel(session, broadcast, now)

    async def pause(self, session: Session, broadcasts: Sequence[Broadcast], *, now: datetime) -> None:
        """Have them wait for a person, as a draft and a request for approval do anyhow."""
        begun = (each for each in broadcasts if each.state not in UNSENT)
        free = (each for each in begun if PauseReason.IDENTITY not in each.pause_reasons)
        await pause(session, free, PauseReason.IDENTITY, now)

    async def _ask_again(self, session: Session, team: Team, broadcast: Broadcast, by: str, now: datetime) -> None:
        """Void the approvals of what is sent from another address now: they were for the old one."""
        broadcast.edited_by, broadcast.edited_at = by, now
        if broadcast.state is BroadcastState.AWAITING_APPROVAL:
            broadcast.approved_by = []
        elif broadcast.state is not BroadcastState.DRAFT and await is_needed(
            session, self._policy, team, broadcast, now
        ):
            if broadcast.start_at and broadcast.start_at <= now + self._undo:  # over, or at once: nobody chose it
                broadcast.start_at = None
            await open_request(session, broadcast, by, broadcast.asked_of or team.approvers, now)


def new_sender(address: str, identity: str) -> str:
    """Return the From address to use once this identity stands in the place of the old one."""
    if "@" in identity:
        return identity
    local, _, domain = address.rpartition("@")
    return address if f".{domain}".endswith(f".{identity}") else f"{local}@{identity}"
