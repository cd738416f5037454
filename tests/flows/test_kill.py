"""kill -9 at the worst moments of the main job, of the bot as a process: nothing is lost, nobody is mailed twice."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from sqlmodel import col, func, select, update

from storage.database import Database, utc_now
from storage.models import Broadcast, Delivery, Outbox, Poll, SendingAccount
from storage.sealing import KeyRing
from tests.flows.test_broadcast import numbers
from tests.playground.aws.principals import Key
from tests.playground.forked import ForkedBot
from tests.playground.slack.driver import Person, Seen
from tests.playground.slack.surfaces import Modal
from tests.playground.slack.world import Channel
from tests.playground.stage import ACCOUNT, REGION, Stage, stage

OTHER_ACCOUNT = "999988887777"
PATIENCE = 30  # seconds
RATE, SIZE = 100, 200  # a call carries 50


class Play:
    """The stage, with what kill -9 leaves behind looked at after each kill."""

    def __init__(self, on: Stage, database_url: str) -> None:
        self.on = on
        self._database_url = database_url

    async def kill_when(self, true: Callable[[], bool]) -> None:
        """Kill the bot at this moment, see that its books are right, and let its leases run out."""
        async with asyncio.timeout(PATIENCE):
            while not true():  # noqa: ASYNC110 - it happens in another process
                await asyncio.sleep(0.005)
        await self.on.bot.kill()
        self.on.aws.heal()
        self.on.slack.heal()
        await self._everything_adds_up()
        await self._a_minute_passes()

    async def starts_again(self) -> None:
        await self.on.bot.start()
        await self.on.slack.connected()

    async def _everything_adds_up(self) -> None:
        database = Database(self._database_url)
        try:
            async with database.read() as session:
                for broadcast in await session.exec(select(Broadcast).where(col(Broadcast.confirmed_by) != "")):
                    counted = select(func.count()).where(Delivery.broadcast_id == broadcast.id)
                    assert (await session.exec(counted)).one() == broadcast.size
        finally:
            await database.stop()

    async def _a_minute_passes(self) -> None:
        """On PostgreSQL the leases of a dead process have to run out; a SQLite file has nobody else to wait for."""
        if not self._database_url.startswith("postgresql"):
            return
        database, now = Database(self._database_url), utc_now() - timedelta(seconds=1)
        try:
            async with database.write() as session:
                await session.exec(update(SendingAccount).values(lease_until=now))
                await session.exec(update(Poll).values(due_at=now))
                await session.exec(update(Outbox).where(col(Outbox.due_at).is_not(None)).values(due_at=now))
        finally:
            await database.stop()

    async def opens(self, who: Person, channel: Channel, command: str, title: str, label: str) -> Modal:
        while (top := who.top_modal) is not None:
            await top.close()
        await who.types(channel, command)
        modal = await who.modal(title)
        await modal.shows(label)
        return modal

    async def submits(self, key: Key, channel: Channel) -> None:
        modal = await self.opens(self.on.ada, channel, "/mailer connect", "Connect Amazon SES", "Access key ID")
        modal.fill("AWS region", REGION)
        modal.fill("Access key ID", key.access_key_id)
        modal.fill("Secret access key", key.secret_access_key)
        await modal.submit()

    async def adds(self, name: str) -> Modal:
        modal = await self.opens(
            self.on.ada, self.on.news, "/mailer identity", "Add identity", "Email address or domain"
        )
        modal.fill("Email address or domain", name)
        return modal

    async def confirms(self, subject: str, size: int) -> None:
        modal = await self.opens(self.on.bob, self.on.news, "/broadcast", "New broadcast", "Subject")
        modal.fill("From", "hello@acme.test")
        modal.fill("Subject", subject)
        modal.fill("Message", "Hello")
        people = "\n".join(["email", *(f"person{number}@elsewhere.test" for number in range(size))])
        modal.fill("Audience CSV", ("people.csv", people.encode()))
        await modal.submit()
        await modal.shows("recipients will get")
        await modal.submit()

    def mailed(self, subject: str) -> Counter[str]:
        return Counter(mail.to[0] for mail in self.on.aws.mails if mail.subject == subject)

    async def is_done(self, subject: str, size: int) -> Seen:
        message = await self.on.bob.sees(self.on.news, f"“{subject}” to {size} recipients is done", timeout=PATIENCE)
        assert sum(numbers(message).values()) == size, message.text
        mailed = self.mailed(subject)
        assert [address for address, times in mailed.items() if times > 1] == []
        missing = size - len(mailed)
        in_doubt = re.search(r"(\d+) in doubt", message.text)
        assert missing <= (int(in_doubt[1]) if in_doubt else 0), "somebody was neither mailed nor is in doubt"
        return message


@pytest.fixture
async def play(database_url: str) -> AsyncIterator[Play]:
    keys = KeyRing.generate().export().reveal()
    async with stage(database_url, bot_class=ForkedBot, MAILROOM_KEYS=keys, MAILROOM_UNDO_SECONDS="1") as on:
        on.slack.patience = PATIENCE
        yield Play(on, database_url)
        await on.bot.kill()


@pytest.mark.long  # `make chaos` does it many times over
async def test_the_main_job_survives_kill_9_at_its_worst_moments(play: Play) -> None:
    on, key = play.on, play.on.aws.create_key(ACCOUNT)

    await play.submits(key, on.news)
    await on.bob.sees(on.news, "Connected to AWS account 1111-2222-3333")

    # right after an identity came to be at AWS, and while the credentials of another channel are being checked
    shop = on.slack.channel("shop", people=[on.ada])
    checking = on.aws.fail("ses:ListEmailIdentities", "hang_before", account=OTHER_ACCOUNT)
    await play.submits(on.aws.create_key(OTHER_ACCOUNT), shop)
    creating = on.aws.fail("ses:CreateEmailIdentity", "hang", account=ACCOUNT)
    submitting = asyncio.create_task((await play.adds("acme.test")).submit())
    await play.kill_when(lambda: checking.reached.is_set() and creating.reached.is_set())
    await asyncio.gather(submitting, return_exceptions=True)
    await play.starts_again()
    await on.ada.types(shop, "/mailer")
    await on.ada.sees(shop, "Not connected yet")  # nothing was stored, and one starts again
    assert list(on.ses.identities) == ["acme.test"]
    await (await play.adds("acme.test")).submit()  # which adopts it
    await on.bob.sees(on.news, "Put these records into the DNS of acme.test")
    on.ses.verify("acme.test")
    on.ses.grant_production(rate=RATE)
    await on.bob.sees(on.news, "broadcasts are open")
    await on.bob.sees(on.news, "acme.test is verified.")

    # after somebody confirmed, before it starts, while the channel is being told
    on.slack.hang("chat.postMessage")
    asked = len(on.slack.calls_of("chat.postMessage"))
    await play.confirms("Spring news", SIZE)
    await play.kill_when(lambda: len(on.slack.calls_of("chat.postMessage")) > asked)

    # in the middle of a call that AWS has taken
    fault = on.aws.fail("ses:SendBulkEmail", "hang")
    await play.starts_again()
    await play.kill_when(fault.reached.is_set)

    # between two calls
    await play.starts_again()
    await play.kill_when(lambda: play.mailed("Spring news").total() >= SIZE // 2)
    await play.starts_again()
    await play.is_done("Spring news", SIZE)
    assert len([text for text in on.bob.reads(on.news) if "Spring news" in text]) == 1
