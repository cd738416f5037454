"""How a broadcast looks in a browser: a signed link, good for an hour, and each recipient's mail behind it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlmodel.ext.asyncio.session import AsyncSession

from bot.broadcast.audience.store import BLOCK
from bot.broadcast.codes import BroadcastCode
from bot.broadcast.content.images import as_data_urls
from bot.broadcast.content.message import CompiledMessage
from bot.broadcast.content.ses_template import Rendered
from bot.errors import BotError
from bot.signed_tokens import Key, sign, verify
from storage.database import Database
from storage.models import Audience, AudienceBlock, Broadcast

LINK_LIVES: Final = timedelta(hours=1)

_PURPOSE = b"mailroom preview 1\0"
_ID_BYTES = 16
_TIME_BYTES = 5


@dataclass(frozen=True, slots=True)
class Preview:
    """One recipient's mail, with an unsubscribe link that leads nowhere; counted from 1 in the audience's order."""

    row: int
    size: int
    address: str
    sender: str
    mail: Rendered


class Previews:
    """Args: `keys` sign the links, the newest first; without a `public_url` there is none."""

    def __init__(self, db: Database, clock: Callable[[], datetime], keys: Sequence[Key], public_url: str) -> None:
        self._db = db
        self._clock = clock
        self._keys = keys
        self._public_url = public_url

    def link(self, broadcast: Broadcast) -> str:
        """Return an address that shows it from now on, for an hour; empty where this installation has none."""
        if not self._public_url:
            return ""
        ends = int((self._clock() + LINK_LIVES).timestamp())
        ids = bytes.fromhex(broadcast.team_id) + bytes.fromhex(broadcast.id)
        return f"{self._public_url.rstrip('/')}/p/{sign(self._keys, _PURPOSE, ids + ends.to_bytes(_TIME_BYTES))}"

    async def open(self, token: str, row: int) -> Preview:
        """Return the mail of a row; of the first one where there is no such row.

        Raises:
            BotError: LINK_EXPIRED; NOT_FOUND for a link that is none of ours, and for a broadcast that is gone.
        """
        claim = verify(self._keys, _PURPOSE, token, 2 * _ID_BYTES + _TIME_BYTES)
        if claim is None:
            raise BotError(BroadcastCode.NOT_FOUND)
        team, broadcast_id, ends = claim[:_ID_BYTES], claim[_ID_BYTES : 2 * _ID_BYTES], claim[2 * _ID_BYTES :]
        if self._clock() >= datetime.fromtimestamp(int.from_bytes(ends), UTC):
            raise BotError(BroadcastCode.LINK_EXPIRED)
        async with self._db.read() as session:
            broadcast = await session.get(Broadcast, broadcast_id.hex())
            if broadcast is None or broadcast.team_id != team.hex():
                raise BotError(BroadcastCode.NOT_FOUND)
            return await _preview(session, broadcast, row)

    async def of(self, broadcast: Broadcast) -> Preview:
        """Return the first recipient's mail."""
        async with self._db.read() as session:
            return await _preview(session, broadcast, 1)


async def _preview(session: AsyncSession, broadcast: Broadcast, row: int) -> Preview:
    audience = await session.get_one(Audience, broadcast.audience_id)
    row = row if 1 <= row <= audience.size else 1
    at = (row - 1) % BLOCK
    block = await session.get_one(AudienceBlock, (audience.id, row - at))
    compiled = CompiledMessage.from_json(broadcast.template)
    mail = compiled.sample(block.fields[at])
    mail = mail._replace(html=as_data_urls(mail.html, broadcast.images, compiled.message.images))
    return Preview(row, audience.size, block.addresses[at], compiled.sender, mail)
