"""From what somebody selected to an audience of its own, which is what a broadcast goes to.

Names and broadcasts are looked up at that moment; what comes of it is stored like any audience, and does not change
any more. Millions stream by, in a thread: in memory is a table of those who are left out or were there already.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlmodel import col, func, select

from bot.broadcast.audience.codes import AudienceCode
from bot.broadcast.audience.csv_reader import CsvRecipient
from bot.broadcast.audience.deduplication import AddressDeduplicator
from bot.broadcast.audience.revisions.columns import address_place
from bot.broadcast.audience.revisions.members import MembersGoneError, StoredMember, in_thread, members_of
from bot.broadcast.audience.saved import saved_under
from bot.broadcast.audience.selection.selection import Selected, Selection
from bot.broadcast.audience.store import Progress, forget_audience, no_progress, store_audience
from bot.email_addresses import address_key, shown
from bot.errors import BotError, require
from bot.suppression.hidden import hash_of, is_hashed
from bot.wording import count
from storage import Audience, Broadcast, Database, Delivery, DeliveryState, Repository, SendKind, Session, Team

GOT: Final = (
    DeliveryState.SENT,
    DeliveryState.DELIVERED,
    DeliveryState.BOUNCED,
    DeliveryState.COMPLAINED,
    DeliveryState.IN_DOUBT,
)
"""In these states a delivery may have come to somebody."""
MOST_COLUMNS: Final = 300
_BATCH: Final = 5_000  # addresses read at once
_LEFT_OUT, _GOT, _MEMBER = 1, 2, 3  # what the table of addresses says of one


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a selection means at a moment.

    Attributes:
        got: for each broadcast, how many got it, and the sum of their numbers: who they are, as good as.
    """

    selection: Selection
    also: Sequence[Audience] = ()
    leaves_out: Sequence[Audience] = ()
    got: Mapping[str, Sequence[int]] | None = None

    def columns(self, of_source: Sequence[str]) -> list[str]:
        """Return the columns of what comes of it: those of the audience, then those that only `also` has."""
        more = (name for audience in self.also for name in audience.columns)
        return list(dict.fromkeys([*of_source, *more]))[:MOST_COLUMNS]

    def key(self, source: Audience) -> dict[str, Any]:
        """Return what it is selected from and by, as it is stored."""
        return {
            "from": source.id,
            "by": self.selection.to_json(),
            "also": [audience.id for audience in self.also],
            "except": [audience.id for audience in self.leaves_out],
            "got": {broadcast_id: [*numbers] for broadcast_id, numbers in (self.got or {}).items()},
        }


class Selections(Repository):
    async def resolve(self, team: Team, selection: Selection, columns: Sequence[str], addresses: str) -> Resolved:
        """Look up what a selection names, for an audience with these columns, of which one has the addresses.

        Raises:
            BotError: UNKNOWN_COLUMN, FILTER_VALUE, AUDIENCE_UNKNOWN or BROADCAST_UNKNOWN, for its field.
        """
        if selection.where:
            selection.where.for_columns(columns, addresses)
        async with self._db.read() as session:
            also = [await _saved(session, team, name, "also") for name in selection.also]
            leaves_out = [await _saved(session, team, name, "except") for name in selection.leaves_out]
            got = {each: await _count_got(session, team, each) for each in selection.leaves_out_got}
        return Resolved(selection, also, leaves_out, got)

    @asynccontextmanager
    async def selected(
        self, source: Audience, resolved: Resolved, by: str, now: Audience | None, progress: Progress = no_progress
    ) -> AsyncIterator[Audience]:
        """Yield whom it goes to: the audience itself where nothing is selected.

        What was selected is stored, and forgotten if the body fails; `now` is taken where it is that already.

        Raises:
            BotError: AUDIENCE_NO_RECIPIENTS: nobody is left.
        """
        if not resolved.selection:
            yield source
            return
        before = Selected.from_json(now.import_summary) if now else None
        if now and before and before.key == resolved.key(source):
            yield now
            return
        made = await self._store(source, resolved, by, progress)
        try:
            yield made
        except BaseException:
            await forget_audience(self._db, made.id)
            raise

    async def _store(self, source: Audience, resolved: Resolved, by: str, progress: Progress) -> Audience:
        made = Audience(
            team_id=source.team_id,
            columns=resolved.columns(source.columns),
            created_by=by,
            created_at=self._db.now(),
        )
        picking = _Picking(self._db, source, resolved, asyncio.get_running_loop())
        summary = picking.counts
        try:
            await store_audience(
                self._db,
                made,
                picking.rows(),
                progress=progress,
                summary=lambda: summary.to_json(source.import_summary),
            )
        except BotError as error:
            if error.code is AudienceCode.AUDIENCE_NO_RECIPIENTS:
                raise _nobody(resolved.selection, summary) from None
            raise
        except MembersGoneError:
            raise BotError(
                AudienceCode.AUDIENCE_UNKNOWN,
                "One of the audiences was replaced while it was read, so nothing was changed.",
                "Try again.",
                field="also",
            ) from None
        return made


class _Picking:
    """Yields, in a thread, the rows that are selected, and counts them; the event loop reads them meanwhile."""

    def __init__(self, db: Database, source: Audience, resolved: Resolved, loop: asyncio.AbstractEventLoop) -> None:
        self._db, self._source, self._resolved, self._loop = db, source, resolved, loop
        self._columns = resolved.columns(source.columns)
        self.counts = Selected(key=resolved.key(source), of=source.size)
        several = resolved.also or resolved.leaves_out or resolved.got
        members = sum(each.size for each in (source, *resolved.also, *resolved.leaves_out))
        got = sum(number for number, _ in (resolved.got or {}).values())
        self._known = AddressDeduplicator(members + got) if several else None
        self._hashed = False  # of some who got one, only the hash of the address is kept

    def rows(self) -> Iterator[CsvRecipient]:
        for audience in self._resolved.leaves_out:
            for member in self._members(audience):
                self._know(address_key(member.address), _LEFT_OUT)
        for broadcast_id in self._resolved.got or ():
            for keys in in_thread(_who_got(self._db, broadcast_id), self._loop):
                for key in keys:
                    self._know(key, _GOT)
                    self._hashed = self._hashed or is_hashed(key)
        for row in self._of_source():
            self.counts.own += 1
            yield row
        for audience in self._resolved.also:
            yield from self._of_other(audience)

    def _of_source(self) -> Iterator[CsvRecipient]:
        where = self._resolved.selection.where
        keeps = where.for_columns(self._source.columns, address_column(self._source)) if where else None
        missing = [""] * (len(self._columns) - len(self._source.columns))
        for member in self._members(self._source):
            if keeps and not keeps.keeps(member.values):
                continue
            self.counts.matched += 1
            if self._is_taken(member):
                yield CsvRecipient(member.line, member.address, member.values + missing if missing else member.values)
        if keeps:
            self.counts.unreadable = keeps.unreadable

    def _of_other(self, audience: Audience) -> Iterator[CsvRecipient]:
        """Yield those of another audience, with its values in the columns of the same name, and in no other."""
        places = [audience.columns.index(name) if name in audience.columns else -1 for name in self._columns]
        address_at = address_place(self._source)
        for member in self._members(audience):
            if not self._is_taken(member, is_added=True):
                continue
            values = [member.values[place] if place >= 0 else "" for place in places]
            if address_at >= 0:
                values[address_at] = member.address
            yield CsvRecipient(member.line, member.address, values)

    def _is_taken(self, member: StoredMember, *, is_added: bool = False) -> bool:
        """Whether it is one of those who get it; each address is counted once, wherever it comes."""
        key = address_key(member.address)
        met = self._know(key, _MEMBER)
        if met == _MEMBER:
            return False
        if not met and self._known and self._hashed:
            met = self._known.find(hash_of(self._db.people_key, self._source.team_id, member.address))
        self.counts.added += is_added
        if met and self._known:
            self._known.replace(key, _MEMBER)
            self.counts.left_out += met == _LEFT_OUT
            self.counts.got += met == _GOT
        return not met

    def _know(self, key: str, what: int) -> int:
        """Return what was known of an address before, or 0."""
        return self._known.first_line(key, what) if self._known else 0

    def _members(self, audience: Audience) -> Iterator[StoredMember]:
        for members in in_thread(members_of(self._db, audience), self._loop):
            yield from members


def address_column(audience: Audience) -> str:
    """Return the name of the column that holds the addresses, or nothing."""
    at = address_place(audience)
    return audience.columns[at] if at >= 0 else ""


async def _saved(session: Session, team: Team, name: str, field: str) -> Audience:
    return require(
        await saved_under(session, team, name),
        AudienceCode.AUDIENCE_UNKNOWN,
        f"The saved audience “{shown(name)}”, which “{field.capitalize()}” names, is no longer there.",
        "Take it out, or choose another.",
        field=field,
    )


async def _count_got(session: Session, team: Team, broadcast_id: str) -> list[int]:
    broadcast = await session.get(Broadcast, broadcast_id)
    if broadcast is None or broadcast.team_id != team.id or broadcast.kind is not SendKind.BROADCAST:
        raise BotError(AudienceCode.BROADCAST_UNKNOWN, field="except_broadcasts")
    if broadcast.recipients_gone_at is not None:  # who got it is not there any more
        raise BotError(AudienceCode.BROADCAST_UNKNOWN, field="except_broadcasts")
    counted = select(func.count(), func.coalesce(func.sum(Delivery.seq), 0)).where(
        Delivery.broadcast_id == broadcast_id, col(Delivery.state).in_(GOT)
    )
    return [int(number) for number in (await session.exec(counted)).one()]


async def _who_got(db: Database, broadcast_id: str) -> AsyncIterator[Iterable[str]]:
    """Yield the keys of the addresses that may have got a broadcast, some at a time."""
    after = 0
    while True:
        found = select(Delivery.seq, Delivery.address_key).where(
            Delivery.broadcast_id == broadcast_id, col(Delivery.seq) > after, col(Delivery.state).in_(GOT)
        )
        async with db.read() as session:
            rows = (await session.exec(found.order_by(col(Delivery.seq)).limit(_BATCH))).all()
        if not rows:
            return
        after = rows[-1][0]
        yield [key for _, key in rows]


def _nobody(selection: Selection, counts: Selected) -> BotError:
    """Say what has left nobody."""
    left_out = (
        (f"“Only those where” ({selection.where})", counts.of - counts.matched),
        ("“Except”", counts.left_out),
        ("“Except who got”", counts.got),
    )
    said = ", ".join(f"{what} leaves out {number:,}" for what, number in left_out if number)
    everybody = count(counts.of + counts.added, "address", "addresses")
    return BotError(
        AudienceCode.AUDIENCE_NO_RECIPIENTS,
        f"Nobody of {everybody} is left: {said}.",
        "Leave out less.",
        field="where" if selection.where else "except",
    )
