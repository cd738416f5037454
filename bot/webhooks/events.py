"""What a webhook is told, written in the transaction of its cause.

Writers only insert, so that they wait for nobody: what may go together is put together when it goes
(bot/webhooks/delivery.py). Events of one lane go one after the other; each broadcast is a lane.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlmodel import select

from bot.email_addresses import address_key
from bot.teams.token_names import token_names
from bot.webhooks.external_ids import external_ids
from bot.webhooks.shapes import broadcast_shape, rfc3339
from storage import Broadcast, DeliveryState, Session, Webhook, WebhookEvent, content_of, new_id

ITEMS: Final = 100
"""So many recipients are in one event at most."""

COLLECTED_FOR: Final = timedelta(seconds=10)
"""Recipients of one kind are waited for, so that an event of theirs goes no more often, unless it is full."""

TICK: Final = "webhooks"


class Topic(StrEnum):
    """What a team may choose to hear of."""

    BROADCASTS = "broadcasts"
    BOUNCES = "bounces"
    COMPLAINTS = "complaints"
    SUPPRESSIONS = "suppressions"
    MAILER = "mailer"


class MailerEvent(StrEnum):
    ACCESS_LOST = "mailer.access_lost"
    ACCESS_RESTORED = "mailer.access_restored"
    IDENTITY_FAILED = "mailer.identity_failed"


class SuppressionEvent(StrEnum):
    ADDED = "suppression.added"
    LIFTED = "suppression.lifted"


TEST: Final = "webhook.test"
OF_DELIVERIES: Final = {
    DeliveryState.BOUNCED: ("delivery.bounced", Topic.BOUNCES),
    DeliveryState.COMPLAINED: ("delivery.complained", Topic.COMPLAINTS),
}
"""The states of a delivery that a webhook is told of."""


@dataclass(frozen=True, slots=True)
class Item:
    """A recipient: of a delivery with its `error`, of a suppression with `reason` and `source`.

    `broadcast_id`: where there is one, whose audience says how the team's own program calls the recipient.
    """

    address: str
    told: Mapping[str, str]
    broadcast_id: str


async def broadcast_changed(session: Session, broadcast: Broadcast, now: datetime) -> None:
    """Tell of the state that a broadcast has come into. The caller has it locked."""
    if await _is_told(session, broadcast.team_id, Topic.BROADCASTS):
        names = await token_names(session, [broadcast.created_by])
        (body,) = await session.exec(select(Broadcast.body).where(Broadcast.id == broadcast.id))  # most are without it
        data = {"broadcast": broadcast_shape(broadcast, content_of(body), names.get(broadcast.created_by, ""))}
        _write(session, broadcast.team_id, broadcast.id, f"broadcast.{broadcast.state}", data, now, due_at=now)


async def deliveries_changed(
    session: Session, broadcast: Broadcast, state: DeliveryState, items: Sequence[Item]
) -> None:
    """Tell of recipients that bounced or complained."""
    kind, topic = OF_DELIVERIES[state]
    if items and await _is_told(session, broadcast.team_id, topic):
        await _write_items(
            session, broadcast.team_id, broadcast.id, kind, items, session.now, {"broadcast_id": broadcast.id}
        )


async def suppressions_changed(
    session: Session, team_id: str, event: SuppressionEvent, items: Sequence[Item], now: datetime
) -> None:
    """Tell of addresses that are no longer mailed, or may be again."""
    if items and await _is_told(session, team_id, Topic.SUPPRESSIONS):
        await _write_items(session, team_id, Topic.SUPPRESSIONS, event, items, now, {})


async def mailer_changed(
    session: Session, team_id: str, event: MailerEvent, told: Iterable[Mapping[str, Any]], now: datetime
) -> None:
    """Tell of access, or of identities that failed, each in an event of its own."""
    if await _is_told(session, team_id, Topic.MAILER):
        for data in told:
            _write(session, team_id, Topic.MAILER, event, {**data}, now, due_at=now)


def event_id() -> str:
    """Return a new `webhook-id`."""
    return f"msg_{new_id()}"


async def _is_told(session: Session, team_id: str, topic: Topic) -> bool:
    found = await session.exec(select(Webhook.topics, Webhook.gone_at).where(Webhook.team_id == team_id))
    row = found.first()
    return row is not None and row[1] is None and topic in row[0]


async def _write_items(
    session: Session,
    team_id: str,
    lane: str,
    kind: str,
    items: Sequence[Item],
    now: datetime,
    more: Mapping[str, str],
) -> None:
    known: dict[str, str] = {}
    for broadcast_id in {item.broadcast_id for item in items}:
        addresses = [item.address for item in items if item.broadcast_id == broadcast_id]
        known |= await external_ids(session, broadcast_id, addresses)
    for start in range(0, len(items), ITEMS):
        told = [
            {
                "address": item.address,
                "external_id": known.get(address_key(item.address)),
                **item.told,
                "at": rfc3339(now),
            }
            for item in items[start : start + ITEMS]
        ]
        _write(session, team_id, lane, kind, {**more, "items": told}, now, due_at=now + COLLECTED_FOR)


def _write(
    session: Session, team_id: str, lane: str, kind: str, data: dict[str, Any], now: datetime, *, due_at: datetime
) -> None:
    event = WebhookEvent(id=event_id(), team_id=team_id, lane=lane, type=kind, data=data, created_at=now, due_at=due_at)
    session.add(event)
    session.wake_after_commit(TICK)
