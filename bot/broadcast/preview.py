"""How a broadcast looks in a browser: a signed link, good for an hour, and each recipient's mail behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from bot.broadcast.codes import BroadcastCode
from bot.broadcast.content.message import CompiledMessage
from bot.broadcast.content.ses_template import Rendered
from bot.broadcast.content.warnings import Remark
from bot.broadcast.draft import Sample
from bot.broadcast.reporting.numbers import worth_knowing
from bot.errors import BotError, require
from bot.signed_tokens import Key, sign, verify
from bot.suppression.unsubscribe_links import unsubscribe_headers, unsubscribe_url
from storage import Audience, AudienceBlock, Broadcast, Database, Session, Team
from storage.audience_blocks import BLOCK

LINK_LIVES: Final = timedelta(hours=1)
NOBODY: Final = "preview"  # in the place of a recipient's token

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


@dataclass(frozen=True, slots=True)
class RecipientMail:
    """One recipient's mail, and what is worth knowing of it."""

    shown: Preview
    headers: Mapping[str, str]
    remarks: Sequence[Remark]


class Previews:
    """Args: `keys` sign the links, the newest first; without a `public_url` there is none."""

    def __init__(self, db: Database, keys: Sequence[Key], public_url: str) -> None:
        self._db = db
        self._keys = keys
        self._public_url = public_url

    def link(self, broadcast: Broadcast) -> str:
        """Return an address that shows it from now on, for an hour; empty where this installation has none."""
        if not self._public_url:
            return ""
        ends = int((self._db.now() + LINK_LIVES).timestamp())
        ids = bytes.fromhex(broadcast.team_id) + bytes.fromhex(broadcast.id)
        return f"{self._public_url.rstrip('/')}/p/{sign(self._keys, _PURPOSE, ids + ends.to_bytes(_TIME_BYTES))}"

    async def open(self, token: str, row: int) -> Preview:
        """Return the mail of a row; of the first one where there is no such row.

        Raises:
            BotError: LINK_EXPIRED; NOT_FOUND for a link that is none of ours, and for a broadcast that is gone.
        """
        claim = require(verify(self._keys, _PURPOSE, token, 2 * _ID_BYTES + _TIME_BYTES), BroadcastCode.NOT_FOUND)
        team, broadcast_id, ends = claim[:_ID_BYTES], claim[_ID_BYTES : 2 * _ID_BYTES], claim[2 * _ID_BYTES :]
        if self._db.now() >= datetime.fromtimestamp(int.from_bytes(ends), UTC):
            raise BotError(BroadcastCode.LINK_EXPIRED)
        async with self._db.read() as session:
            broadcast = await session.get(Broadcast, broadcast_id.hex())
            if broadcast is None or broadcast.team_id != team.hex():
                raise BotError(BroadcastCode.NOT_FOUND)
            return await _preview(session, broadcast, row)

    async def mail(self, team: Team, broadcast: Broadcast, row: int) -> RecipientMail:
        """Return the mail of a row as it is sent, its pictures named and not in it.

        Raises:
            BotError: AUDIENCE_EMPTY; BODY_EMPTY; NO_SUCH_RECIPIENT, for the field `recipient`.
        """
        async with self._db.read() as session:
            found = await session.get(Audience, broadcast.audience_id) if broadcast.audience_id else None
            audience = require(found, BroadcastCode.AUDIENCE_MISSING)
            if not 1 <= row <= audience.size:
                raise BotError(BroadcastCode.NO_SUCH_RECIPIENT, field="recipient")
            shown = await _mail(session, broadcast, audience, row)
        fixed = CompiledMessage.from_json(broadcast.template)
        one = Sample(shown.address, shown.mail.subject, shown.mail.text, len(shown.mail.html.encode()))
        return RecipientMail(shown, _headers(fixed, shown), worth_knowing(team, broadcast, audience, fixed, [one]))

    async def of(self, broadcast: Broadcast) -> Preview:
        """Return the first recipient's mail."""
        async with self._db.read() as session:
            return await _preview(session, broadcast, 1)


def _headers(fixed: CompiledMessage, shown: Preview) -> dict[str, str]:
    url = unsubscribe_url(fixed.public_url, NOBODY) if fixed.public_url else ""
    return {
        "From": shown.sender,
        "To": shown.address,
        **({"Reply-To": fixed.reply_to} if fixed.reply_to else {}),
        **unsubscribe_headers(url=url, reply_to=fixed.leave_at),
    }


async def _preview(session: Session, broadcast: Broadcast, row: int) -> Preview:
    audience = await session.get_one(Audience, broadcast.audience_id)
    shown = await _mail(session, broadcast, audience, row if 1 <= row <= audience.size else 1)
    html = CompiledMessage.from_json(broadcast.template).in_browser(shown.mail.html, broadcast.images)
    return replace(shown, mail=shown.mail._replace(html=html))


async def _mail(session: Session, broadcast: Broadcast, audience: Audience, row: int) -> Preview:
    at = (row - 1) % BLOCK
    block = await session.get_one(AudienceBlock, (audience.id, row - at))
    compiled = CompiledMessage.from_json(broadcast.template)
    return Preview(row, audience.size, block.addresses[at], compiled.sender, compiled.sample(block.fields[at]))
