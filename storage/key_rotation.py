"""The sealing keys and the database they sealed: refusing a wrong key, and changing to a new one."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlmodel import col, delete, select, update

from storage.database import Database, StorageError
from storage.link_keys import link_keys
from storage.models import Installation, LinkKey, Mailer, SealingCheck, Webhook
from storage.sealing import KeyRing, UnsealError

_KNOWN_TEXT = "mailroom"


async def check_keys(db: Database, keys: KeyRing) -> None:
    """Refuse keys that this database was not sealed with; leave the newest one's mark in it.

    Raises StorageError, before anything is written.
    """
    if await fit(db, keys):
        return
    mark = keys.seal(_KNOWN_TEXT, **_place_of_mark(keys.newest))
    async with db.write() as session:
        row = session.insert_into(SealingCheck).values(key_id=keys.newest, sealed=mark)
        await session.exec(row.on_conflict_do_nothing())
    # Two replicas may have started for the first time with different keys: the one that came second sees both marks.
    await fit(db, keys)


async def fit(db: Database, keys: KeyRing) -> bool:
    """Tell whether the newest key is in use here already; nothing is changed.

    Raises StorageError at keys that this database was not sealed with.
    """
    async with db.read() as session:
        marks = (await session.exec(select(SealingCheck))).all()
    check_marks({mark.key_id: mark.sealed for mark in marks}, keys)
    return keys.newest in {mark.key_id for mark in marks}


def check_marks(marks: Mapping[str, bytes], keys: KeyRing, *, of: str = "this database") -> None:
    """Raises StorageError at keys that have not sealed these marks, which are by key id."""
    for key_id, mark in marks.items():
        if key_id not in keys:
            raise StorageError(
                f"MAILROOM_KEYS lacks the key {key_id}, which {of} was sealed with: put it back, behind the newest one "
                "if that changed."
            )
        try:
            keys.open(mark, **_place_of_mark(key_id))
        except UnsealError:
            raise StorageError(
                f"MAILROOM_KEYS has another key under the id {key_id} than {of} was sealed with."
            ) from None


async def rotate(db: Database, keys: KeyRing) -> int:
    """Seal again with the newest key whatever another one sealed, and return how many values that were.

    Each value is a transaction of its own, and only takes the place of what was read: a kill leaves every value
    readable, the next call goes on, and a value that changes meanwhile is kept. Every replica must have the newest key
    before. Raises UnsealError at a value that no key opens.
    """
    await check_keys(db, keys)
    await link_keys(db, keys)  # kept before the key that some were derived from may be taken out
    count = 0
    while stale := await _stale(db, keys):
        for value in stale:
            count += await _reseal(db, keys, value)
    async with db.write() as session:
        await session.exec(delete(SealingCheck).where(col(SealingCheck.key_id) != keys.newest))
    return count


@dataclass(frozen=True, slots=True)
class _Value:
    model: type[Mailer | Installation | LinkKey | Webhook]
    field: str
    team: str
    record: str
    sealed: bytes


async def _stale(db: Database, keys: KeyRing) -> list[_Value]:
    async with db.read() as session:
        mailers = await session.exec(select(Mailer.team_id, Mailer.id, Mailer.credentials))
        of_slack = select(
            Installation.slack_team_id, Installation.id, Installation.bot_token, Installation.refresh_token
        )
        installations = (await session.exec(of_slack)).all()
        links = await session.exec(select(LinkKey.id, LinkKey.key))
        webhooks = (await session.exec(select(Webhook.team_id, Webhook.id, Webhook.secret, Webhook.old_secret))).all()
    values = [_Value(Mailer, "credentials", *row) for row in mailers]
    values += [
        _Value(Installation, "bot_token", team, record, sealed) for team, record, sealed, _ in installations if sealed
    ]
    values += [
        _Value(Installation, "refresh_token", team, record, sealed)
        for team, record, _, sealed in installations
        if sealed
    ]
    values += [_Value(LinkKey, "key", "", *row) for row in links]
    values += [_Value(Webhook, "secret", team, record, sealed) for team, record, sealed, _ in webhooks]
    values += [_Value(Webhook, "old_secret", team, record, old) for team, record, _, old in webhooks if old]
    return [value for value in values if keys.needs_rotation(value.sealed)]


async def _reseal(db: Database, keys: KeyRing, value: _Value) -> int:
    place = {"team": value.team, "record": value.record, "field": value.field}
    sealed = keys.seal(keys.open(value.sealed, **place).reveal(), **place)
    column = getattr(value.model, value.field)
    async with db.write() as session:
        done = await session.exec(
            update(value.model)
            .where(col(value.model.id) == value.record, column == value.sealed)
            .values({column: sealed})
        )
        return done.rowcount


def _place_of_mark(key_id: str) -> dict[str, str]:
    return {"team": "", "record": key_id, "field": "sealed"}
