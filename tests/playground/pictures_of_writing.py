"""More pictures of the README: a canvas beside the mail it became, its approval, *Sender rules*.

`python -m tests.playground.pictures_of_writing`; as with `pictures.py` nothing is retouched. A canvas is drawn here
from the Markdown that Slack gives for it.
"""

import asyncio
import base64
import io
import re
import sys
from html import escape

from markdown_it import MarkdownIt
from PIL import Image, ImageDraw
from playwright.async_api import Browser

from tests.playground.aws import Mail
from tests.playground.chromium import browser, chromium
from tests.playground.pictures import Story
from tests.playground.slack.world import File
from tests.playground.stage import Stage, stage

MARKDOWN = """# The spring catalogue is out

Hello {{first_name|there}}, twelve new teas are in, and two old friends are back.

![A tea field in the morning](https://files.slack.com/files-pri/T1-{picture}/field.png)

## Three to begin with

| Tea | Garden | Price |
|---|---|---|
| First flush | Darjeeling | 14 € |
| Gyokuro | Uji | 22 € |
| Oolong | Wuyi | 18 € |

- [x] all of them organic
- [x] sent within two days

> The first flush is the best we ever had.

[See the catalogue](https://acme.example/spring)
"""
NAMES = {"field.png": "A tea field in the morning"}
PAGE = "<!DOCTYPE html><meta charset=utf-8><style>{style}</style>{body}"
STYLE = """
body { margin: 0; padding: 24px; background: #e8e8ee; font: 15px/1.5 'Segoe UI', Roboto, Helvetica, Arial, sans-serif }
main { display: flex; gap: 24px; align-items: flex-start; margin: 0 0 24px }
figure { margin: 0 } figcaption { margin: 0 0 8px; color: #444 }
figure > div, figure > img { display: block; border-radius: 8px; box-shadow: 0 1px 6px #0003 }
.canvas { width: 480px; padding: 24px 32px; background: #fff; color: #1d1c1d }
.canvas img { max-width: 100% } .canvas table { border-collapse: collapse; width: 100% }
.canvas th, .canvas td { border: 1px solid #ddd; padding: 6px 10px; text-align: left }
.canvas blockquote { margin: 0; padding-left: 16px; border-left: 4px solid #ddd }
.canvas a { color: #1264a3 }
"""


class Writing(Story):
    def __init__(self, on: Stage, camera: Browser) -> None:
        super().__init__(on, camera)
        self.field = field()

    async def begins(self) -> None:
        on = self.on
        on.ses.grant_production(quota=50_000, rate=100)
        await on.ada.types(on.news, "/mailer connect")
        modal = await on.ada.modal("Connect Amazon SES")
        modal.fill("AWS region", "eu-west-1")
        modal.fill("Access key ID", self.key.access_key_id)
        modal.fill("Secret access key", self.key.secret_access_key)
        await modal.submit()
        await modal.shows("Connected")
        await modal.close()
        await on.ada.types(on.news, "/mailer identity")
        modal = await on.ada.modal("Add identity")
        modal.fill("Email address or domain", "acme.example")
        await modal.submit()
        await on.ada.sees(on.news, "Put these records into the DNS of acme.example")
        on.dns.records_from(on.ses.identities["acme.example"])
        on.ses.verify("acme.example")
        await on.bob.sees(on.news, "acme.example is verified.")

    async def decides(self) -> None:
        """Let Ada give all mail a look, and have every broadcast approved."""
        on = self.on
        await on.ada.types(on.news, "/mailer settings")
        settings = await on.ada.modal("Settings")
        settings.fill("From name", "Acme Tea")
        settings.fill("Approval", "Always")
        await settings.press("Look")
        look = await on.ada.modal("Look")
        look.fill("Logo", [("acme.png", logo())])
        look.fill("Colour", "#1f6f43")
        look.fill("Heading font", "Serif: Georgia, or what is like it")
        look.fill("Footer words", "You get this since you bought tea from us.")
        await look.submit()
        await look.shows("Saved")
        await look.close()
        await settings.submit()
        await on.bob.sees(on.news, "changed the approval of broadcasts")

    async def writes(self) -> None:
        on = self.on
        world = on.slack.world
        shown = on.slack.upload(on.bob.user, on.news.workspace, "field.png", self.field)
        shown.alt_text = NAMES["field.png"]
        text = MARKDOWN.replace("{picture}", shown.id).encode()
        made = File(
            world.new_id("F"), "Spring", "Spring", text, on.bob.id, on.news.workspace, world.now(), is_canvas=True
        )
        made.shares[on.news] = []
        world.files[made.id] = made
        await on.bob.types(on.news, "/broadcast")
        modal = await on.bob.modal("New broadcast")
        modal.fill("From", "tea@acme.example")
        modal.fill("Subject", "The spring catalogue is out")
        await modal.choose("Content", "Slack canvas")
        await modal.shows("Canvas link")
        modal.fill("Canvas link", f"https://acme.slack.com/docs/{made.workspace.id}/{made.id}")
        rows = [f"reader{number}@mail.example,Ann" for number in range(1, 41)]
        modal.fill("Audience CSV", ("readers.csv", "\n".join(["email,first_name", *rows]).encode()))
        await modal.submit()
        check = await on.bob.modal("Check and send")
        await check.submit()
        await check.shows("waits for approval")
        await check.close()

    async def is_approved(self) -> None:
        on = self.on
        request = await on.ada.sees(on.news, "asks to send")
        await on.bob.press(request, "Approve and send")
        refused = await on.bob.sees(on.news, "somebody else must approve it")
        await self.channel("approval", on.bob, request, refused)
        await on.ada.press(request, "Approve and send")
        await (await on.ada.modal("Approve and send")).close()
        await on.bob.sees(on.news, "is done", timeout=60)

    async def canvas_and_mail(self) -> None:
        """A canvas, and the mail it became: on a phone and on a wide screen, by day and in the dark."""
        mail = in_browser(self.on.aws.mails[-1])
        drawn = MarkdownIt("commonmark").enable("table").render(MARKDOWN)
        drawn = re.sub(r'src="https://files[^"]*"', f'src="{data_url("image/png", self.field)}"', drawn)
        drawn = drawn.replace("[x] ", "☑ ")
        figures = [("The canvas", f'<div class="canvas">{drawn}</div>')]
        for width in (375, 600):
            for colours in ("light", "dark"):
                seen = await self.mail(mail, width, colours)
                figures.append((f"{width} px, {colours}", f'<img src="{data_url("image/png", seen)}" width="{width}">'))
        drawn = [f"<figure><figcaption>{escape(caption)}</figcaption>{html}</figure>" for caption, html in figures]
        rows = "".join(f"<main>{''.join(row)}</main>" for row in (drawn[:3], drawn[3:]))
        await self.picture("canvas", PAGE.format(style=STYLE, body=rows), "body", 1390, scale=1)

    async def mail(self, html: str, width: int, colours: str) -> bytes:
        page = await self.camera.new_page(
            viewport={"width": width, "height": 400},
            color_scheme="dark" if colours == "dark" else "light",
        )
        await page.set_content(html)
        seen = await page.screenshot(full_page=True)
        await page.close()
        return seen

    async def sender_rules(self) -> None:
        on = self.on
        await on.ada.types(on.news, "/mailer")
        card = await on.ada.sees(on.news, "As AWS told us")
        await on.ada.press(card, "Sender rules")
        await self.modal("sender-rules", await on.ada.modal("Sender rules"))


def logo() -> bytes:
    """A leaf and a word, on nothing."""
    image = Image.new("RGBA", (800, 240))
    pen = ImageDraw.Draw(image)
    for start, end in ((180, 270), (0, 90)):
        pen.chord((20, 20, 220, 220), start, end, fill="#1f6f43")
    pen.text((250, 50), "Acme Tea", fill="#1f6f43", font_size=120)
    return written(image)


def field() -> bytes:
    """Hills, one behind the other."""
    image = Image.new("RGB", (1200, 500), "#f6e7c8")
    pen = ImageDraw.Draw(image)
    pen.ellipse((880, 60, 1000, 180), fill="#f3b562")
    for number, colour in enumerate(("#a9c29b", "#7ba06f", "#4f8452", "#2c5f3a")):
        top = 180 + 80 * number
        pen.ellipse((-400 + 300 * number, top, 900 + 300 * number, top + 700), fill=colour)
        pen.ellipse((-900 + 250 * number, top + 30, 300 + 250 * number, top + 700), fill=colour)
    return written(image)


def written(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def data_url(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def in_browser(mail: Mail) -> str:
    """A mail's HTML, with its parts in it."""
    html = str(mail.html)
    for part in mail.attachments:
        html = html.replace(f'"cid:{part.content_id}"', f'"{data_url(part.content_type, part.content)}"')
    return html


async def main() -> None:
    path = chromium()
    if path is None:
        sys.exit("no Chromium is installed, nor named by CHROMIUM")
    async with browser(path) as camera, stage() as on:
        on.aws.rules.permissions_seconds = 1
        writing = Writing(on, camera)
        await writing.begins()
        await writing.decides()
        await writing.writes()
        await writing.is_approved()
        await writing.canvas_and_mail()
        await writing.sender_rules()


if __name__ == "__main__":
    asyncio.run(main())
