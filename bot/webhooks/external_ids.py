"""What a team's own program calls a recipient: the value of the column `external_id` in the audience of a broadcast."""

from collections.abc import Collection, Mapping
from typing import Final

from sqlmodel import col, select

from bot.email_addresses import address_key
from storage import Audience, Broadcast, Delivery, Session
from storage.audience_blocks import fields_of

COLUMN: Final = "external_id"


async def external_ids(session: Session, broadcast_id: str, addresses: Collection[str]) -> Mapping[str, str]:
    """Return those of recipients of a broadcast, by the keys of their addresses; none where it is no broadcast."""
    of_broadcast = select(Audience.id, Audience.columns).join(Broadcast, col(Broadcast.audience_id) == Audience.id)
    audience = (await session.exec(of_broadcast.where(Broadcast.id == broadcast_id))).first()
    if audience is None or COLUMN not in audience[1]:
        return {}
    place = audience[1].index(COLUMN)
    keys = [address_key(address) for address in addresses]
    found = select(Delivery.seq, Delivery.address_key).where(
        Delivery.broadcast_id == broadcast_id, col(Delivery.address_key).in_(keys)
    )
    seqs = dict((await session.exec(found)).all())
    values = await (await session.connection()).run_sync(fields_of, audience[0], seqs)
    return {key: value for seq, key in seqs.items() if (value := values[seq][place].strip())}
