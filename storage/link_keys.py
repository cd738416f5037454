"""The keys that sign unsubscribe links, and the one that hashes addresses of people who were erased.

They outlive the sealing keys: a link works for as long as one may be mailed, and who was erased stays so. Links are
made with a key of this database's own. What they were made with once, derived from a sealing key, is kept.
"""

import secrets
from base64 import b64decode, b64encode
from hashlib import sha256

from sqlmodel import select

from storage.database import Database, Session
from storage.models import LinkKey
from storage.sealing import KeyRing

PURPOSE = "unsubscribe"
OWN = "."  # no id of a sealing key
PEOPLE = ".people"  # as above


async def link_keys(db: Database, keys: KeyRing) -> list[tuple[str, bytes]]:
    """Return the keys with their ids, the one to make links with first; where one is missing it is made, or kept.

    What is derived from any of the sealing keys is kept: one that was taken out, and is put behind the others for one
    start, brings its links back.
    """
    await _make(db, keys, [(OWN, secrets.token_bytes(32)), *keys.derive(PURPOSE)])
    async with db.read() as session:  # another replica may have been faster
        signing = await session.exec(select(LinkKey).where(LinkKey.id != PEOPLE))
        found = sorted(signing, key=lambda row: (row.id != OWN, row.id))
    return [(row.id, _open(keys, row)) for row in found]


async def people_key(db: Database, keys: KeyRing) -> bytes:
    """Return the key of the hashes; where it is missing it is made."""
    await _make(db, keys, [(PEOPLE, secrets.token_bytes(32))])
    async with db.read() as session:
        return _open(keys, await session.get_one(LinkKey, PEOPLE))


async def known_people_key(session: Session, keys: KeyRing) -> bytes:
    """Return the key of the hashes; empty where no bot has made one yet, so that there is no hash."""
    row = await session.get(LinkKey, PEOPLE)
    return _open(keys, row) if row else b""


def _open(keys: KeyRing, row: LinkKey) -> bytes:
    return b64decode(keys.open(row.key, **place_of(row.id)).reveal())


def origin_of(keys: KeyRing, sealed: bytes | None) -> str:
    """Return a name of the database whose own key (`OWN`) this is: its copies have the same one, no other has it.

    Raises UnsealError where another ring sealed it.
    """
    if sealed is None:
        return ""
    own = b64decode(keys.open(sealed, **place_of(OWN)).reveal())
    return sha256(b"mailroom:origin:" + own).hexdigest()[:32]


async def _make(db: Database, keys: KeyRing, wanted: list[tuple[str, bytes]]) -> None:
    async with db.read() as session:
        known = {*await session.exec(select(LinkKey.id))}
    rows = [
        {"id": key_id, "key": keys.seal(b64encode(key).decode(), **place_of(key_id))}
        for key_id, key in wanted
        if key_id not in known
    ]
    if rows:
        async with db.write() as session:
            await session.exec(session.insert_into(LinkKey).values(rows).on_conflict_do_nothing())


def place_of(key_id: str) -> dict[str, str]:
    return {"team": "", "record": key_id, "field": "key"}
