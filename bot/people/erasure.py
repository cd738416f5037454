"""Erases people who are to be forgotten: a keyed hash takes the place of the address, wherever it stands.

Until that is done the address is suppressed as it is; from then on its hash is, so that no later file brings it back.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from sqlalchemy import RowMapping, Table, and_, tuple_
from sqlmodel import SQLModel, col, delete, or_, select, update

from bot.address_extraction import replace_addresses
from bot.email_addresses import address_key
from bot.leased_poller import LeasedPoller
from bot.people.places import SWEPT, WHOLE, mentions, of_team, standing_for
from bot.suppression.hidden import hash_of
from bot.suppression.recording import next_change
from storage import (
    Audience,
    Broadcast,
    Database,
    Delivery,
    DeliveryState,
    LiftedSuppression,
    PollKind,
    Session,
    Suppression,
    leases,
)

_AT_ONCE: Final = 1
_PATIENCE: Final = 5.0  # seconds that a tick waits for it
_PASSES: Final = 3
_AGAIN: Final = timedelta(seconds=10)
_ROWS: Final = 100  # changed in one transaction
_tables = SQLModel.metadata.tables


class Erasures(LeasedPoller[leases.Claim]):
    def __init__(self, db: Database) -> None:
        super().__init__(db, at_once=_AT_ONCE, patience=_PATIENCE)

    async def _claim(self, limit: int) -> list[leases.Claim]:
        return await self._claim_polls([PollKind.ERASE], limit, leases.LONGEST_POLL * 5)

    async def _work(self, claimed: leases.Claim) -> None:
        async with self._db.read() as session:
            row = await session.get(Suppression, claimed.subject_id)
            waits = row is not None and not row.hashed and await _is_under_way(session, row)
        if row is not None and not row.hashed:
            if waits or not await self._is_swept(row):
                await self._again(claimed)
                return
            await self._settle(row)
        if not await self._db.checkpoint():
            await self._again(claimed)
            return
        async with self._db.write() as session:
            await leases.end(session, claimed)

    async def _again(self, claimed: leases.Claim) -> None:
        async with self._db.write() as session:
            await leases.finish(session, claimed, session.now + _AGAIN)

    async def _is_swept(self, row: Suppression) -> bool:
        """Replace the address until it stands nowhere; False: it goes on coming back."""
        for _ in range(_PASSES):
            if not await self._sweep(row):
                return True
        return False

    async def _sweep(self, row: Suppression) -> int:
        """Replace the address wherever it stands; return how often it stood somewhere."""
        hashed, changed = hash_of(self._db.people_key, row.team_id, row.address), 0
        for name, columns in SWEPT.items():
            table = _tables[name]
            keys = await self._holders(table, columns, row)
            while some := list(islice(keys, _ROWS)):
                async with self._db.write() as session:
                    changed += await self._replace(session, table, columns, some, row, hashed)
        return changed

    async def _holders(self, table: Table, columns: Sequence[str], row: Suppression) -> Any:
        """Return the primary keys of the rows that may hold the address."""
        holds = or_(*(mentions(self._db.dialect, table.c[name], address_key(row.address)) for name in columns))
        found = table.select().with_only_columns(*table.primary_key).where(of_team(table, row.team_id), holds)
        async with self._db.read() as session:
            connection = await session.connection()
            return iter((await connection.execute(found.order_by(*table.primary_key))).all())

    async def _replace(
        self,
        session: Session,
        table: Table,
        columns: Sequence[str],
        keys: Sequence[Any],
        row: Suppression,
        hashed: str,
    ) -> int:
        await _lock_broadcasts(session, table, keys)
        connection, by, count = await session.connection(), standing_for(row.address, hashed), 0
        these = tuple_(*table.primary_key).in_([tuple(key) for key in keys])
        for found in (await connection.execute(table.select().where(these).with_for_update())).mappings().all():
            values = _values(found, table.name, columns, by, session.now)
            if any(values[name] != found[name] for name in values):
                this = and_(*(column == found[column.name] for column in table.primary_key))
                await connection.execute(table.update().where(this).values(values))
                count += 1
        return count

    async def _settle(self, row: Suppression) -> None:
        """Let the hash be suppressed in the place of the address, which nothing else holds any more."""
        hashed = hash_of(self._db.people_key, row.team_id, row.address)
        async with self._db.write() as session:
            change = await next_change(session, row.team_id)
            of_list = col(Suppression.team_id) == row.team_id
            await session.exec(delete(Suppression).where(of_list, col(Suppression.address_key) == hashed))
            lifted = (
                col(LiftedSuppression.team_id) == row.team_id,
                col(LiftedSuppression.address_key) == row.address_key,
            )
            await session.exec(delete(LiftedSuppression).where(*lifted))
            values = {"address": hashed, "address_key": hashed, "hashed": True, "word": "", "change": change}
            await session.exec(update(Suppression).where(col(Suppression.id) == row.id).values(values))


def _values(
    found: RowMapping, name: str, columns: Sequence[str], by: Callable[[str], str], now: datetime
) -> dict[str, Any]:
    """Return what a row is to hold."""
    values = {
        column: _whole(found[column], by) if column in WHOLE else replace_addresses(found[column], by)
        for column in columns
    }
    if name == "audience_block":
        places = [at for at, address in enumerate(found["addresses"]) if by(address) != address]
        for at in places:
            values["fields"] = [*values["fields"]]
            values["fields"][at] = [""] * len(values["fields"][at])
    if name == "webhook_event":
        values["data"] = replace_addresses(_without_id(found["data"], by), by)
    if name == "delivery" and found["state"] == DeliveryState.PENDING and values["address"] != found["address"]:
        values |= {"state": DeliveryState.SUPPRESSED, "at": now}
    if name == "team":
        values["tests_go_to"] = [each for each in found["tests_go_to"] if by(each) == each]
    return values


def _without_id(data: dict[str, Any], by: Callable[[str], str]) -> dict[str, Any]:
    """Return the data of a webhook without what the team's own program calls the person."""
    items = [
        {**item, "external_id": None} if by(item["address"]) != item["address"] else item
        for item in data.get("items", ())
    ]
    return {**data, "items": items} if items else data


def _whole(value: Any, by: Callable[[str], str]) -> Any:
    return by(value) if isinstance(value, str) else [by(each) for each in value]


async def _is_under_way(session: Session, row: Suppression) -> bool:
    """Whether a mail to the address is being sent, or a file is being read that may hold it."""
    sending = (
        select(Delivery.seq)
        .join(Broadcast)
        .where(
            Broadcast.team_id == row.team_id,
            Delivery.address_key == row.address_key,
            Delivery.state == DeliveryState.SENDING,
        )
    )
    since = row.changed_at or row.created_at
    reading = select(Audience.id).where(
        Audience.team_id == row.team_id, Audience.size == 0, col(Audience.created_at) <= since
    )
    found = [(await session.exec(each.limit(1))).first() for each in (sending, reading)]
    return any(each is not None for each in found)


async def _lock_broadcasts(session: Session, table: Table, keys: Sequence[Any]) -> None:
    """Hold the broadcasts of deliveries, or of these blocks, so that meanwhile nothing is claimed or made."""
    if table.name not in {"audience_block", "delivery"}:
        return
    owner = col(Broadcast.audience_id) if table.name == "audience_block" else col(Broadcast.id)
    name = "audience_id" if table.name == "audience_block" else "broadcast_id"
    owners = {getattr(key, name) for key in keys}
    held = select(Broadcast.id).where(owner.in_(owners)).order_by(Broadcast.id).with_for_update()
    await session.exec(held)
