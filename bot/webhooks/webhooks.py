"""A team's webhook, as its admins have it: where it leads, what it is told, its secret, and a trial."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from sqlmodel import col, delete, select, update

from bot.errors import BotError, require
from bot.webhooks.codes import WebhookCode
from bot.webhooks.delivery import json_body, note_attempt
from bot.webhooks.events import TEST, TICK, Topic, event_id
from bot.webhooks.failing import DROPPED_AFTER, follow_webhook
from bot.webhooks.receiver import Answer, Receiver
from bot.webhooks.signing import WebhookSecrets, new_secret, signed_headers
from storage import Database, Secret, Session, Team, Webhook, WebhookEvent, audit, new_id

OLD_SECRET_SIGNS_FOR: Final = timedelta(hours=24)


class Webhooks:
    def __init__(self, db: Database, secrets: WebhookSecrets, receiver: Receiver) -> None:
        self._db = db
        self._secrets = secrets
        self._receiver = receiver

    async def of(self, team: Team) -> Webhook | None:
        async with self._db.read() as session:
            return (await session.exec(select(Webhook).where(Webhook.team_id == team.id))).first()

    async def require(self, team: Team) -> Webhook:
        """As `of`.

        Raises:
            BotError: NO_WEBHOOK.
        """
        return require(await self.of(team), WebhookCode.NO_WEBHOOK)

    async def save(
        self, team: Team, address: str, topics: Collection[Topic], seen: int, by: str
    ) -> tuple[Webhook, Secret | None]:
        """Store where it leads and what it is told; return the secret where it is new. What waits goes at once.

        Args:
            team: whose.
            address: https; it is looked up.
            topics: what it is to hear of.
            seen: version of the webhook that the form showed; 0: there was none.
            by: who saves.

        Raises:
            BotError: WEBHOOK_ADDRESS; CHANGED.
        """
        await self._receiver.check(address)
        now, secret = self._db.now(), None
        async with self._db.write() as session:
            webhook = await _locked(session, team)
            if (webhook.version if webhook else 0) != seen:
                raise BotError(WebhookCode.CHANGED)
            before = _audited(webhook) if webhook else {}
            if webhook is None:
                secret = new_secret()
                webhook = self._new(team, secret, by, now)
            webhook.address, webhook.topics = address, sorted(topics)
            webhook.saved_by, webhook.saved_at = by, now
            webhook.version += 1
            await _start_again(session, webhook, now)
            audit.record(session, team.id, by, "webhook.save", now, before=before, after=_audited(webhook))
        return webhook, secret

    async def renew_secret(self, team: Team, webhook_id: str, seen: int, by: str) -> Secret:
        """Give it a new secret and return that; the one before signs, too, for a day.

        Raises:
            BotError: NO_WEBHOOK; CHANGED.
        """
        now, secret = self._db.now(), new_secret()
        async with self._db.write() as session:
            webhook = await _this(session, team, webhook_id)
            if webhook.version != seen:
                raise BotError(WebhookCode.CHANGED)
            self._secrets.replace(webhook, secret, now + OLD_SECRET_SIGNS_FOR)
            webhook.version += 1
            session.add(webhook)
            audit.record(session, team.id, by, "webhook.save", now, after={"secret": "new"})
        return secret

    async def switch_off(self, team: Team, webhook_id: str, by: str) -> None:
        """Forget this webhook and what it was still to be told.

        Raises:
            BotError: NO_WEBHOOK.
        """
        async with self._db.write() as session:
            webhook = await _this(session, team, webhook_id)
            await session.exec(delete(WebhookEvent).where(col(WebhookEvent.team_id) == team.id))
            await follow_webhook(session, webhook, session.now, exists=False)
            await session.delete(webhook)
            audit.record(session, team.id, by, "webhook.off", session.now, before=_audited(webhook))

    async def retry(self, team: Team, webhook_id: str, by: str) -> None:
        """Post what waits now, also where the receiver had said that it is gone.

        Raises:
            BotError: NO_WEBHOOK.
        """
        async with self._db.write() as session:
            webhook = await _this(session, team, webhook_id)
            await _start_again(session, webhook, session.now)
            audit.record(session, team.id, by, "webhook.retry", session.now)

    async def try_out(self, team: Team) -> Answer:
        """Post a `webhook.test` and return what was answered; it is not posted again.

        Raises:
            BotError: NO_WEBHOOK.
        """
        webhook, now, id_ = await self.require(team), self._db.now(), event_id()
        body = json_body(TEST, now, {})
        headers = signed_headers(id_, body, self._secrets.of(webhook, now), now)
        answer = await self._receiver.post(webhook.address, body.encode(), headers)
        async with self._db.write() as session:
            row = await _locked(session, team)
            if row is not None:
                note_attempt(row, TEST, id_, answer, now)
        return answer

    def _new(self, team: Team, secret: Secret, by: str, now: datetime) -> Webhook:
        id_ = new_id()
        sealed = self._secrets.seal(secret, team_id=team.id, webhook_id=id_)
        return Webhook(id=id_, team_id=team.id, version=0, secret=sealed, saved_by=by, saved_at=now)

    async def tidy(self) -> None:
        """Give up what waits for a webhook that is off for as long as any other would be tried."""
        off = select(Webhook).where(col(Webhook.gone_at).is_not(None)).order_by(Webhook.id)
        async with self._db.write() as session:
            for webhook in await session.exec(off.with_for_update()):
                old = delete(WebhookEvent).where(
                    col(WebhookEvent.team_id) == webhook.team_id,
                    col(WebhookEvent.created_at) <= session.now - DROPPED_AFTER,
                )
                if dropped := (await session.exec(old)).rowcount:
                    webhook.dropped += dropped
                    await follow_webhook(session, webhook, session.now)


def _audited(webhook: Webhook) -> dict[str, Any]:
    """Return what the audit says of it: its path may hold a secret of the receiver's."""
    return {"host": urlsplit(webhook.address).hostname or "", "topics": list(webhook.topics)}


async def _start_again(session: Session, webhook: Webhook, now: datetime) -> None:
    """Have what failed posted now. Where there is something, its answer says whether the trouble is over."""
    webhook.gone_at, webhook.dropped = None, 0
    session.add(webhook)
    failed = update(WebhookEvent).where(col(WebhookEvent.team_id) == webhook.team_id, col(WebhookEvent.failures) > 0)
    posted = await session.exec(failed.values(due_at=now), execution_options={"synchronize_session": False})
    if not posted.rowcount:
        await follow_webhook(session, webhook, now)
    session.wake_after_commit(TICK)


async def _locked(session: Session, team: Team) -> Webhook | None:
    return (await session.exec(select(Webhook).where(Webhook.team_id == team.id).with_for_update())).first()


async def _this(session: Session, team: Team, webhook_id: str) -> Webhook:
    """Return the webhook that a button is about, and no later one of the team."""
    webhook = await _locked(session, team)
    if webhook is None or webhook.id != webhook_id:
        raise BotError(WebhookCode.NO_WEBHOOK)
    return webhook
