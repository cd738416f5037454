"""*Mail me one*: the exact mail that one recipient of a draft would get, sent to another address.

It is a test whose message is the draft's own, compiled as it goes out: what differs is To, `X-Mailroom-Test`, the token
of the unsubscribe link and the message tags, so that no tester unsubscribes or settles anybody.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.broadcast.audience.selection.selection import Selected
from bot.broadcast.broadcasts import Broadcasts
from bot.broadcast.codes import BroadcastCode
from bot.broadcast.content.message import CompiledMessage
from bot.broadcast.controls import AfterChange, no_op
from bot.errors import BotError
from storage import UNSENT, Audience, AudienceBlock, Broadcast, Database, SendKind, Session, Team
from storage.audience_blocks import BLOCK

MOST_ADDRESSES: Final = 20
_LOOKED_THROUGH: Final = 20_000
"""Recipients read to find the longest mail and one with a gap: a person waits."""

_SAME = {"team_id", "from_address", "reply_to", "subject", "preheader", "body", "template", "images"}


class Why(StrEnum):
    """Why a recipient is offered."""

    LONGEST = "The longest"
    HOLE = "One with a hole"
    RANDOM = "A random one"


@dataclass(frozen=True, slots=True)
class Offered:
    """A recipient whose mail is worth a look; counted from 1 in the audience's order."""

    why: Why
    seq: int
    address: str


class MailMeOne:
    def __init__(self, db: Database, broadcasts: Broadcasts) -> None:
        self._db = db
        self._broadcasts = broadcasts

    async def offers(self, team: Team, broadcast_id: str, version: int) -> list[Offered]:
        """Return the longest mail's recipient, one who lacks a value, and any; each once.

        Raises:
            BotError: NOT_FOUND or ALREADY.
        """
        broadcast, audience = await self._draft(team, broadcast_id, version)
        fields = CompiledMessage.from_json(broadcast.template).message.fields
        places = [place for place, column in enumerate(audience.columns) if column in fields]
        longest = hole = None
        most = -1
        async with self._db.read() as session:
            for start in range(1, min(audience.size, _LOOKED_THROUGH) + 1, BLOCK):
                block = await session.get_one(AudienceBlock, (audience.id, start))
                for at, values in enumerate(block.fields):
                    used = [values[place].strip() for place in places if place < len(values)]
                    if (length := sum(map(len, used))) > most:
                        most, longest = length, Offered(Why.LONGEST, start + at, block.addresses[at])
                    if hole is None and not all(used):
                        hole = Offered(Why.HOLE, start + at, block.addresses[at])
            seq = random.randint(1, audience.size)  # noqa: S311 - chance, no secret
            address, _ = await _recipient(session, audience, seq)
        offered = [each for each in (longest, hole, Offered(Why.RANDOM, seq, address)) if each]
        return [each for at, each in enumerate(offered) if each.seq not in {one.seq for one in offered[:at]}]

    async def seq_of_line(self, team: Team, broadcast_id: str, version: int, line: str) -> int:
        """Return the recipient that stands in a line of the file, which has one header line or more.

        What was added from other audiences has lines of its own, and comes after it.

        Raises:
            BotError: NOT_FOUND or ALREADY; NO_SUCH_LINE, for the field `line`.
        """
        _, audience = await self._draft(team, broadcast_id, version)
        wanted = int(line) if line.isdecimal() and len(line) < 10 else 0
        selected = Selected.from_json(audience.import_summary)
        of_file = selected.own if selected else audience.size
        low, high = 0, (of_file - 1) // BLOCK
        async with self._db.read() as session:
            while low <= high:  # lines go up with the recipients
                middle = (low + high) // 2
                block = await session.get_one(AudienceBlock, (audience.id, middle * BLOCK + 1))
                lines = block.lines[: of_file + 1 - block.first_seq]
                if wanted in lines:
                    return block.first_seq + lines.index(wanted)
                low, high = (middle + 1, high) if wanted > lines[-1] else (low, middle - 1)
        raise BotError(BroadcastCode.NO_SUCH_LINE, field="line")

    async def send(
        self,
        team: Team,
        broadcast_id: str,
        version: int,
        by: str,
        seq: int,
        typed: Sequence[str],
        *,
        also: AfterChange = no_op,
    ) -> Broadcast:
        """Mail one recipient's mail to these addresses, at once.

        Raises:
            BotError: NOT_FOUND or ALREADY, NotReadyError, or a field (send_to, recipient) cannot be used.
        """
        draft, source = await self._draft(team, broadcast_id, version)
        if not 1 <= seq <= source.size:
            raise BotError(BroadcastCode.NO_SUCH_RECIPIENT, field="recipient")
        async with self._db.read() as session:
            _, values = await _recipient(session, source, seq)
        mailer, recipients = await self._broadcasts.test_recipients(
            team, draft.from_address, typed, field="send_to", limit=MOST_ADDRESSES
        )
        now = self._db.now()
        audience = Audience(team_id=team.id, columns=source.columns, created_by=by, created_at=now)
        test = Broadcast(
            **draft.model_dump(include=_SAME),
            mailer_id=mailer.id,
            audience_id=audience.id,
            kind=SendKind.TEST,
            size=0,
            created_by=by,
            created_at=now,
        )
        return await self._broadcasts.send_test(team, test, audience, recipients, values, also=also)

    async def _draft(self, team: Team, broadcast_id: str, version: int) -> tuple[Broadcast, Audience]:
        audience = await self._broadcasts.audience_of(team, broadcast_id, version, UNSENT)
        return await self._broadcasts.get(team, broadcast_id), audience


async def _recipient(session: Session, audience: Audience, seq: int) -> tuple[str, list[str]]:
    at = (seq - 1) % BLOCK
    block = await session.get_one(AudienceBlock, (audience.id, seq - at))
    return block.addresses[at], block.fields[at]
