"""A team with an AWS account of its own: people who connect it, send broadcasts, and read what became of them."""

import contextlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import aiohttp

from tests.chaos.books import BooksError
from tests.playground.aws import Key, Ses
from tests.playground.slack.delivery import NotAcked
from tests.playground.slack.driver import NotSeen, Person
from tests.playground.slack.finding import NotThere
from tests.playground.slack.surfaces import Modal
from tests.playground.slack.world import Channel
from tests.playground.stage import REGION, Stage

RATE = 7  # recipients a second, and so at most in one call
REFUSED_WHOLE = 0.05  # of the calls with several recipients
AWAY = range(0, 200, 20)  # people with an out-of-office answer
DOMAIN = "acme.test"
_PAGE = 100
_ATTEMPTS = 4


@dataclass
class Team:
    """`hears_back`: whether SES's events reach Mailroom; a key without SQS is a choice that people have."""

    on: Stage
    number: int
    hears_back: bool
    admin: Person
    channel: Channel
    ses: Ses
    key: Key
    token: str = ""
    tried: int = 0  # broadcasts

    @property
    def other_domain(self) -> str:
        """Nobody sends from it, so that anything may become of it."""
        return f"team-{self.number}.test"

    @classmethod
    def new(cls, on: Stage, number: int, *, account: str, hears_back: bool) -> "Team":
        admin = on.slack.person(f"Admin {number}", role="admin")
        key = on.aws.create_key(account, deny=() if hears_back else ("sqs:*",))
        channel = on.slack.channel(f"team-{number}", people=[admin])
        return cls(on, number, hears_back, admin, channel, on.aws.ses(account, REGION), key)

    async def connects(self) -> None:
        """Connect the channel to its AWS account, add an identity, and make a token for the API."""
        self.ses.verify(DOMAIN)
        self.ses.grant_production(quota=10_000_000, rate=RATE)
        self.ses.refused_share, self.ses.names_others = REFUSED_WHOLE, True
        self.ses.random.seed(self.number)
        for number in AWAY:
            self.ses.outcome(f"p{number}@elsewhere.test", "OUT_OF_OFFICE")
        await self._patiently(self._submits_key)
        await self._patiently(self._adds_identity)
        await self._patiently(self._makes_token)

    def changes_at_aws(self, random: Random) -> None:
        """Have AWS find something else of the identity or of the account; nothing waits for it."""
        changes = [
            partial(self.ses.verify, self.other_domain),
            partial(self.ses.fail, self.other_domain),
            partial(self.ses.temporary_failure, self.other_domain),
            partial(self.ses.enforcement, "PROBATION"),
            partial(self.ses.enforcement, "HEALTHY"),
        ]
        random.choice(changes)()

    async def sends(self, size: int) -> None:
        """Confirm a broadcast to so many."""
        await self._patiently(lambda: self._confirms(size))

    async def looks(self) -> None:
        """Look at the mailer, and open a form and close it again."""
        await self._patiently(self._looks)

    async def _looks(self) -> None:
        await self.admin.types(self.channel, "/mailer")
        await self.admin.sees(self.channel, f"Mailroom in #{self.channel.name}")
        await (await self._opens("/broadcast", "New broadcast", "Subject")).close()

    async def _patiently(self, act: Callable[[], Awaitable[None]]) -> None:
        """Do it once more where a busy machine was too late for Slack."""
        for _ in range(_ATTEMPTS):
            with contextlib.suppress(NotSeen, NotThere, NotAcked):
                return await act()
        raise BooksError(f"what team {self.number} does comes to nothing, {_ATTEMPTS} times")

    async def _submits_key(self) -> None:
        modal = await self._opens("/mailer connect", "Connect Amazon SES", "Access key ID")
        modal.fill("AWS region", REGION)
        modal.fill("Access key ID", self.key.access_key_id)
        modal.fill("Secret access key", self.key.secret_access_key)
        await modal.submit()
        await self.admin.sees(self.channel, "Connected to AWS account")

    async def _adds_identity(self) -> None:
        modal = await self._opens("/mailer identity", "Add identity", "Email address or domain")
        modal.fill("Email address or domain", self.other_domain)
        await modal.submit()
        await self.admin.sees(self.channel, f"Put these records into the DNS of {self.other_domain}")

    async def _makes_token(self) -> None:
        modal = await self._opens("/mailer api", "API tokens", "Create token")
        await modal.press("Create token")
        await modal.shows("The channel sees it")
        modal.fill("Name", "Chaos")
        modal.fill("Scopes", ["read", "send", "suppressions"])
        await modal.submit()
        await modal.shows("Copy your new token now")
        (self.token,) = re.findall(r"mr_[A-Za-z0-9_-]{43}", modal.text)

    async def _confirms(self, size: int) -> None:
        self.tried += 1
        modal = await self._opens("/broadcast", "New broadcast", "Subject")
        modal.fill("From", f"hello@{DOMAIN}")
        modal.fill("Subject", f"News {self.number}.{self.tried}")
        modal.fill("Message", "Hello {{name}}")
        people = "\n".join(["email,name", *(f"p{number}@elsewhere.test,Person {number}" for number in range(size))])
        modal.fill("Audience CSV", ("people.csv", people.encode()))
        await modal.submit()
        await modal.shows("recipients will get")
        await modal.submit()
        await self.admin.sees(self.channel, f"“News {self.number}.{self.tried}”")

    async def reads_report(self, subject: str, size: int) -> dict[str, int]:
        """Return what the channel's last word on a broadcast says: how many by label."""
        message = await self.admin.sees(self.channel, f"“{subject}” to {size:,} recipients is done")
        found = re.findall(r"([\d,]+) (sent|delivered|bounced|failed|in doubt|cancelled)", message.text)
        return {label: int(number.replace(",", "")) for number, label in found}

    async def lists_in_doubt(self) -> int:
        """Return how many recipients of its broadcasts the API lists as in doubt."""
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {self.token}"}) as http:
            paths = [f"/broadcasts/{one['id']}/deliveries" for one in await self._pages(http, "/broadcasts")]
            return sum([len(await self._pages(http, path, state="in_doubt")) for path in paths])

    async def _pages(self, http: aiohttp.ClientSession, path: str, **query: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        cursor = ""
        while True:
            asked = {**query, "cursor": cursor, "limit": _PAGE}
            async with http.get(f"{self.on.public_url}/api/v1{path}", params=asked, raise_for_status=True) as answer:
                page = await answer.json()
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            cursor = page["next_cursor"]

    async def _opens(self, command: str, title: str, shows: str) -> Modal:
        while (top := self.admin.top_modal) is not None:
            await top.close()
        await self.admin.types(self.channel, command)
        modal = await self.admin.modal(title)
        await modal.shows(shows)
        return modal
