"""A broadcast as it goes out: fixed when it is prepared, filled for each recipient when a chunk is claimed."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.header import Header
from email.utils import formataddr
from json.encoder import encode_basestring_ascii as as_json
from typing import Any, NamedTuple, Protocol

from cachetools import LRUCache
from sqlalchemy import Connection, select
from sqlmodel import SQLModel

from bot.broadcast.content.codes import ContentCode
from bot.broadcast.content.images import Image, as_data_urls, inline_images, weight
from bot.broadcast.content.look import Look
from bot.broadcast.content.ses_template import SUBJECT_VALUE_LIMIT, Rendered, Template, for_link, render
from bot.errors import BotError
from bot.ses.bulk_send import CALL_BYTES, BulkEntry, BulkTemplate, InlineImage
from bot.signed_tokens import Key
from bot.suppression.unsubscribe_links import TEST_SEQ, TokenMaker, unsubscribe_headers, unsubscribe_url
from storage import SendKind

# The data is JSON within JSON: ASCII, in which quotes and backslashes are escaped once more.
_MOST_BYTES = 2  # of a character of the data
_AROUND = 2_000  # bytes of an entry beside its data: address, headers
_KEPT = 64
_ENCODED_WORD = 75  # characters

_SAFE = re.compile(r"[A-Za-z0-9._~-]+")  # the same in every place, escaped or not
_SAFE_BUT_IN_LINKS = re.compile(r"[A-Za-z0-9._~,;:()/@+!?*-]+(?: [A-Za-z0-9._~,;:()/@+!?*-]+)*")  # words, single spaces

_broadcast = SQLModel.metadata.tables["broadcast"]


class Recipient(NamedTuple):
    seq: int
    address: str
    fields: Sequence[str]


@dataclass(frozen=True, slots=True)
class CompiledMessage:
    """What every mail of a broadcast shares, as stored.

    `reply_to` may be empty; `leave_at` is where a recipient without a link asks to be taken off.
    """

    sender: str
    reply_to: str
    leave_at: str
    public_url: str  # empty: unsubscribing goes by mail
    columns: tuple[str, ...]
    message: Template
    look: Look = field(default_factory=Look)

    def parts(self, images: Sequence[Image]) -> tuple[InlineImage, ...]:
        """Return the pictures of a mail, of those that the broadcast has: the logo and what the message shows."""
        return (*self.look.logo_part, *inline_images(images, self.message.images))

    def image_bytes(self, images: Sequence[Image]) -> int:
        """Return what those add to a mail."""
        return self.look.weight + weight(images, self.message.images)

    def in_browser(self, html: str, images: Sequence[Image]) -> str:
        """Return a mail's HTML with its pictures in it."""
        return as_data_urls(self.look.as_data_url(html), images, self.message.images)

    def sample(self, values: Sequence[str]) -> Rendered:
        """Return the mail of a recipient with these values, with a link that leads nowhere."""
        url = unsubscribe_url(self.public_url, "…") if self.public_url else ""
        return render(self.message, self.message.data(dict(zip(self.columns, values, strict=False)), url))

    def to_json(self) -> dict[str, Any]:
        return {
            "sender": self.sender,
            "reply_to": self.reply_to,
            "leave_at": self.leave_at,
            "public_url": self.public_url,
            "columns": list(self.columns),
            "message": self.message.to_json(),
            "look": self.look.to_json(),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "CompiledMessage":
        """Read it. Raises BotError BODY_EMPTY for that of a draft that says nothing yet."""
        if not stored:
            raise BotError(ContentCode.BODY_EMPTY, "This draft says nothing yet.", field="message")
        return cls(
            stored["sender"],
            stored["reply_to"],
            stored["leave_at"],
            stored["public_url"],
            tuple(stored["columns"]),
            Template.from_json(stored["message"]),
            Look.from_json(stored.get("look", {})),
        )


def named_address(name: str, address: str) -> str:
    """Return an address with its name for a header: where a name is not ASCII, in encoded words (RFC 2047).

    An encoded word has 75 characters at most, so a long name is several, cut between letters (section 2 and 5).
    """
    visible = "".join(character for character in name if character.isprintable()).strip()
    if visible.isascii():
        return formataddr((visible, address))
    return f"{Header(visible, 'utf-8', maxlinelen=_ENCODED_WORD).encode(linesep='')} <{address}>"


class _Places(NamedTuple):
    """Where one column's value goes."""

    at: int  # the column, among the recipient's values; -1: the audience has none of that name
    escapes: tuple[Callable[[str], str], ...]
    fallbacks: tuple[str, ...]  # as JSON
    is_linked: bool  # some place is a link


class ReplacementData:
    """Writes SES's `ReplacementTemplateData` for the recipients of one broadcast.

    It says byte for byte what `Template.data` does, in a third of the time: what all recipients share is written once,
    and a value that needs no escape, as nearly all do, is only put in its places.
    """

    def __init__(self, template: Template, columns: Sequence[str], link_start: str = "") -> None:
        """Compile it.

        Args:
            template: of the broadcast.
            columns: their names, in the order of a recipient's values.
            link_start: what all unsubscribe links begin with; what follows are letters, digits, `-` and `_`, which no
                place escapes. Empty: there are none.
        """
        plan = template.plan
        position = {name: at for at, name in enumerate(columns)}
        self._ways_out = len(plan.ways_out)
        self._fields = [
            _Places(
                position.get(field, -1),
                tuple(escape for _, escape, _ in uses),
                tuple(as_json(fallback) for *_, fallback in uses),
                any(escape is for_link for _, escape, _ in uses),
            )
            for field, uses in plan.fields.items()
        ]
        members = [(name, _literal(as_json(value))) for name, value in plan.constants.items()]
        members += [(name, f'{_literal(as_json(escape(link_start))[:-1])}%s"') for name, escape in plan.ways_out]
        members += [(name, "%s") for uses in plan.fields.values() for name, *_ in uses]
        self._format = "{" + ", ".join(f"{_literal(as_json(name))}: {value}" for name, value in members) + "}"

    def write(self, values: Sequence[str], link_end: str = "") -> str:
        """Return the JSON object for a recipient with these values, and this end of the unsubscribe link."""
        written = [link_end] * self._ways_out
        for at, escapes, fallbacks, is_linked in self._fields:
            value = values[at].strip() if 0 <= at < len(values) else ""
            if not value:
                written += fallbacks
            elif len(value) <= SUBJECT_VALUE_LIMIT and (
                _SAFE.fullmatch(value) or (not is_linked and _SAFE_BUT_IN_LINKS.fullmatch(value))
            ):
                written += [f'"{value}"'] * len(escapes)
            else:
                written += [as_json(escape(value)) for escape in escapes]
        return self._format % tuple(written)


def _literal(text: str) -> str:
    return text.replace("%", "%%")


class Personalizer:
    """Fills one broadcast for its recipients."""

    def __init__(
        self,
        team_id: str,
        broadcast_id: str,
        kind: SendKind,
        fixed: CompiledMessage,
        images: Sequence[Image],
        keys: Sequence[Key],
        call_bytes: int = CALL_BYTES,
    ) -> None:
        self.fixed = fixed
        message = fixed.message
        self.template = BulkTemplate(message.subject, message.html, message.text, fixed.parts(images))
        self._tags = {"broadcast": broadcast_id, "team": team_id}
        self._is_test = kind is SendKind.TEST
        self._link_start = unsubscribe_url(fixed.public_url, "") if fixed.public_url else ""
        self._tokens = TokenMaker(keys, team_id, broadcast_id) if self._link_start else None
        self._data = ReplacementData(message, fixed.columns, self._link_start)
        link = self._link_start + self._tokens.make(TEST_SEQ) if self._tokens else ""
        self._headers = unsubscribe_headers(url=link, reply_to=fixed.leave_at)
        if self._is_test:
            self._headers["X-Mailroom-Test"] = "1"
        text = len(json.dumps([message.subject, message.html, message.text]))
        self._room = call_bytes - text - fixed.image_bytes(images)

    @property
    def reply_to(self) -> Sequence[str]:
        return [self.fixed.reply_to] if self.fixed.reply_to else []

    def tags(self, attempt: str) -> dict[str, str]:
        """Return what every mail of one call carries, so that SES's events can be matched."""
        return {"attempt": attempt, **self._tags}

    def entries(self, addressees: Sequence[Recipient]) -> list[BulkEntry]:
        """Return the entries of one call: of these recipients as many from the start as fit into it, at least one."""
        entries: list[BulkEntry] = []
        room = self._room
        for addressee in addressees:
            entry = self._entry(addressee)
            room -= _AROUND + _MOST_BYTES * len(entry.data)
            if room < 0 and entries:
                break
            entries.append(entry)
        return entries

    def _entry(self, addressee: Recipient) -> BulkEntry:
        if self._tokens is None:
            return BulkEntry(addressee.address, self._data.write(addressee.fields), self._headers)
        token = self._tokens.make(TEST_SEQ if self._is_test else addressee.seq)
        headers = {**self._headers, "List-Unsubscribe": f"<{self._link_start}{token}>"}
        return BulkEntry(addressee.address, self._data.write(addressee.fields, token), headers)


class Sendable(Protocol):
    """What of a broadcast its mails are made of, beside its content."""

    @property
    def id(self) -> str: ...
    @property
    def team_id(self) -> str: ...
    @property
    def kind(self) -> SendKind: ...
    @property
    def from_address(self) -> str: ...


class PersonalizerCache:
    """The letters of the broadcasts that were sent last. Once confirmed, only the sender of one may still change."""

    def __init__(self, unsubscribe_keys: Sequence[Key], call_bytes: int = CALL_BYTES) -> None:
        """`call_bytes` is what a call to SES may hold."""
        self._keys = unsubscribe_keys
        self._call_bytes = call_bytes
        self._kept = LRUCache[tuple[str, str], Personalizer](_KEPT)

    def of(self, connection: Connection, broadcast: Sendable) -> Personalizer:
        key = broadcast.id, broadcast.from_address
        if key not in self._kept:
            self._kept[key] = self._read(connection, broadcast)
        return self._kept[key]

    def _read(self, connection: Connection, broadcast: Sendable) -> Personalizer:
        content = select(_broadcast.c.template, _broadcast.c.images).where(_broadcast.c.id == broadcast.id)
        template, images = connection.execute(content).one()
        return Personalizer(
            broadcast.team_id,
            broadcast.id,
            broadcast.kind,
            CompiledMessage.from_json(template),
            images,
            self._keys,
            self._call_bytes,
        )
