"""What a file, or a program's rows, would make of a saved audience: its next revision, which has no name yet."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Self

from bot.broadcast.audience.block_builder import Reject
from bot.broadcast.audience.codes import AudienceCode
from bot.broadcast.audience.csv_reader import CsvAudience, CsvRecipient, Rejected, RejectReason
from bot.broadcast.audience.import_limits import ImportLimits
from bot.broadcast.audience.import_summary import ImportSummary
from bot.broadcast.audience.revisions.changes import Change, Changes
from bot.broadcast.audience.revisions.columns import shown_columns
from bot.broadcast.audience.revisions.comparison import Counts, compare
from bot.broadcast.audience.revisions.members import StoredMember, in_thread, members_of
from bot.broadcast.audience.revisions.merging import Merging
from bot.broadcast.audience.revisions.patch import Patch
from bot.broadcast.audience.store import Progress, forget_audience, ignore_rejected, no_progress, store_audience
from bot.errors import BotError
from bot.suppression.hidden import HiddenAddresses, hidden_addresses
from storage import Audience, Database, Team

HELD = timedelta(days=1)  # that a proposal waits to be kept


class How(StrEnum):
    """What the rows of a file are to an audience."""

    REPLACE = "replace"
    ADD = "add"  # or change those who are there
    TAKE_OUT = "take_out"


@dataclass(frozen=True, slots=True)
class RevisionSource:
    """A file to read.

    Attributes:
        read: reads its header; called in a thread.
        name: of the file; may be empty.
        file_id: Slack's, where it is there.
        progress: is told how many rows are read.
        reject: takes the rows that are left out.
        waits: for its turn, as long as that takes.
    """

    read: Callable[[], CsvAudience]
    name: str = ""
    file_id: str = ""
    progress: Progress = no_progress
    reject: Reject = ignore_rejected
    waits: bool = True


@dataclass(frozen=True, slots=True)
class Proposal:
    """A new revision that has no name yet, and what it changes in the one it was made from."""

    audience: Audience
    counts: Counts

    @classmethod
    def of(cls, audience: Audience | None, team: Team) -> Self:
        """Return what waits to be kept.

        Raises:
            BotError: NOT_FOUND, or ALREADY where it was kept.
        """
        if audience is None or audience.team_id != team.id or not audience.change:
            raise BotError(AudienceCode.NOT_FOUND)
        if audience.revision:
            raise changed_meanwhile()
        return cls(audience, Counts(**{name: value for name, value in audience.change.items() if name != "base"}))


class Proposals:
    def __init__(self, db: Database, imports: ImportLimits) -> None:
        self._db = db
        self._imports = imports

    async def propose(self, team: Team, base: Audience | None, how: How, source: RevisionSource, by: str) -> Proposal:
        """Read a file, and make the revision of `base` that it leads to; without one, a first revision.

        Raises:
            BotError: IMPORT_UNDER_WAY, AUDIENCE_NO_RECIPIENTS where nobody would be left, or about the file.
        """
        async with self._imports.turn(team.id, waits=source.waits):
            sheet = await asyncio.to_thread(source.read)
            if base is None or how is How.REPLACE:
                return await self._replaced(team, base, source, sheet, by)
            with closing(Changes()) as changes:
                given = shown_columns(sheet.columns, sheet.columns.index(sheet.address_column))
                rejected = _sorted_out(sheet, changes, await self._hidden(team), remove=how is How.TAKE_OUT)
                merging = Merging(base, given if how is How.ADD else [], changes)
                return await self._merged(base, merging.rows(self._members(base), rejected), merging, source, by)

    async def propose_patch(self, team: Team, base: Audience, patch: Patch, by: str) -> Proposal:
        """Make the revision that has these members added or changed, and those removed.

        Raises:
            BotError: as `propose`.
        """
        async with self._imports.turn(team.id, waits=False):
            with closing(Changes()) as changes:
                rejected = patch.sort_out(changes, await self._hidden(team))
                merging = Merging(base, patch.columns, changes)
                rows = merging.rows(self._members(base), rejected)
                return await self._merged(base, rows, merging, _NO_FILE, by)

    async def proposal(self, team: Team, audience_id: str) -> Proposal:
        """Return one that was not kept yet. Raises BotError as `Proposal.of`."""
        async with self._db.read() as session:
            return Proposal.of(await session.get(Audience, audience_id), team)

    async def discard(self, team: Team, audience_id: str) -> None:
        """Forget a proposal that is not to be kept. Raises BotError as `Proposal.of`."""
        proposal = await self.proposal(team, audience_id)
        await forget_audience(self._db, proposal.audience.id)

    async def _replaced(
        self, team: Team, base: Audience | None, source: RevisionSource, sheet: CsvAudience, by: str
    ) -> Proposal:
        audience = self._new(team.id, list(sheet.columns), source, by)
        await store_audience(
            self._db, audience, sheet.rows, source.reject, source.progress, lambda: ImportSummary.of(sheet).to_json()
        )
        try:
            counts = await compare(self._db, base, audience) if base else Counts(added=audience.size)
        except BaseException:
            await forget_audience(self._db, audience.id)
            raise
        return await self._counted(audience, base, counts)

    async def _merged(
        self, base: Audience, rows: Iterator[CsvRecipient | Rejected], merging: Merging, source: RevisionSource, by: str
    ) -> Proposal:
        audience = self._new(base.team_id, merging.columns, source, by)
        audience.file_id = ""  # what is in the file is not all that is in this
        audience.file_name = source.name or base.file_name
        summary = ImportSummary(address_column=base.import_summary.get("address_column", ""))
        try:
            await store_audience(self._db, audience, rows, source.reject, source.progress, summary.to_json)
        except BotError as error:
            if error.code != AudienceCode.AUDIENCE_NO_RECIPIENTS:
                raise
            raise BotError(
                AudienceCode.AUDIENCE_NO_RECIPIENTS, "Nobody would be left in it.", "Remove the audience instead."
            ) from None
        return await self._counted(audience, base, merging.counts)

    def _new(self, team_id: str, columns: list[str], source: RevisionSource, by: str) -> Audience:
        now = self._db.now()
        return Audience(
            team_id=team_id,
            columns=columns,
            file_name=source.name,
            file_id=source.file_id,
            held_until=now + HELD,
            created_by=by,
            created_at=now,
        )

    async def _counted(self, audience: Audience, base: Audience | None, counts: Counts) -> Proposal:
        async with self._db.write() as session:
            stored = await session.get_one(Audience, audience.id, with_for_update=True)
            stored.change = {"base": base.id if base else "", **counts.to_json()}
            session.add(stored)
        return Proposal(stored, counts)

    def _members(self, audience: Audience) -> Iterator[list[StoredMember]]:
        return in_thread(members_of(self._db, audience), asyncio.get_running_loop())

    async def _hidden(self, team: Team) -> HiddenAddresses:
        async with self._db.read() as session:
            return await hidden_addresses(session, self._db.people_key, team.id)


def changed_meanwhile() -> BotError:
    return BotError(
        AudienceCode.STATE_CHANGED,
        "This audience has changed meanwhile, so nothing was changed.",
        "Look at it as it is now, and try again.",
    )


def _no_sheet() -> CsvAudience:
    raise NotImplementedError


_NO_FILE = RevisionSource(_no_sheet)


def _sorted_out(sheet: CsvAudience, changes: Changes, hidden: HiddenAddresses, *, remove: bool) -> Iterator[Rejected]:
    """Add the rows of a file to the changes, and yield those that cannot be."""
    for row in sheet:
        if isinstance(row, Rejected):
            yield row
        elif hidden and hidden.shown(row.address) != row.address:
            yield Rejected(row.line, row.address, "was erased", RejectReason.INVALID)
        else:
            changes.add(Change(row.line, row.address, None if remove else row.fields))
