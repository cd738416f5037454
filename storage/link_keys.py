"""The keys that sign unsubscribe links. They outlive the sealing keys: a link works for as long as one may be mailed.

Links are made with a key of this database's own. What they were made with once, derived from a sealing key, is kept.
"""

import secrets
from base64 import b64decode, b64encode

from sqlmodel import select

from storage.database import Database, insert_into
from storage.models import LinkKey
from storage.sealing import KeyRing

PURPOSE = "unsubscribe"
OWN = "."  # no id of a sealing key


async def link_keys(db: Database, keys: KeyRing) -> list[tuple[str, bytes]]:
    """Return the keys with their ids, the one to make links with first; where one is missing it is made, or kept.

    What is derived from any of the sealing keys is kept: one that was taken out, and is put behind the others for one
    start, brings its links back.
    """
    async with db.read() as session:
        known = {*await session.exec(select(LinkKey.id))}
    wanted = [(OWN, secrets.token_bytes(32)), *keys.derive(PURPOSE)]
    rows = [
        {"id": key_id, "key": keys.seal(b64encode(key).decode(), **place_of(key_id))}
        for key_id, key in wanted
        if key_id not in known
    ]
    if rows:
        async with db.write() as session:
            await session.exec(insert_into(session, LinkKey).values(rows).on_conflict_do_nothing())
    async with db.read() as session:  # another replica may have been faster
        found = sorted(await session.exec(select(LinkKey)), key=lambda row: (row.id != OWN, row.id))
    return [(row.id, b64decode(keys.open(row.key, **place_of(row.id)).reveal())) for row in found]


def place_of(key_id: str) -> dict[str, str]:
    return {"team": "", "record": key_id, "field": "key"}
