"""A team with a connected AWS account, and everything that sends for it: real database, real HTTP, a settable clock."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, TypeVar

from sqlalchemy import Connection, func, or_
from sqlalchemy.exc import OperationalError
from sqlmodel import col, select

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
from storage.models import Broadcast, Chunk, Delivery, Mailer, SendingAccount, Team, new_id
from storage.sealing import KeyRing, Secret
from storage.states import UNSENT, BroadcastState, DeliveryState
from tests.databases import Clock
from tests.playground.aws import ACCOUNT, AwsPlayground
from tests.playground.aws.ses_state import ConfigurationSet
from tests.unit.alerts.rows import mailer_row

REGION = "eu-west-1"
SENDER = "news@example.com"
SET = "mailroom-test"
BULK = "ses:SendBulkEmail"
PUBLIC_URL = "https://mail.example.net"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)

_MAY_LACK_SOME = [*UNSENT, BroadcastState.CANCELLED]  # that is, one that was never confirmed
_INCOMPLETE = (
    select(col(Broadcast.id))
    .outerjoin(Delivery)
    .where(or_(col(Broadcast.state).not_in(_MAY_LACK_SOME), col(Broadcast.started_at).is_not(None)))
    .group_by(col(Broadcast.id))
    .having(func.count(col(Delivery.seq)) != col(Broadcast.size))
)

T = TypeVar("T")
Hook = Callable[[], Awaitable[None]]


def rich_text(text: str) -> dict[str, Any]:
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [section]}


def draft(text: str = "Hello {{first_name}}", **changes: Any) -> Draft:
    typed = {"from_address": SENDER, "reply_to": "", "subject": "News", "preheader": "", "body": rich_text(text)}
    return Draft(**{**typed, **changes})


def csv(count: int, *, domain: str = "recipients.example") -> Upload:
    rows = "".join(f"r{number}@{domain},Name {number}\n" for number in range(1, count + 1))
    return Upload(BytesIO(f"email,first_name\n{rows}".encode()))


async def has_dmarc(name: str, _kind: str) -> list[str]:
    """Answer for name servers: every domain has a policy."""
    return ["v=DMARC1; p=none"] if name.startswith("_dmarc.") else []


class Station:
    def __init__(self, db: Database, clock: Clock, aws: AwsPlayground, clients: SesClients) -> None:
        self.db, self.clock, self.aws = db, clock, aws
        self.keys = KeyRing.generate()
        self.credential_store = CredentialStore(self.keys, clients)
        self.ses = aws.ses(ACCOUNT, REGION)
        self.ses.configuration_sets[SET] = ConfigurationSet(SET)
        self.key = aws.create_key(ACCOUNT)
        self.mailers = Mailers(db, self.credential_store, pending_seconds=60)
        self.monitor = Monitor(db, self.mailers, PollIntervals())
        self.overviews = Overviews(self.mailers, clock, small_limit=50, healthy_seconds=600, one_click=True)
        self.preflight = Preflight(
            self.mailers, self.monitor, self.overviews, SenderRules(db, self.mailers, has_dmarc, one_click=True)
        )
        self.broadcasts = Broadcasts(db, self.preflight, undo_seconds=30, test_limit=50, public_url=PUBLIC_URL)
        self.team = self.new_team("C1")
        self.between_calls: Hook | None = None  # run whenever the engine rests
        self.patient = True  # AWS answers before any time passes

    @staticmethod
    def new_team(channel: str) -> Team:
        return Team(slack_team_id="T1", channel_id=channel, name="news", created_by="U1", created_at=LONG_AGO)

    async def connect(self, team: Team, *, rate: float = 14, quota: float = 50_000, production: bool = True) -> Mailer:
        """Store the team and its mailer, with the facts that AWS has for them."""
        self.ses.verify("example.com")
        if production:
            self.ses.grant_production(quota, rate)
        now = self.clock()
        mailer_id = new_id()
        key = AwsKey(self.key.access_key_id, Secret(self.key.secret_access_key))
        sealed = self.credential_store.seal(key, team_id=team.id, mailer_id=mailer_id)
        mailer = mailer_row(
            team, now, id=mailer_id, account_id=ACCOUNT, region=REGION, credentials=sealed, configuration_set=SET
        )
        async with self.db.write() as session:
            session.add(team)
            await session.flush()
            session.add(mailer)
        await self.monitor.refresh(mailer)
        return mailer

    def engine(self, db: Database | None = None) -> Dispatcher:
        """Another process, on the same database unless one is given."""
        db = db or self.db
        mailers = Mailers(db, self.credential_store, pending_seconds=60)
        monitor = Monitor(db, mailers, PollIntervals())
        overviews = Overviews(mailers, self.clock, small_limit=50, healthy_seconds=600, one_click=True)
        personalizers = PersonalizerCache(self.keys.derive("unsubscribe"))
        return Dispatcher(db, mailers, monitor, overviews, personalizers, small_limit=50, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        """Let AWS answer, then let the time pass at once."""
        calls = [task for task in asyncio.all_tasks() if task.get_name().startswith("chunk ")]
        current = asyncio.current_task()  # of a worker: it waits for the database, and does not idle
        rests = current is not None and not current.get_name().startswith("delivery worker ")
        if calls and rests and self.patient:
            await asyncio.wait(calls)
        await self.check_sum()
        if self.between_calls:
            await self.between_calls()
        self.clock.advance(seconds)

    async def confirmed(self, size: int = 30, *, team: Team | None = None) -> Broadcast:
        """Prepare and confirm a broadcast; its time of undo is over."""
        team = team or self.team
        file = csv(size, domain=f"{team.channel_id.lower()}.example")
        prepared = await self.broadcasts.prepare(team, "U1", draft(), file, None)
        broadcast = await self.broadcasts.confirm(team, prepared.broadcast.id, prepared.broadcast.version, "U1")
        self.clock.advance(30)
        return broadcast

    async def run(self, engine: Dispatcher | None = None) -> Dispatcher:
        """Tick once, and let every sender work until it has nothing left to do."""
        engine = engine or self.engine()
        await engine.tick()
        await engine.idle()
        return engine

    async def run_for(self, rests: int) -> Dispatcher:
        """Let a sender work until it has rested so often, then stop it."""
        engine = self.engine()
        left = rests

        async def count() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                await engine.stop()

        self.between_calls = count
        await self.run(engine)
        self.between_calls = None
        return self.engine()

    async def later(self, engine: Dispatcher, seconds: float, *, step: float = 60) -> None:
        """Let time pass, with a tick and a look at AWS every so often."""
        end = self.clock() + timedelta(seconds=seconds)
        while self.clock() < end:
            self.clock.advance(step)
            await self.monitor.tick()
            await self.run(engine)

    async def broadcast(self, broadcast_id: str) -> Broadcast:
        async with self.db.read() as session:
            return await session.get_one(Broadcast, broadcast_id)

    async def counts(self, broadcast_id: str) -> dict[DeliveryState, int]:
        async with self.db.read() as session:
            rows = await session.exec(select(Delivery.state).where(Delivery.broadcast_id == broadcast_id))
            return dict(Counter(DeliveryState(state) for state in rows))

    async def deliveries(self, broadcast_id: str) -> list[Delivery]:
        async with self.db.read() as session:
            found = select(Delivery).where(Delivery.broadcast_id == broadcast_id).order_by(col(Delivery.seq))
            return list(await session.exec(found))

    async def chunks(self) -> list[Chunk]:
        async with self.db.read() as session:
            return list(await session.exec(select(Chunk)))

    async def account(self) -> SendingAccount:
        async with self.db.read() as session:
            return (await session.exec(select(SendingAccount))).one()

    async def change(self, row: Any, **values: Any) -> None:
        async with self.db.write() as session:
            stored = await session.get_one(type(row), row.id, with_for_update=True)
            for name, value in values.items():
                setattr(stored, name, value)
            session.add(stored)

    async def check_sum(self) -> None:
        """No recipient is lost: what was confirmed has a delivery for each of its audience, at every moment."""
        async with self.db.read() as session:
            assert (await (await session.connection()).execute(_INCOMPLETE)).all() == []

    def mailed(self) -> Counter[str]:
        """How many mails each address got."""
        return Counter(address for mail in self.aws.mails for address in mail.to)

    def nobody_twice(self) -> bool:
        return max(self.mailed().values(), default=0) <= 1

    def calls(self) -> list[int]:
        """How many recipients each call carried."""
        return [len(call.params["BulkEmailEntries"]) for call in self.aws.calls_of(BULK)]

    async def is_done(self, broadcast_id: str, size: int) -> bool:
        done = (await self.broadcast(broadcast_id)).state is BroadcastState.DONE
        return done and await self.counts(broadcast_id) == {DeliveryState.SENT: size}


class MortalDatabase(Database):
    """The database as a process sees it that dies at its n-th transaction: from then on it can do nothing more.

    With `revives` it is only away for a while, and comes back after that many attempts.
    """

    def __init__(self, url: str, clock: Clock, *, dies_at: int, revives: int | None = None) -> None:
        super().__init__(url, clock=clock)
        self.writes = 0
        self.died = asyncio.Event()
        self._dies_at = dies_at
        self._revives = revives

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Any]:
        self._count()
        async with super().write() as session:
            yield session

    async def run(self, work: Callable[[Connection], T]) -> T:
        self._count()
        return await super().run(work)

    def _count(self) -> None:
        self.writes += 1
        dead_for = self.writes - self._dies_at
        if dead_for >= 0:
            self.died.set()
        if dead_for >= 0 and (self._revives is None or dead_for < self._revives):
            raise OperationalError("the database is gone", None, ConnectionError())
