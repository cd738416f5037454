"""An HTML file as the message of a broadcast that is written in Slack."""

import re
from typing import Any

import pytest

from tests.databases import Clock
from tests.flows.test_drafts import ONE, next_page
from tests.flows.world import OVER_HTTP, UNDO_SECONDS, World, open_world
from tests.playground.aws import AwsPlayground
from tests.playground.image_host import Answer, image_host, picture
from tests.playground.slack.surfaces import Modal

PAGE = b"""<!DOCTYPE html><style>p { color: #333 }</style>
<p>Hello {{first_name|there}}</p><script>x()</script>"""
CSV = ("people.csv", b"email,first_name\nann@elsewhere.test,Ann\n")


async def opens_for_html(world: World) -> Modal:
    modal = await world.opens(world.bob, "/broadcast", "New broadcast")
    modal.fill("From", "hello@acme.test")
    modal.fill("Subject", "Spring news")
    await modal.choose("Content", "HTML file")
    await world.bot.tasks.idle()
    return modal


async def next_(world: World, modal: Modal, **fields: Any) -> None:
    for label, value in fields.items():
        modal.fill(label.replace("_", " "), value)
    await modal.submit()
    await world.bot.tasks.idle()


async def test_a_file_is_sent_and_kept_by_back_and_edit(world: World) -> None:
    await world.is_open()
    modal = await opens_for_html(world)
    await next_(world, modal, HTML_file=("spring.html", PAGE), Audience_CSV=CSV)
    assert "Left out of the HTML file, since mail programs refuse it: 1 script." in modal.text

    await modal.press("Back")
    await world.bot.tasks.idle()
    assert "HTML file: spring.html (kept)" in modal.text
    await next_(world, modal, Subject="Spring news, mended")
    await world.confirms(modal)
    message = await world.bob.sees(world.news, "Spring news, mended")
    await world.bob.press(message, "Undo")
    await world.settle()
    await world.bob.press(await world.bob.sees(world.news, "Taken back"), "Edit")
    await world.bot.tasks.idle()
    form = await world.bob.modal("New broadcast")
    assert form.value("Content")["value"] == "html"
    await next_(world, form, HTML_file=("summer.html", PAGE.replace(b"Hello", b"Good morning")))
    await world.confirms(form)
    await world.passes(UNDO_SECONDS)

    (mail,) = world.aws.mails
    assert mail.subject == "Spring news, mended"
    assert '<p style="color:#333">Good morning Ann</p>' in (mail.html or "")


@OVER_HTTP
async def test_what_is_typed_stays_when_another_content_is_chosen(world: World) -> None:
    await world.is_open()
    modal = await world.opens(world.bob, "/broadcast", "New broadcast")
    modal.fill("Message", "Hello")
    modal.fill("Audience CSV", ("people.csv", ONE))
    for content in ("HTML file", "Write here"):
        await modal.choose("Content", content)
        await world.bot.tasks.idle()

    await next_page(world, modal, Message=modal.value("Message"))

    assert "1 recipient will get" in modal.text
    assert "Hello" in modal.text


@OVER_HTTP
async def test_images_from_elsewhere_become_parts_and_those_that_cannot_be_had_are_named(
    aws: AwsPlayground, database_url: str, clock: Clock
) -> None:
    async with (
        image_host(kite=Answer(picture()), login=Answer(status=401)) as host,
        open_world(aws, database_url, clock, fetch_image=host.fetch) as world,
    ):
        await world.is_open()
        modal = await opens_for_html(world)
        kite, login = host.url("/kite"), host.url("/login")
        page = f'<p>Hello</p><img src="{kite}" alt="A kite"><img src="{login}"><img src="{kite}" alt="Again">'
        await next_(world, modal, HTML_file=("spring.html", page.encode()), Audience_CSV=CSV)
        assert modal.title == "Check and send", modal.errors
        assert f"The image {login} is left out: its server wants a login." in modal.text

        await modal.press("Back")  # the page is kept, and with it its images
        await world.bot.tasks.idle()
        assert "Images kept" not in modal.labels
        await next_(world, modal, Subject="Spring news, mended")
        await world.confirms(modal)
        await world.passes(UNDO_SECONDS)

        (mail,) = world.aws.mails
        assert [part.content_id for part in mail.attachments] == ["image1.png"]
        assert re.findall(r'src="([^"]+)" alt="([^"]+)"', mail.html or "") == [
            ("cid:image1.png", "A kite"),
            ("cid:image1.png", "Again"),
        ]
        assert sorted(host.paths) == ["/kite", "/login"]


@OVER_HTTP
@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"<p>Gr\xfc\xdfe", "is in an encoding that it does not name"),
        (b"<p>" + b"x" * 2_000_000, "larger than 2 MB"),
        (b"<p>" + b"x" * 600_000, "Amazon SES leaves room for 500 KB"),
    ],
)
async def test_a_file_that_cannot_be_mailed_is_refused_in_its_field(world: World, data: bytes, says: str) -> None:
    await world.is_open()
    modal = await opens_for_html(world)

    await next_(world, modal, HTML_file=("spring.html", data), Audience_CSV=CSV)

    assert says in modal.errors["HTML file"]
