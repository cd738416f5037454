"""Draws the pictures of the README: `python -m tests.playground.pictures`, with a Chromium and a font with emoji.

A short story is played on the real bot; what people see of it is drawn and photographed. Nothing is retouched.
"""

import asyncio
import re
import sys
from pathlib import Path

from playwright.async_api import Browser

from tests.playground.chromium import browser, chromium
from tests.playground.slack import Modal, Person, channel_html, modal_html
from tests.playground.slack.driver import Seen
from tests.playground.stage import ACCOUNT, REGION, Stage, stage

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
AUDIENCE = 1_200
BODY = "Hello {{first_name|there}},\nour spring catalogue is out: twelve new teas, and two old friends are back."


class Story:
    """What is done, and the pictures taken on the way."""

    def __init__(self, on: Stage, camera: Browser) -> None:
        self.on, self.camera = on, camera
        self.key = on.aws.create_key(ACCOUNT)

    async def picture(
        self, name: str, html: str, selector: str, width: int, *, only: tuple[Seen, ...] = (), scale: float = 1.5
    ) -> None:
        """Of the channel, the messages in `only`."""
        page = await self.camera.new_page(
            viewport={"width": width, "height": 600}, device_scale_factor=scale, color_scheme="light"
        )
        await page.set_content(html)
        await page.add_style_tag(content=".backdrop, body:has(.backdrop) { background: transparent }")
        if only:
            kept = [f"m-{seen.ts}" for seen in only]
            await page.evaluate(
                "ids => document.querySelectorAll('.messages > li').forEach(li => ids.includes(li.id) || li.remove())",
                kept,
            )
        await page.locator(selector).first.screenshot(path=FOLDER / f"{name}.png", omit_background=True)
        await page.close()

    async def channel(self, name: str, viewer: Person, *only: Seen) -> None:
        html = channel_html(self.on.slack, self.on.news, viewer)
        await self.picture(name, html, "main", 1000, only=only)

    async def modal(self, name: str, modal: Modal, scale: float = 1.5) -> None:
        await self.picture(name, modal_html(modal.view, self.on.slack.world), '[role="dialog"]', 560, scale=scale)

    async def connects(self) -> None:
        on = self.on
        await on.ada.types(on.news, "/mailer connect")
        modal = await on.ada.modal("Connect Amazon SES")
        modal.fill("AWS region", REGION)
        modal.fill("Access key ID", self.key.access_key_id)
        modal.fill("Secret access key", self.key.secret_access_key)
        await modal.submit()
        await modal.shows("Connected")
        await self.modal("connected", modal, scale=1.25)
        await modal.close()

    async def adds_a_domain(self) -> None:
        on = self.on
        await on.ada.types(on.news, "/mailer identity")
        modal = await on.ada.modal("Add identity")
        modal.fill("Email address or domain", "acme.example")
        await modal.submit()
        waiting = await on.ada.sees(on.news, "Put these records into the DNS of acme.example")
        await self.channel("identity", on.ada, waiting)
        on.dns.records_from(on.ses.identities["acme.example"])
        on.ses.verify("acme.example")

    async def is_not_ready(self) -> Seen:
        on = self.on
        await on.bob.sees(on.news, "acme.example is verified.")
        await on.bob.types(on.news, "/broadcast")
        return await on.bob.sees(on.news, "You can't send broadcasts yet")

    async def gets_production(self) -> None:
        on = self.on
        on.ses.grant_production(quota=50_000, rate=100)
        await on.bob.sees(on.news, "broadcasts are open")

    async def composes(self) -> None:
        on = self.on
        await on.bob.types(on.news, "/broadcast")
        modal = await on.bob.modal("New broadcast")
        rows = [f"reader{number}@mail.example,{'Ann' if number == 1 else ''}" for number in range(1, AUDIENCE + 1)]
        rows += ["not an address,Nobody", "reader7@mail.example,Again"]
        modal.fill("From", "news@acme.example")
        modal.fill("Subject", "The spring catalogue is out")
        modal.fill("Message", BODY)
        modal.fill("Audience CSV", ("readers.csv", "\n".join(["email,first_name", *rows]).encode()))
        await modal.submit()
        check = await on.bob.modal("Check and send")
        await self.modal("confirmation", check)
        await check.submit()

    async def is_sent(self, refused: Seen) -> Seen:
        on = self.on
        sent = await on.bob.sees(on.news, "is being sent")
        await on.slack.settled(lambda: re.search(r" [4-8]\d%", sent.text), timeout=60)
        await self.channel("sending", on.bob, refused, await on.bob.sees(on.news, "broadcasts are open"), sent)
        await on.bob.sees(on.news, "is done", timeout=120)
        await on.slack.settled(lambda: f"{AUDIENCE:,} delivered" in sent.text, timeout=60)
        return sent

    async def loses_access(self, report: Seen) -> None:
        on = self.on
        on.aws.revoke(self.key)
        alert = await on.bob.sees(on.news, "What it stops")
        await self.channel("alert", on.bob, report, alert)


async def main() -> None:
    path = chromium()
    if path is None:
        sys.exit("no Chromium is installed, nor named by CHROMIUM")
    FOLDER.mkdir(exist_ok=True)
    async with browser(path) as camera, stage(PUBLIC_URL="https://mailroom.acme.example") as on:
        story = Story(on, camera)
        await story.connects()
        await story.adds_a_domain()
        refused = await story.is_not_ready()
        await story.gets_production()
        await story.composes()
        await story.loses_access(await story.is_sent(refused))
    for picture in sorted(FOLDER.glob("*.png")):
        print(f"{picture.name} {picture.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    asyncio.run(main())
