"""Posts what webhooks are to be told: at least once, in the order of each lane, for three days.

One process at a time posts to a webhook, one event after the other. What it does is written down before, so that an
event that was begun is the same, byte for byte, when it is posted again. Of a lane the first event alone can be due:
those behind it wait until it is taken or given up, and other lanes go on meanwhile.
"""

import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import aliased
from sqlmodel import col, exists, func, or_, select

from bot.leased_poller import LeasedPoller
from bot.teams.slack_codes import WORKSPACE_GONE
from bot.webhooks.events import ITEMS
from bot.webhooks.failing import DROPPED_AFTER, follow_webhook
from bot.webhooks.receiver import Answer, Receiver
from bot.webhooks.shapes import rfc3339
from bot.webhooks.signing import WebhookSecrets, signed_headers
from storage import Database, Secret, Session, Team, Webhook, WebhookEvent, audit

log = logging.getLogger(__name__)

AT_ONCE: Final = 16
"""Webhooks that are posted to."""

PATIENCE: Final = 1.0
"""Seconds that a tick waits for what it has started: a slow receiver must not hold up the others."""

LEASE: Final = timedelta(seconds=60)
"""For one attempt, which ends after 10 s."""

WAITS: Final = (5, 15, 60, 5 * 60, 15 * 60, 30 * 60)
"""Seconds after each failure of an event; after further ones the last."""

ATTEMPTS_KEPT: Final = 20

_Earlier = aliased(WebhookEvent)


@dataclass(frozen=True, slots=True)
class WebhookLease:
    """A webhook that is ours until its lease ends."""

    webhook_id: str
    fence: int


@dataclass(frozen=True, slots=True)
class Posting:
    """One attempt, as it was written down before it is made."""

    seq: int
    address: str
    event_id: str
    body: str
    signing: list[Secret]


class WebhookDelivery(LeasedPoller[WebhookLease]):
    def __init__(self, db: Database, secrets: WebhookSecrets, receiver: Receiver) -> None:
        super().__init__(db, at_once=AT_ONCE, patience=PATIENCE)
        self._secrets = secrets
        self._receiver = receiver

    async def _claim(self, limit: int) -> list[WebhookLease]:
        now = self._db.now()
        free = or_(col(Webhook.lease_until).is_(None), col(Webhook.lease_until) <= now)
        due = exists().where(col(WebhookEvent.team_id) == Webhook.team_id, *_is_next(now))
        wanted = select(Webhook).where(*_is_wanted(), free, due).limit(limit)
        async with self._db.read() as session:
            if await longest_due(session, now) is None:  # as a rule; and looking through a backlog holds up no writer
                return []
        async with self._db.write() as session:
            webhooks = (await session.exec(wanted.with_for_update(skip_locked=True))).all()
            for webhook in webhooks:
                webhook.lease_until, webhook.fence = now + LEASE, webhook.fence + 1
            return [WebhookLease(webhook.id, webhook.fence) for webhook in webhooks]

    async def _work(self, claimed: WebhookLease) -> None:
        while (posting := await self._begin(claimed)) is not None:
            headers = signed_headers(posting.event_id, posting.body, posting.signing, self._db.now())
            answer = await self._receiver.post(posting.address, posting.body.encode(), headers)
            await self._record(claimed, posting, answer)

    async def _begin(self, lease: WebhookLease) -> Posting | None:
        """Choose what is posted next and write that down; None: nothing is due, or the lease was lost."""
        async with self._db.write() as session:
            webhook = await _held(session, lease)
            if webhook is None:
                return None
            event = await _next_event(session, webhook)
            webhook.lease_until = session.now + LEASE if event else None
            if event is None:
                return None
            if event.begun_at is None:
                await _take_along(session, event)
                event.begun_at = session.now
            signing = self._secrets.of(webhook, session.now)
            return Posting(event.seq or 0, webhook.address, event.id, body_of(event), signing)

    async def _record(self, lease: WebhookLease, posting: Posting, answer: Answer) -> None:
        """Write down what was answered. Where the lease was lost, another process posts the event again."""
        async with self._db.write() as session:
            webhook = await _held(session, lease)
            event = await session.get(WebhookEvent, posting.seq, with_for_update=True) if webhook else None
            if webhook is None or event is None:
                return
            again = None
            if answer.taken:
                webhook.dropped = 0
                await session.delete(event)
            elif answer.gone:
                webhook.gone_at, webhook.lease_until = session.now, None
                event.failures += 1
                audit.record(
                    session, webhook.team_id, audit.MAILROOM, "webhook.off", session.now, after={"answer": "410"}
                )
            else:
                again = await _fail(session, webhook, event)
            note_attempt(webhook, event.type, event.id, answer, session.now, again=again)
            await follow_webhook(session, webhook, session.now)


async def longest_due(session: Session, now: datetime) -> datetime | None:
    """Return since when the event that is overdue most could have been posted."""
    of_those = select(func.min(WebhookEvent.due_at)).join(Webhook, col(Webhook.team_id) == WebhookEvent.team_id)
    return (await session.exec(of_those.where(*_is_wanted(), *_is_next(now)))).one()


def body_of(event: WebhookEvent) -> str:
    return json_body(event.type, event.created_at, event.data)


def json_body(kind: str, at: datetime, data: dict[str, Any]) -> str:
    """Return the body of an event, the same at each attempt."""
    return json.dumps({"type": kind, "timestamp": rfc3339(at), "data": data}, separators=(",", ":"))


def note_attempt(
    webhook: Webhook, kind: str, event_id: str, answer: Answer, now: datetime, *, again: datetime | None = None
) -> None:
    """Keep it among the last attempts; `again` is when the next one is."""
    attempt = {
        "at": rfc3339(now),
        "type": kind,
        "id": event_id,
        "answer": answer.text,
        "taken": answer.taken,
        "again": rfc3339(again),
    }
    webhook.attempts = [attempt, *webhook.attempts][:ATTEMPTS_KEPT]


async def _fail(session: Session, webhook: Webhook, event: WebhookEvent) -> datetime | None:
    """Have the event posted again, and return when; None: it is given up."""
    if session.now - event.created_at >= DROPPED_AFTER:
        webhook.dropped += 1
        await session.delete(event)
        return None
    event.due_at = session.now + timedelta(seconds=WAITS[min(event.failures, len(WAITS) - 1)])
    event.failures += 1
    return event.due_at


async def _held(session: Session, lease: WebhookLease) -> Webhook | None:
    held = select(Webhook).where(Webhook.id == lease.webhook_id, Webhook.fence == lease.fence, *_is_wanted())
    return (await session.exec(held.with_for_update())).first()


def _is_wanted() -> tuple[Any, ...]:
    """Leave out one that was switched off, and one of a workspace without the app: what it is to be told waits."""
    removed = exists().where(col(Team.id) == Webhook.team_id, col(Team.unreachable_why).in_(WORKSPACE_GONE))
    return col(Webhook.gone_at).is_(None), ~removed


def _is_next(now: datetime) -> tuple[Any, ...]:
    """What is due, and the first of its lane."""
    before = exists().where(
        col(_Earlier.team_id) == WebhookEvent.team_id,
        col(_Earlier.lane) == WebhookEvent.lane,
        col(_Earlier.seq) < col(WebhookEvent.seq),
    )
    return col(WebhookEvent.due_at) <= now, ~before


async def _next_event(session: Session, webhook: Webhook) -> WebhookEvent | None:
    due = select(WebhookEvent).where(WebhookEvent.team_id == webhook.team_id, *_is_next(session.now))
    ordered = due.order_by(col(WebhookEvent.due_at), col(WebhookEvent.seq)).limit(1)
    return (await session.exec(ordered.with_for_update())).first()


async def _take_along(session: Session, event: WebhookEvent) -> None:
    """Put into an event of recipients those of the next ones of its lane, as far as they fit."""
    room = ITEMS - len(event.data.get("items", (None,) * ITEMS))
    if room <= 0:
        return
    behind = select(WebhookEvent).where(
        WebhookEvent.team_id == event.team_id, WebhookEvent.lane == event.lane, col(WebhookEvent.seq) > event.seq
    )
    items = list(event.data["items"])
    for other in await session.exec(behind.order_by(col(WebhookEvent.seq)).limit(room).with_for_update()):
        if other.type != event.type or len(items) + len(other.data["items"]) > ITEMS:
            break
        items += other.data["items"]
        await session.delete(other)
    event.data = {**event.data, "items": items}
