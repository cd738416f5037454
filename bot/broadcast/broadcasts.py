"""From what a person composed to a broadcast that is scheduled; whether the person may is the caller's question."""

from collections.abc import Sequence

from sqlmodel import col, delete, select

from bot.broadcast.approval.rules import check_not_needed, check_one_click
from bot.broadcast.audience.csv_reader import CsvRecipient
from bot.broadcast.audience.store import create_deliveries, store_audience
from bot.broadcast.codes import BroadcastCode
from bot.broadcast.controls import AfterChange, lock, no_op
from bot.broadcast.draft import Addresses, Draft, Prepared, Upload, check_start
from bot.broadcast.draft_store import lock_team, new_draft
from bot.broadcast.open_limits import check_live
from bot.broadcast.preflight import Preflight
from bot.broadcast.preparation import Preparation
from bot.broadcast.reporting.progress import Progress, progress_of
from bot.broadcast.restored.question import check_decided
from bot.broadcast.transitions import transition
from bot.email_addresses import counts_toward_quota, parse_addresses
from bot.errors import BotError
from bot.mailer.readiness.rules import Readiness, RecipientRule, sandbox_refusals
from bot.ses.bulk_send import CALL_BYTES
from storage import Audience, Broadcast, BroadcastState, Database, Mailer, SendKind, Session, Team

__all__ = ["Broadcasts", "Draft", "Prepared", "Upload"]


class Broadcasts(Preparation):
    def __init__(
        self,
        db: Database,
        preflight: Preflight,
        *,
        undo_seconds: float,
        test_limit: int,
        public_url: str,
        call_bytes: int = CALL_BYTES,
    ) -> None:
        """Recipients of a test are at most `test_limit`."""
        super().__init__(db, preflight, undo_seconds=undo_seconds, public_url=public_url, call_bytes=call_bytes)
        self._test_limit = test_limit

    async def prepare_test(self, team: Team, by: str, draft: Draft, typed: Sequence[str]) -> Broadcast:
        """Send to a few addresses typed by hand, at once.

        Raises:
            BotError: NotReadyError, or a field (from, to, subject, message) holds what cannot be sent.
        """
        addresses = Addresses.of(draft)
        mailer, recipients = await self.test_recipients(team, addresses.sender, typed)
        fixed = await self._fix(team, draft, addresses, SendKind.TEST, None)
        audience = Audience(team_id=team.id, created_by=by, created_at=self._db.now())
        test = new_draft(mailer, draft, addresses, by, self._db.now(), SendKind.TEST)
        test.audience_id, test.template = audience.id, fixed.to_json()
        return await self.send_test(team, test, audience, recipients)

    async def test_recipients(
        self, team: Team, sender: str, typed: Sequence[str], *, field: str = "to", limit: int | None = None
    ) -> tuple[Mailer, tuple[str, ...]]:
        """Return the addresses to which a test may go, and the mailer.

        Raises:
            BotError: NotReadyError, or about the field.
        """
        recipients = parse_addresses("\n".join(typed), field=field, limit=limit or self._test_limit)
        size = sum(map(counts_toward_quota, recipients))
        mailer, answer = await self._preflight.check(team, sender, SendKind.TEST, size)
        _check_sandbox(answer, recipients, field)
        return mailer, recipients

    async def send_test(
        self,
        team: Team,
        broadcast: Broadcast,
        audience: Audience,
        recipients: Sequence[str],
        values: Sequence[str] = (),
        *,
        also: AfterChange = no_op,
    ) -> Broadcast:
        """Send a test to these addresses, at once; `values` of the audience's columns are the same for all of them."""
        members = [CsvRecipient(line, each, list(values)) for line, each in enumerate(recipients, start=1)]
        await store_audience(self._db, audience, members)
        now, by = self._db.now(), broadcast.created_by
        broadcast.size, broadcast.confirmed_by, broadcast.start_at, broadcast.shared = audience.size, by, now, True
        async with self._db.write() as session:
            await lock_team(session, team)
            await check_live(session, team)
            session.add(broadcast)
            await session.flush()
            await create_deliveries(session, broadcast, now)
            await transition(session, broadcast, BroadcastState.SCHEDULED, by=by, action="broadcast.test", now=now)
            await also(session, broadcast)
        return broadcast

    async def confirm(
        self, team: Team, broadcast_id: str, version: int, by: str, *, also: AfterChange = no_op
    ) -> Broadcast:
        """Schedule it as it was shown: for the time chosen, else for the end of the time to undo it.

        Raises:
            BotError: NOT_FOUND, ALREADY, APPROVAL_REQUIRED, POLICY, RESTORED, or NotReadyError.
        """
        await self.check_room(team)
        draft = await self.get(team, broadcast_id)
        check_start(draft.start_at, self._db.now())
        await self._preflight.check(team, draft.from_address, draft.kind, draft.size)
        while not await self._deliveries_are_made(team, broadcast_id, version):
            pass
        async with self._db.write() as session:
            row = await lock_team(session, team)
            broadcast = await lock(session, team, broadcast_id, version, {BroadcastState.DRAFT})
            await check_not_needed(session, self._preflight.policy, row, broadcast)
            check_one_click(self._preflight.policy, broadcast)
            await check_decided(session, team)
            await check_live(session, team)
            soonest = session.now + self._undo
            broadcast.start_at = max(broadcast.start_at or soonest, soonest)
            broadcast.confirmed_by, broadcast.shared = by, True
            await transition(
                session, broadcast, BroadcastState.SCHEDULED, by=by, action="broadcast.confirm", now=session.now
            )
            await also(session, broadcast)
        return broadcast

    async def check_room(self, team: Team) -> None:
        """Raise BotError TOO_MANY_BROADCASTS or RESTORED where none could be confirmed."""
        async with self._db.read() as session:
            await check_decided(session, team)
            await check_live(session, team)

    async def forget(self, draft: Broadcast) -> None:
        """Forget a draft that nobody is going to confirm."""
        this = (col(Broadcast.id) == draft.id, col(Broadcast.state) == BroadcastState.DRAFT)
        async with self._db.write() as session:
            await session.exec(delete(Broadcast).where(*this))

    async def progress(self, session: Session, broadcast_id: str) -> Progress | None:
        """Return how far it is; None where there is none. Whose it is, is the caller's question."""
        return await progress_of(session, broadcast_id)

    async def last_sender(self, team: Team) -> tuple[str, str]:
        """Return From and Reply-to as they were used last; empty at first."""
        latest = select(Broadcast.from_address, Broadcast.reply_to).where(Broadcast.team_id == team.id)
        async with self._db.read() as session:
            found = (await session.exec(latest.order_by(col(Broadcast.created_at).desc()).limit(1))).first()
        return found or ("", "")

    async def _deliveries_are_made(self, team: Team, broadcast_id: str, version: int) -> bool:
        """Make the next deliveries of a draft; two who confirm it at the same moment share the work."""
        async with self._db.write() as session:
            broadcast = await lock(session, team, broadcast_id, version, {BroadcastState.DRAFT})
            row = await session.get_one(Team, team.id)
            await check_not_needed(session, self._preflight.policy, row, broadcast)
            return await create_deliveries(session, broadcast, session.now)


def _check_sandbox(answer: Readiness, recipients: Sequence[str], field: str) -> None:
    """Name the recipients that SES would refuse, before it is asked."""
    if answer.recipient_rule is not RecipientRule.SANDBOX or answer.facts is None:
        return
    if refused := sandbox_refusals(recipients, answer.facts.identities):
        raise BotError(
            BroadcastCode.SANDBOX_RECIPIENTS,
            f"In the SES sandbox mail goes only to verified addresses and to the mailbox simulator, so not to "
            f"{', '.join(refused)}.",
            "Take them out, or apply for production access.",
            field=field,
        )
