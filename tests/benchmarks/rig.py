"""Mailroom's own parts on a real database and a local SES, in real time, for one team or several."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from io import BytesIO
from typing import Any, BinaryIO

import botocore.session
from botocore.config import Config
from sqlmodel import col, func, select

from bot.broadcast.broadcasts import Broadcasts
from bot.broadcast.content.message import PersonalizerCache
from bot.broadcast.delivery.dispatcher import Dispatcher
from bot.broadcast.draft import Draft, Upload
from bot.broadcast.preflight import Preflight
from bot.mailer.credential_store import CredentialStore
from bot.mailer.identities.sender_rules import SenderRules
from bot.mailer.mailers import Mailers
from bot.mailer.monitoring.monitor import Monitor
from bot.mailer.monitoring.poll_schedule import PollIntervals
from bot.mailer.readiness.overview import Overviews
from bot.ses.client import SesClients
from bot.ses.credentials import AwsKey
from storage.database import Database
from storage.models import Broadcast, Delivery, Team, new_id
from storage.sealing import KeyRing, Secret
from tests.unit.alerts.rows import mailer_row
from tests.unit.broadcast.fixtures import has_dmarc

REGION = "eu-west-1"
SENDER = "news@acme.test"
PUBLIC_URL = "https://mail.example.net"
_TEXT = (
    "Hello {{first_name|there}},\n\n"
    + "The autumn issue is out, with all that happened in the last months. " * 8
    + "\n\n"
    "Your city, {{city}}, has a page of its own, and your code is {{code}}.\n\nSee you soon, the team of News"
)


def key(number: int) -> AwsKey:
    """Return the key of an account; the local SES tells accounts by it."""
    return AwsKey(f"AKIA{number:016d}", Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"))


def bare_client(url: str) -> Any:
    """Return the client of SES that costs least: as Mailroom's without botocore's own check of parameters."""
    return botocore.session.Session().create_client(
        "sesv2",
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id=key(1).access_key_id,
        aws_secret_access_key=key(1).secret_access_key.reveal(),
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )


def draft() -> Draft:
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": _TEXT}]}
    body = {"type": "rich_text", "elements": [section]}
    return Draft(SENDER, "", "News for {{first_name|you}}", "What happened, and what comes next", body)


def rows(size: int, domain: str = "recipients.example") -> Iterator[str]:
    """Yield the lines of a CSV with an address and three more columns."""
    yield "email,first_name,city,code\n"
    for number in range(1, size + 1):
        yield f"r{number}@{domain},Name {number},Springfield,{number:08x}\n"


def csv(size: int, domain: str = "recipients.example") -> BytesIO:
    return BytesIO("".join(rows(size, domain)).encode())


class Rig:
    def __init__(self, db: Database, keys: KeyRing) -> None:
        self.db = db
        self.clients = SesClients()
        self.keys = keys
        self.credential_store = CredentialStore(self.keys, self.clients)
        self.mailers = Mailers(db, self.credential_store, pending_seconds=60)
        self.monitor = Monitor(db, self.mailers, PollIntervals())
        self.overviews = Overviews(self.mailers, db.now, small_limit=50, healthy_seconds=600, one_click=True)
        preflight = Preflight(
            self.mailers, self.monitor, self.overviews, SenderRules(db, self.mailers, has_dmarc, one_click=True)
        )
        self.broadcasts = Broadcasts(db, preflight, undo_seconds=0, test_limit=50, public_url=PUBLIC_URL)

    def engine(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> Dispatcher:
        gc.freeze()  # as `commands.serve` does once all is built
        personalizers = PersonalizerCache(self.keys.derive("unsubscribe"))
        return Dispatcher(
            self.db,
            self.mailers,
            self.monitor,
            self.overviews,
            personalizers,
            small_limit=50,
            sleep=sleep,
        )

    def team(self, number: int) -> Team:
        return Team(
            slack_team_id="T1",
            channel_id=f"C{number}",
            name=f"news-{number}",
            from_name="News",
            postal_address="1 Main Street, Springfield",
            created_by="U1",
            created_at=self.db.now(),
        )

    async def connect(self, number: int = 1) -> Team:
        """Store a team and its mailer in an AWS account of its own, with the facts that the local SES has for it."""
        now, mailer_id = self.db.now(), new_id()
        team = self.team(number)
        sealed = self.credential_store.seal(key(number), team_id=team.id, mailer_id=mailer_id)
        mailer = mailer_row(team, now, id=mailer_id, account_id=f"{number:012d}", region=REGION, credentials=sealed)
        async with self.db.write() as session:
            session.add(team)
            await session.flush()
            session.add(mailer)
        await self.monitor.refresh(mailer)
        return team

    async def confirmed(self, team: Team, size: int, file: BinaryIO | None = None) -> Broadcast:
        """Have a broadcast due at once, to those in the file where there is one."""
        file = file or csv(size, f"{team.channel_id.lower()}.example")
        prepared = await self.broadcasts.prepare(team, "U1", draft(), Upload(file), None)
        return await self.broadcasts.confirm(team, prepared.broadcast.id, prepared.broadcast.version, "U1")

    async def counts(self) -> dict[str, int]:
        """Count all deliveries by state."""
        async with self.db.read() as session:
            by_state = select(Delivery.state, func.count()).group_by(col(Delivery.state))
            return {str(state): count for state, count in await session.exec(by_state)}


@asynccontextmanager
async def rig(
    database_url: str, ses_url: str, keys: KeyRing | None = None, clock: Callable[[], datetime] | None = None
) -> AsyncIterator[Rig]:
    os.environ["AWS_ENDPOINT_URL"] = ses_url
    db = Database(database_url, clock=clock)
    await db.start()
    made = Rig(db, keys or KeyRing.generate())
    try:
        yield made
    finally:
        made.clients.close()
        await db.stop()
