"""From what a person composed to a broadcast that is scheduled; whether the person may is the caller's question."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.broadcast.audience.csv_reader import CsvAudience, CsvRecipient, read_csv
from bot.broadcast.audience.import_limits import ImportLimits
from bot.broadcast.audience.import_summary import ImportSummary
from bot.broadcast.audience.saved import audience_name, check_room, save_as
from bot.broadcast.audience.store import (
    count_suppressed,
    create_deliveries,
    forget_audience,
    samples_of,
    store_audience,
)
from bot.broadcast.codes import BroadcastCode
from bot.broadcast.content.message import CompiledMessage
from bot.broadcast.content.warnings import gaps, mail_remarks, price_unknown, remarks
from bot.broadcast.controls import AfterChange, BroadcastControls, lock, no_op, require_version
from bot.broadcast.draft import Addresses, Draft, Prepared, Upload, check_start, compile_draft, sample
from bot.broadcast.open_limits import check_drafts, check_live
from bot.broadcast.preflight import Preflight
from bot.broadcast.reporting.progress import Progress, progress_of
from bot.broadcast.transitions import transition
from bot.email_addresses import counts_toward_quota, parse_addresses
from bot.errors import BotError
from bot.mailer.readiness.rules import Readiness, RecipientRule, sandbox_refusals
from bot.ses.prices import price
from storage.database import Database
from storage.models import Audience, Broadcast, Delivery, Mailer, Team
from storage.states import BroadcastState, SendKind

__all__ = ["Broadcasts", "Draft", "Prepared", "Upload"]

SAMPLES = 3  # of how it reads
HELD = timedelta(days=1)


class Broadcasts(BroadcastControls):
    def __init__(
        self,
        db: Database,
        clock: Callable[[], datetime],
        preflight: Preflight,
        *,
        undo_seconds: float,
        test_limit: int,
        public_url: str,
    ) -> None:
        """Recipients of a test are at most `test_limit`; without a `public_url` unsubscribing goes by mail."""
        super().__init__(db, clock, preflight)
        self._undo = timedelta(seconds=undo_seconds)
        self._test_limit = test_limit
        self._public_url = public_url
        self.imports = ImportLimits()

    async def hold(self, team: Team, by: str, upload: Upload) -> Audience:
        """Read an audience and hold it, for a day, for the broadcast that this person is going to write to it.

        Raises:
            BotError: about the file.
        """
        async with self.imports.turn(team.id, waits=upload.waits):
            sheet = await asyncio.to_thread(_read, upload)
            return await self._store(team, by, upload, sheet, held_until=self._clock() + HELD)

    async def prepare(
        self,
        team: Team,
        by: str,
        draft: Draft,
        source: Upload | Audience,
        start_at: datetime | None,
        *,
        save_as: str = "",
    ) -> Prepared:
        """Read the audience, unless it was before, and fix the message; nothing goes out before a person confirms.

        `save_as`: the name to keep the audience under; none: it gets no other than it has.

        Raises:
            BotError: the guard says no, or a field (from, reply_to, subject, preheader, message, audience, save_as,
                saved_audience, send_at) holds what cannot be sent.
        """
        addresses = Addresses.of(draft)
        start_at = check_start(start_at, self._clock())
        async with self._db.read() as session:
            await check_drafts(session, team)
        mailer, _ = await self._preflight.check(
            team, addresses.sender, SendKind.BROADCAST, 1
        )  # before a long file is read

        async def fixed_for(columns: Sequence[str]) -> CompiledMessage:
            return await self._fix(team, draft, addresses, SendKind.BROADCAST, columns)

        name = await self._name(team, save_as)
        if isinstance(source, Audience):
            broadcast = self._row(mailer, source, draft, addresses, await fixed_for(source.columns), by)
            broadcast.start_at = start_at
            return await self._keep(team, broadcast, source, name)
        async with self.imports.turn(team.id, waits=source.waits):
            sheet = await asyncio.to_thread(_read, source, draft)
            fixed = await fixed_for(sheet.columns)
            audience = await self._store(team, by, source, sheet)
        broadcast = self._row(mailer, audience, draft, addresses, fixed, by)
        broadcast.start_at = start_at
        try:
            return await self._keep(team, broadcast, audience, name)
        except BaseException:
            await forget_audience(self._db, audience.id)
            raise

    async def audience_of(self, team: Team, broadcast_id: str, version: int) -> Audience:
        """Return the audience of a draft.

        Raises:
            BotError: NOT_FOUND or ALREADY.
        """
        broadcast = require_version(await self.get(team, broadcast_id), team, version, {BroadcastState.DRAFT})
        async with self._db.read() as session:
            return await session.get_one(Audience, broadcast.audience_id)

    async def read_again(self, team: Team, broadcast_id: str, version: int, upload: Upload) -> Prepared:
        """Read the file of a draft again, as somebody wants it read; the draft gets the audience that comes of it.

        A name that the audience has goes over to the new one.

        Raises:
            BotError: NOT_FOUND, ALREADY, the guard says no, or about the file or a field; the draft stays as it was.
        """
        old = await self.audience_of(team, broadcast_id, version)
        broadcast = await self.get(team, broadcast_id)
        draft = Draft.of(broadcast)
        async with self.imports.turn(team.id, waits=upload.waits):
            sheet = await asyncio.to_thread(_read, upload, draft)
            fixed = await self._fix(team, draft, Addresses.of(draft), SendKind.BROADCAST, sheet.columns)
            audience = await self._store(team, old.created_by, upload, sheet)
        changes = {"audience_id": audience.id, "size": audience.size, "template": fixed.to_json()}
        try:
            broadcast.sqlmodel_update(changes)
            prepared = await self._with_recipients(team, broadcast, audience)
            async with self._db.write() as session:
                await _lock_team(session, team)
                if name := (await session.get_one(Audience, old.id)).name:
                    await save_as(session, team, audience, name, old.created_by, self._clock())
                draft_row = await lock(session, team, broadcast_id, version, {BroadcastState.DRAFT})
                await session.exec(delete(Delivery).where(col(Delivery.broadcast_id) == broadcast_id))
                draft_row.sqlmodel_update({**changes, "version": version + 1})
        except BaseException:
            await forget_audience(self._db, audience.id)
            raise
        return replace(prepared, broadcast=draft_row)

    async def prepared(self, team: Team, broadcast_id: str, version: int) -> Prepared:
        """Return a draft that waits to be confirmed, with its numbers as they are now.

        Raises:
            BotError: NOT_FOUND, ALREADY, or the guard says no.
        """
        audience = await self.audience_of(team, broadcast_id, version)
        return await self._numbers(team, await self.get(team, broadcast_id), audience)

    async def prepare_test(self, team: Team, by: str, draft: Draft, typed: Sequence[str]) -> Broadcast:
        """Send to a few addresses typed by hand, at once.

        Raises:
            BotError: the guard says no, or a field (from, to, subject, message) holds what cannot be sent.
        """
        addresses = Addresses.of(draft)
        mailer, recipients = await self.test_recipients(team, addresses.sender, typed)
        fixed = await self._fix(team, draft, addresses, SendKind.TEST, ())
        audience = Audience(team_id=team.id, created_by=by, created_at=self._clock())
        test = self._row(mailer, audience, draft, addresses, fixed, by, SendKind.TEST)
        return await self.send_test(team, test, audience, recipients)

    async def test_recipients(
        self, team: Team, sender: str, typed: Sequence[str], *, field: str = "to", limit: int | None = None
    ) -> tuple[Mailer, tuple[str, ...]]:
        """Return the addresses to which a test may go, and the mailer.

        Raises:
            BotError: the guard says no, or about the field.
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
    ) -> Broadcast:
        """Send a test to these addresses, at once; `values` of the audience's columns are the same for all of them."""
        members = [CsvRecipient(line, each, list(values)) for line, each in enumerate(recipients, start=1)]
        await store_audience(self._db, audience, members)
        now, by = self._clock(), broadcast.created_by
        broadcast.size, broadcast.confirmed_by, broadcast.start_at = audience.size, by, now
        async with self._db.write() as session:
            await _lock_team(session, team)
            await check_live(session, team)
            session.add(broadcast)
            await session.flush()
            await create_deliveries(session, broadcast, now)
            await transition(session, broadcast, BroadcastState.SCHEDULED, by=by, action="broadcast.test", now=now)
        return broadcast

    async def confirm(
        self, team: Team, broadcast_id: str, version: int, by: str, *, also: AfterChange = no_op
    ) -> Broadcast:
        """Schedule it as it was shown: for the time chosen, else as soon as nobody can undo it any more.

        Raises:
            BotError: NOT_FOUND, ALREADY, or the guard says no.
        """
        await self.check_room(team)
        draft = await self.get(team, broadcast_id)
        await self._preflight.check(team, draft.from_address, draft.kind, draft.size)
        while not await self._deliveries_are_made(team, broadcast_id, version):
            pass
        async with self._db.write() as session:
            await _lock_team(session, team)
            broadcast = await lock(session, team, broadcast_id, version, {BroadcastState.DRAFT})
            await check_live(session, team)
            now = self._clock()
            soonest = now + self._undo
            broadcast.start_at = max(broadcast.start_at or soonest, soonest)
            broadcast.confirmed_by = by
            await transition(session, broadcast, BroadcastState.SCHEDULED, by=by, action="broadcast.confirm", now=now)
            await also(session, broadcast)
        return broadcast

    async def check_room(self, team: Team) -> None:
        """Raise BotError TOO_MANY_BROADCASTS where one more could not be confirmed."""
        async with self._db.read() as session:
            await check_live(session, team)

    async def discard(self, draft: Broadcast) -> None:
        """Forget a draft that nobody is going to confirm."""
        this = (col(Broadcast.id) == draft.id, col(Broadcast.state) == BroadcastState.DRAFT)
        async with self._db.write() as session:
            await session.exec(delete(Broadcast).where(*this))

    async def progress(self, session: AsyncSession, broadcast_id: str) -> Progress | None:
        """Return how far it is; None where there is none. Whose it is, is the caller's question."""
        return await progress_of(session, broadcast_id, self._clock())

    async def last_sender(self, team: Team) -> tuple[str, str]:
        """Return From and Reply-to as they were used last; empty at first."""
        latest = select(Broadcast.from_address, Broadcast.reply_to).where(Broadcast.team_id == team.id)
        async with self._db.read() as session:
            found = (await session.exec(latest.order_by(col(Broadcast.created_at).desc()).limit(1))).first()
        return found or ("", "")

    async def _fix(
        self, team: Team, draft: Draft, addresses: Addresses, kind: SendKind, columns: Sequence[str]
    ) -> CompiledMessage:
        """Compile the message in a thread: a program may send 100 KB of it, and nobody else waits for that."""
        return await asyncio.to_thread(compile_draft, team, draft, addresses, kind, columns, self._public_url)

    async def _store(
        self, team: Team, by: str, upload: Upload, sheet: CsvAudience, held_until: datetime | None = None
    ) -> Audience:
        audience = Audience(
            team_id=team.id,
            columns=list(sheet.columns),
            file_name=upload.name,
            file_id=upload.file_id,
            held_until=held_until,
            created_by=by,
            created_at=self._clock(),
        )
        await store_audience(
            self._db,
            audience,
            sheet,
            upload.rejects.add,
            upload.progress,
            lambda: ImportSummary.of(sheet).to_json(),
        )
        return audience

    async def _name(self, team: Team, typed: str) -> str:
        """Return the name to save under, known to be free or to be handed over."""
        if name := audience_name(typed):
            async with self._db.read() as session:
                await check_room(session, team, name)
        return name

    async def _keep(self, team: Team, broadcast: Broadcast, audience: Audience, name: str = "") -> Prepared:
        prepared = await self._with_recipients(team, broadcast, audience)
        async with self._db.write() as session:
            await _lock_team(session, team)
            await check_drafts(session, team)
            if name:
                await save_as(session, team, audience, name, broadcast.created_by, self._clock())
            session.add(broadcast)
        return prepared

    async def _with_recipients(self, team: Team, broadcast: Broadcast, audience: Audience) -> Prepared:
        """Return a draft with its numbers, and raise BotError where it has nobody whom the team may mail."""
        prepared = await self._numbers(team, broadcast, audience)
        if prepared.suppressed == audience.size:
            raise BotError(
                BroadcastCode.AUDIENCE_NO_RECIPIENTS,
                field="saved_audience" if audience.name else "audience",
            )
        return prepared

    async def _numbers(self, team: Team, broadcast: Broadcast, audience: Audience) -> Prepared:
        async with self._db.read() as session:
            suppressed = await count_suppressed(session, audience)
            fixed = CompiledMessage.from_json(broadcast.template)
            first = await samples_of(session, audience, SAMPLES, fixed.message.fields)
        size = max(1, audience.toward_quota - suppressed)
        mailer, answer = await self._preflight.check(team, broadcast.from_address, broadcast.kind, size)
        cost = price(mailer.pricing_plan, mailer.region, audience.size - suppressed)
        samples = [sample(fixed, address, values) for address, values in first]
        typed = broadcast.subject, broadcast.preheader, broadcast.body
        largest = max((sample.html_bytes for sample in samples), default=0)
        summary = ImportSummary.from_json(audience.import_summary)
        worth_knowing = [
            *summary.remarks(),
            *gaps(fixed.message, audience.columns, audience.empty_values, audience.size),
            *remarks(*typed, fixed.message, audience.columns, largest),
            *mail_remarks(broadcast.body, (sample.subject for sample in samples), team.postal_address),
            *([price_unknown()] if cost is None else []),
        ]
        return Prepared(broadcast, audience, summary, samples, worth_knowing, suppressed, answer, cost)

    async def _deliveries_are_made(self, team: Team, broadcast_id: str, version: int) -> bool:
        """Make the next deliveries of a draft; whoever else confirms it at the same moment helps."""
        async with self._db.write() as session:
            broadcast = await lock(session, team, broadcast_id, version, {BroadcastState.DRAFT})
            return await create_deliveries(session, broadcast, self._clock())

    def _row(
        self,
        mailer: Mailer,
        audience: Audience,
        draft: Draft,
        addresses: Addresses,
        fixed: CompiledMessage,
        by: str,
        kind: SendKind = SendKind.BROADCAST,
    ) -> Broadcast:
        return Broadcast(
            team_id=mailer.team_id,
            mailer_id=mailer.id,
            audience_id=audience.id,
            kind=kind,
            state=BroadcastState.DRAFT,
            from_address=addresses.sender,
            reply_to=addresses.reply_to,
            subject=draft.subject.strip(),
            preheader=draft.preheader.strip(),
            body=dict(draft.body),
            template=fixed.to_json(),
            size=audience.size,
            created_by=by,
            created_at=self._clock(),
        )


async def _lock_team(session: AsyncSession, team: Team) -> None:
    """Lock the team, before any of its broadcasts is."""
    await session.get_one(Team, team.id, with_for_update=True)


def _read(upload: Upload, draft: Draft | None = None) -> CsvAudience:
    """Read the header of a file; the columns that a draft names are kept though they hold nothing."""
    return read_csv(upload.file, choice=replace(upload.choice, needs=draft.columns if draft else ()))


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
