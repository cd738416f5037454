"""What stands in the channels, held against the books when all is quiet: read from outside, drawn by the bot's code."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlmodel import select

from app import Mailroom
from bot.alerts.outbox import FILES, Notice
from bot.settings import Settings
from handlers.slack.outbound.message_renderer import MessageRenderer
from storage.database import Session
from storage.models import Incident, Outbox
from storage.states import IncidentKind
from tests.chaos.books import BooksError
from tests.playground.clock import SharedClock
from tests.playground.slack import SlackPlayground
from tests.playground.slack.world import Message

_LIVE = frozenset({Notice.BROADCAST, Notice.ALERT, Notice.IDENTITY_ADDED, Notice.ACCOUNT_SHARED})
"""What is edited as the facts change; all others say what was so when they were posted."""

_LOOKS = 5  # at channels that change meanwhile

_Place = tuple[str, str]  # a channel and the timestamp of a message in it


@dataclass(frozen=True, slots=True)
class Said:
    """How many messages the bot has posted, and how many of these are there twice: a process died as it posted them."""

    messages: int
    twice: int


class Channels:
    """Args: `settings` and `clock` are those of the bots."""

    def __init__(self, slack: SlackPlayground, settings: Mapping[str, str], clock: SharedClock) -> None:
        self._slack = slack
        named: dict[str, Any] = {name.lower(): value for name, value in settings.items()}
        self._bot = Mailroom(Settings(_env_file=None, **named), clock=clock)  # never started
        self._draw = MessageRenderer(self._bot.services.broadcasts)

    async def check(self) -> Said:
        """See that every message says what the books say, and that the books know of every message.

        Raises:
            BooksError: says which do not, with both texts.
        """
        try:
            for _ in range(_LOOKS):
                changing = self._slack.world.next_change
                async with self._bot.db.read() as session:
                    said, faults = await self._compare(session)
                if not changing.is_set():
                    break
        finally:
            await self._bot.db.stop()
        if faults:
            raise BooksError("\n".join(["the channels do not say what the books say", *faults]))
        return said

    async def _compare(self, session: Session) -> tuple[Said, list[str]]:
        there = {
            (message.channel.id, message.ts): message
            for message in self._slack.world.messages
            if message.by_bot and not message.deleted and message.shown_to is None
        }
        rows = (await session.exec(select(Outbox))).all()
        faults = [fault for row in rows if (fault := await self._fault(session, row, there))]
        booked = {(row.channel_id, row.ts): row for row in rows if row.ts}
        others = [message for place, message in there.items() if place not in booked]
        twice = [message for message in others if self._is_copy(message, booked, there)]
        faults += [
            f"nothing in the books explains:\n{self._slack.text_of(message)}"
            for message in others
            if message not in twice and not _is_file(message, rows, booked)
        ]
        return Said(len(there), len(twice)), faults

    async def _fault(self, session: Session, row: Outbox, there: Mapping[_Place, Message]) -> str:
        """Return what is wrong with the message of a row; nothing where all is well."""
        kind = Notice(row.kind)
        if kind in FILES:
            return ""
        drawn = await self._draw(session, row)
        message = there.get((row.channel_id, row.ts))
        if message is None:
            missing = row.ts or (drawn and not await _was_no_news(session, row))
            return f"{row.key} is said nowhere" if missing else ""
        shown = _as_sent(message)
        if kind not in _LIVE:
            return "" if _digest(shown) == row.drawn else f"{row.key} was another one:\n{self._slack.text_of(message)}"
        wanted = drawn.payload() if drawn else {"text": "", "blocks": []}
        return "" if shown == wanted else f"{row.key} {self._difference(message, shown, wanted)}"

    def _difference(self, message: Message, shown: dict[str, Any], wanted: dict[str, Any]) -> str:
        before, after = message, replace(message, **wanted)
        texts = self._slack.text_of(before), self._slack.text_of(after)
        if texts[0] == texts[1]:  # so it is in what nobody reads
            texts = json.dumps(shown, indent=1), json.dumps(wanted, indent=1)
        return f"says:\n{texts[0]}\nand should say:\n{texts[1]}"

    @staticmethod
    def _is_copy(message: Message, booked: Mapping[_Place, Outbox], there: Mapping[_Place, Message]) -> bool:
        """Tell whether it was posted again later: the bot died before it had Slack's answer, or had stored it."""
        again = (there[place] for place in booked if place in there)
        return not message.files and any(
            each.channel is message.channel and each.ts > message.ts and _about(each) == _about(message)
            for each in again
        )


async def _was_no_news(session: Session, row: Outbox) -> bool:
    """Tell whether the end of an alert may not have been worth saying when it was due: the identity was pending then.

    Once it is verified, that is said in a message of its own; and by now the end would be drawn.
    """
    if row.kind != Notice.ALERT_OVER:
        return False
    incident = await session.get(Incident, row.record_id)
    return incident is not None and incident.kind is IncidentKind.IDENTITY_LOST and "members" not in incident.detail


def _is_file(message: Message, rows: Sequence[Outbox], booked: Mapping[_Place, Outbox]) -> bool:
    """Tell whether it is a file that the books want under the message it stands under."""
    above = booked.get((message.channel.id, message.thread_ts or ""))
    wanted = {row.reply_to for row in rows if row.kind in FILES}
    return bool(message.files) and above is not None and above.key in wanted


def _about(message: Message) -> str:
    """Return what stays of the text of a message while it is edited."""
    subject = re.search("“.+”", message.text)
    return subject.group() if subject else message.text.rpartition(": ")[2]


def _as_sent(message: Message) -> dict[str, Any]:
    """Return what the bot sent, without the ids that Slack gives to blocks."""
    blocks = [{name: value for name, value in block.items() if name != "block_id"} for block in message.blocks]
    return {"text": message.text, "blocks": blocks}


def _digest(payload: dict[str, Any]) -> str:
    """As the books keep it."""
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
