"""What the steps of the tour share: who is in it, and what people do in more than one of them."""

import re
from collections.abc import Awaitable, Callable

from tests.playground.aws import Mail
from tests.playground.readings import until
from tests.playground.slack.driver import Person, Seen
from tests.playground.slack.surfaces import Modal
from tests.playground.stage import ACCOUNT, REGION, Stage
from tests.playground.webhooks import WebhookPlayground

Play = Callable[["Tour"], Awaitable[None]]
Steps = list[tuple[str, Play]]


def adding_to(steps: Steps) -> Callable[[str], Callable[[Play], Play]]:
    """Return the decorator that adds a step; they are played in the order in which they are written."""

    def step(title: str) -> Callable[[Play], Play]:
        def add(play: Play) -> Play:
            steps.append((title, play))
            return play

        return add

    return step


class Tour:
    """The stage, and what one step leaves for the next."""

    def __init__(self, on: Stage, hooks: WebhookPlayground) -> None:
        self.on, self.hooks, self.secret = on, hooks, ""
        self.ada, self.bob, self.gus, self.news = on.ada, on.bob, on.gus, on.news
        self.left = ""  # who has unsubscribed
        self.link = ""  # at which they did
        self.token = ""  # of a program
        self.alert: Seen | None = None  # the last one
        self.key = on.aws.create_key(ACCOUNT, deny=["sns:CreateTopic"])

    async def asks(self, who: Person, command: str, text: str) -> Seen:
        """Type a command and wait for its answer, which is newer than anything seen before."""
        seen = self.on.slack.world.visible_messages(self.news, who.id)
        before = Seen(seen[-1], self.on.slack) if seen else None
        await self.closes(who)
        await who.types(self.news, command)
        return await who.sees(self.news, text, after=before)

    async def closes(self, who: Person) -> None:
        """Close whatever is open: nobody types into a channel behind a modal."""
        while (view := self.on.slack.world.top_modal(who.id)) is not None:
            await Modal(who, view).close()

    async def opens(self, who: Person, command: str, title: str) -> Modal:
        await self.closes(who)
        await who.types(self.news, command)
        return await who.modal(title)

    async def fills_key(self, secret: str) -> Modal:
        modal = await self.ada.modal("Connect Amazon SES")
        modal.fill("AWS region", REGION)
        modal.fill("Access key ID", self.key.access_key_id)
        modal.fill("Secret access key", secret)
        await modal.submit()
        return modal

    async def adds(self, name: str) -> Modal:
        modal = await self.opens(self.ada, "/mailer identity", "Add identity")
        modal.fill("Email address or domain", name)
        await modal.submit()
        return modal

    async def tests(self, to: str, sender: str = "hello@acme.test") -> Modal:
        modal = await self.opens(self.bob, "/broadcast test", "Send a test")
        modal.fill("From", sender)
        modal.fill("To", to)
        modal.fill("Subject", "Spring news")
        modal.fill("Message", "Hello from Acme")
        await modal.submit()
        return modal

    async def makes_token(self, name: str, *scopes: str) -> str:
        """Ada makes one for a program; return it."""
        page = await self.opens(self.ada, "/mailer api", "API tokens")
        await page.press("Create token")
        await page.shows("The channel sees it")
        page.fill("Name", name)
        page.fill("Scopes", list(scopes))
        await page.submit()
        await page.shows("Copy your new token now")
        (token,) = re.findall(r"mr_[A-Za-z0-9_-]{43}", page.text)
        return str(token)

    async def composes(
        self, csv: bytes, subject: str = "Spring news", *, image: bytes = b"", save_as: str = ""
    ) -> Modal:
        modal = await self.opens(self.bob, "/broadcast", "New broadcast")
        modal.fill("From", "hello@acme.test")
        modal.fill("Subject", subject)
        modal.fill("Preheader", "What is new at Acme")
        modal.fill("Message", "Hello {{first_name|there}},\nspring is here.")
        modal.fill("Audience CSV", ("people.csv", csv))
        if save_as:
            modal.fill("Save audience as", save_as)
        if image:
            modal.fill("Images", [("tea.png", image)])
        await modal.submit()
        return modal

    def mailed(self, subject: str) -> int:
        return sum(mail.subject == subject for mail in self.on.aws.mails)

    def mailed_one(self) -> list[Mail]:
        """What went out by *Mail me one*, which alone has a test's header and no [Test]."""
        tests = (mail for mail in self.on.aws.mails if "X-Mailroom-Test" in mail.headers)
        return [mail for mail in tests if not mail.subject.startswith("[Test]")]

    async def is_read_again(self) -> None:
        """Wait until the bot has read the account once more, from start to end."""
        seen = len(self.on.aws.calls_of("ses:GetAccount"))
        await until(lambda: len(self.on.aws.calls_of("ses:GetAccount")) >= seen + 2)

    async def confirms(self) -> None:
        modal = await self.bob.modal("Check and send")
        await modal.submit()
