"""A team with a webhook that leads to a receiver on loopback, and what is due posted on the test's clock."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from sqlmodel import col, select

from bot.public_addresses import networks
from bot.webhooks.delivery import WebhookDelivery
from bot.webhooks.events import Topic
from bot.webhooks.signing import WebhookSecrets
from bot.webhooks.webhooks import Webhooks
from handlers.webhook_receiver import WebhookReceiver
from storage.database import Database
from storage.models import Broadcast, Incident, Team, Webhook, WebhookEvent
from storage.sealing import KeyRing, Secret
from storage.states import SendKind
from tests.databases import Clock
from tests.playground.webhooks import WebhookPlayground

KEYS = KeyRing.generate()
ON_SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"])  # nothing in it is the database's doing
LOOPBACK = networks("127.0.0.0/8")


@dataclass
class Hooked:
    """`secret` is the first one; `hooks` is who is posted to."""

    db: Database
    clock: Clock
    team: Team
    hooks: WebhookPlayground
    service: Webhooks
    delivery: WebhookDelivery
    secret: Secret

    async def posts(self, seconds: float = 0) -> None:
        """Let time pass, and what is due then be posted."""
        self.clock.advance(seconds)
        await self.delivery.tick()
        await self.delivery.idle()

    async def webhook(self) -> Webhook:
        return await self.service.require(self.team)

    async def waiting(self) -> list[WebhookEvent]:
        async with self.db.read() as session:
            return list(await session.exec(select(WebhookEvent).order_by(col(WebhookEvent.seq))))

    async def incidents(self) -> list[Incident]:
        async with self.db.read() as session:
            return list(await session.exec(select(Incident).order_by(col(Incident.opened_at))))


def team_row(clock: Clock, number: int = 0) -> Team:
    return Team(
        id=f"{number:032}",
        slack_team_id="T1",
        channel_id=f"C{number}",
        name="news",
        created_by="U1",
        created_at=clock(),
    )


def broadcast_row(team: Team, number: int, clock: Clock) -> Broadcast:
    return Broadcast(
        id=f"{number:032}",
        team_id=team.id,
        mailer_id=None,
        audience_id=None,
        kind=SendKind.BROADCAST,
        from_address="hello@acme.test",
        subject=f"News {number}",
        created_by="U1",
        created_at=clock(),
    )


@asynccontextmanager
async def hooked(db: Database, clock: Clock) -> AsyncIterator[Hooked]:
    team, secrets, receiver = team_row(clock), WebhookSecrets(KEYS), WebhookReceiver(LOOPBACK)
    async with db.write() as session:
        session.add(team)
    service, delivery = Webhooks(db, secrets, receiver), WebhookDelivery(db, secrets, receiver)
    async with WebhookPlayground() as hooks:
        _, secret = await service.save(team, hooks.address, list(Topic), 0, "U1")
        assert secret is not None
        yield Hooked(db, clock, team, hooks, service, delivery, secret)
