"""From what a person composed to a broadcast that is scheduled; whether the person may is the caller's question."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import BinaryIO

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.broadcast.audience import Member, parse
from bot.broadcast.draft import Addresses, Draft, Prepared, check_start, fix, sample
from bot.broadcast.gate import Gate
from bot.broadcast.letter import Fixed
from bot.broadcast.moves import move
from bot.broadcast.progress import Progress, progress_of
from bot.broadcast.recipients import (
    Stored,
    count_suppressed,
    create_deliveries,
    forget_audience,
    store_audience,
)
from bot.broadcast.steering import Steering, lock
from bot.errors import BotError
from bot.mailer.names import address_key, counts_toward_quota, parse_addresses
from bot.mailer.readiness import Readiness, RecipientRule, sandbox_refusals
from storage.database import Database
from storage.models import Broadcast, Mailer, Team
from storage.states import BroadcastState, SendKind

__all__ = ["Broadcasts", "Draft", "Prepared"]


class Broadcasts(Steering):
    def __init__(
        self,
        db: Database,
        clock: Callable[[], datetime],
        gate: Gate,
        *,
        undo_seconds: float,
        test_limit: int,
        public_url: str,
    ) -> None:
        """Recipients of a test are at most `test_limit`; without a `public_url` unsubscribing goes by mail."""
        super().__init__(db, clock, gate)
        self._undo = timedelta(seconds=undo_seconds)
        self._test_limit = test_limit
        self._public_url = public_url

    async def prepare(self, team: Team, by: str, draft: Draft, csv: BinaryIO, start_at: datetime | None) -> Prepared:
        """Read the audience and fix the message; nothing goes out before somebody confirms.

        Raises:
            BotError: the guard says no, or a field (from, reply_to, subject, preheader, message, audience, send_at)
                holds what cannot be sent.
        """
        addresses = Addresses.of(draft)
        start_at = check_start(start_at, self._clock())
        await self._gate.ask(team, addresses.sender, SendKind.BROADCAST, 1)  # before a long file is read
        sheet = parse(csv)
        fixed = fix(team, draft, addresses, SendKind.BROADCAST, sheet.columns, self._public_url)
        stored = await store_audience(self._db, team.id, sheet.columns, sheet, by, self._clock())
        try:
            return await self._keep(team, by, draft, addresses, fixed, stored, start_at)
        except BaseException:
            await forget_audience(self._db, stored.audience.id)
            raise

    async def prepare_test(self, team: Team, by: str, draft: Draft, typed: Sequence[str]) -> Broadcast:
        """Send to a few addresses typed by hand, at once.

        Raises:
            BotError: the guard says no, or a field (from, to, subject, message) holds what cannot be sent.
        """
        addresses = Addresses.of(draft)
        recipients = parse_addresses("\n".join(typed), field="to", limit=self._test_limit)
        size = sum(map(counts_toward_quota, recipients))
        mailer, answer = await self._gate.ask(team, addresses.sender, SendKind.TEST, size)
        _check_sandbox(answer, recipients)
        fixed = fix(team, draft, addresses, SendKind.TEST, (), self._public_url)
        members = [Member(line, each, address_key(each), []) for line, each in enumerate(recipients, start=1)]
        now = self._clock()
        stored = await store_audience(self._db, team.id, (), members, by, now)
        broadcast = _row(mailer, stored, draft, addresses, fixed, SendKind.TEST, by, now)
        broadcast.confirmed_by, broadcast.start_at = by, now
        async with self._db.write() as session:
            session.add(broadcast)
            await session.flush()
            await create_deliveries(session, broadcast, now)
            await move(session, broadcast, BroadcastState.SCHEDULED, by=by, action="test", now=now)
        return broadcast

    async def confirm(self, team: Team, broadcast_id: str, version: int, by: str) -> Broadcast:
        """Schedule it as it was shown: for the time chosen, else as soon as nobody can undo it any more.

        Raises:
            BotError: NOT_FOUND, ALREADY, or the guard says no.
        """
        draft = await self.get(team, broadcast_id)
        await self._gate.ask(team, draft.from_address, draft.kind, draft.size)
        async with self._db.write() as session:
            broadcast = await lock(session, team, broadcast_id, version, {BroadcastState.DRAFT})
            now = self._clock()
            soonest = now + self._undo
            broadcast.start_at = max(broadcast.start_at or soonest, soonest)
            broadcast.confirmed_by = by
            await create_deliveries(session, broadcast, now)
            await move(session, broadcast, BroadcastState.SCHEDULED, by=by, action="confirm", now=now)
        return broadcast

    async def progress(self, session: AsyncSession, broadcast_id: str) -> Progress | None:
        """Return how far it is; None where there is none. Whose it is, is the caller's question."""
        return await progress_of(session, broadcast_id, self._clock())

    async def last_sender(self, team: Team) -> tuple[str, str]:
        """Return From and Reply-to as they were used last; empty at first."""
        latest = select(Broadcast.from_address, Broadcast.reply_to).where(Broadcast.team_id == team.id)
        async with self._db.read() as session:
            found = (await session.exec(latest.order_by(col(Broadcast.created_at).desc()).limit(1))).first()
        return found or ("", "")

    async def _keep(
        self,
        team: Team,
        by: str,
        draft: Draft,
        addresses: Addresses,
        fixed: Fixed,
        stored: Stored,
        start_at: datetime | None,
    ) -> Prepared:
        async with self._db.read() as session:
            suppressed = await count_suppressed(session, stored.audience)
        if suppressed == stored.audience.size:
            raise BotError(
                "AUDIENCE_NO_RECIPIENTS",
                "Every address in the file is suppressed: they unsubscribed, complained or bounced before.",
                field="audience",
            )
        mailer, answer = await self._gate.ask(team, addresses.sender, SendKind.BROADCAST, stored.toward_quota)
        broadcast = _row(mailer, stored, draft, addresses, fixed, SendKind.BROADCAST, by, self._clock())
        broadcast.start_at = start_at
        async with self._db.write() as session:
            session.add(broadcast)
        samples = [sample(fixed, member.address, member.fields) for member in stored.first]
        return Prepared(broadcast, stored.audience, samples, suppressed, answer)


def _row(
    mailer: Mailer,
    stored: Stored,
    draft: Draft,
    addresses: Addresses,
    fixed: Fixed,
    kind: SendKind,
    by: str,
    now: datetime,
) -> Broadcast:
    return Broadcast(
        team_id=mailer.team_id,
        mailer_id=mailer.id,
        audience_id=stored.audience.id,
        kind=kind,
        state=BroadcastState.DRAFT,
        from_address=addresses.sender,
        reply_to=addresses.reply_to,
        subject=draft.subject.strip(),
        preheader=draft.preheader.strip(),
        body=dict(draft.body),
        template=fixed.to_json(),
        size=stored.audience.size,
        created_by=by,
        created_at=now,
    )


def _check_sandbox(answer: Readiness, recipients: Sequence[str]) -> None:
    """Name the recipients that SES would refuse, before it is asked."""
    if answer.recipient_rule is not RecipientRule.SANDBOX or answer.facts is None:
        return
    if refused := sandbox_refusals(recipients, answer.facts.identities):
        raise BotError(
            "SANDBOX_RECIPIENTS",
            f"In the SES sandbox mail goes only to verified addresses and to the mailbox simulator, so not to "
            f"{', '.join(refused)}.",
            "Take them out, or apply for production access.",
            field="to",
        )
