"""A broadcast as it goes out: fixed when it is prepared, filled for each recipient when a chunk is claimed."""

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.broadcast.template import Template
from bot.broadcast.unsubscribe import Key, Recipient, make_token, unsubscribe_headers, unsubscribe_url
from bot.ses.sending import BulkEntry, BulkTemplate
from storage.models import Broadcast
from storage.states import SendKind

# SES takes 1 MB of JSON a call, template and data together (SES developer guide, "Using templates to send personalized
# email"). The data is JSON within JSON, in which a character takes at most the seven bytes of `\\uXXXX`.
_CALL_BYTES = 900_000
_BYTES_A_CHARACTER = 7
_AROUND = 2_000  # bytes of an entry beside its data: address, headers, tags
_KEPT = 64


@dataclass(frozen=True, slots=True)
class Addressee:
    seq: int
    address: str
    fields: Sequence[str]


@dataclass(frozen=True, slots=True)
class Fixed:
    """What every mail of a broadcast shares, as it stands in the database.

    `reply_to` may be empty; `leave_at` is where a recipient without a link asks to be taken off.
    """

    sender: str
    reply_to: str
    leave_at: str
    public_url: str  # empty: unsubscribing goes by mail
    columns: tuple[str, ...]
    message: Template

    def to_json(self) -> dict[str, Any]:
        return {
            "sender": self.sender,
            "reply_to": self.reply_to,
            "leave_at": self.leave_at,
            "public_url": self.public_url,
            "columns": list(self.columns),
            "message": self.message.to_json(),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Fixed":
        return cls(
            stored["sender"],
            stored["reply_to"],
            stored["leave_at"],
            stored["public_url"],
            tuple(stored["columns"]),
            Template.from_json(stored["message"]),
        )


class Letter:
    """Fills one broadcast for its recipients."""

    def __init__(self, team_id: str, broadcast_id: str, kind: SendKind, fixed: Fixed, keys: Sequence[Key]) -> None:
        self.fixed = fixed
        self.template = BulkTemplate(fixed.message.subject, fixed.message.html, fixed.message.text)
        self._team_id = team_id
        self._broadcast_id = broadcast_id
        self._kind = kind
        self._keys = keys
        self._room = _CALL_BYTES - len(json.dumps([fixed.message.subject, fixed.message.html, fixed.message.text]))

    @property
    def reply_to(self) -> Sequence[str]:
        return [self.fixed.reply_to] if self.fixed.reply_to else []

    def entries(self, addressees: Sequence[Addressee], attempt: str) -> list[BulkEntry]:
        """Return the entries of one call: of these recipients as many from the start as fit into it, at least one.

        Each carries the attempt, the broadcast and the team as tags, so that SES's events can be matched.
        """
        tags = {"attempt": attempt, "broadcast": self._broadcast_id, "team": self._team_id}
        entries = [self._entry(addressee, tags) for addressee in addressees]
        if sum(_at_most(entry) for entry in entries) <= self._room:
            return entries
        room, count = self._room, 0
        for entry in entries:
            room -= len(json.dumps(json.dumps(entry.data))) + _AROUND
            if room < 0:
                break
            count += 1
        return entries[: max(1, count)]

    def _entry(self, addressee: Addressee, tags: Mapping[str, str]) -> BulkEntry:
        values = dict(zip(self.fixed.columns, addressee.fields, strict=False))
        if self._kind is SendKind.TEST:
            return BulkEntry(addressee.address, self.fixed.message.data(values), tags=tags)
        url = self._link(addressee)
        headers = unsubscribe_headers(url=url, reply_to=self.fixed.leave_at)
        return BulkEntry(addressee.address, self.fixed.message.data(values, url), headers, tags)

    def _link(self, addressee: Addressee) -> str:
        if not self.fixed.public_url:
            return ""
        recipient = Recipient(self._team_id, self._broadcast_id, addressee.seq)
        return unsubscribe_url(self.fixed.public_url, make_token(self._keys, recipient))


class Letters:
    """The letters of the broadcasts that were sent last. Once confirmed, only the sender of one may still change."""

    def __init__(self, unsubscribe_keys: Sequence[Key]) -> None:
        self._keys = unsubscribe_keys
        self._kept: OrderedDict[tuple[str, str], Letter] = OrderedDict()

    async def of(self, session: AsyncSession, broadcast: Broadcast) -> Letter:
        key = broadcast.id, broadcast.from_address
        letter = self._kept.pop(key, None) or await self._read(session, broadcast)
        self._kept[key] = letter
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return letter

    async def _read(self, session: AsyncSession, broadcast: Broadcast) -> Letter:
        stored = (await session.exec(select(Broadcast.template).where(Broadcast.id == broadcast.id))).one()
        return Letter(broadcast.team_id, broadcast.id, broadcast.kind, Fixed.from_json(stored), self._keys)


def _at_most(entry: BulkEntry) -> int:
    characters = sum(len(name) + len(value) for name, value in entry.data.items())
    return _AROUND + _BYTES_A_CHARACTER * characters
