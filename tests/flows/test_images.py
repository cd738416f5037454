"""Images in mails: chosen in the form, kept with the draft, sent as parts of each mail."""

import io
import re
from typing import Any

import pytest
from PIL import Image

from tests.databases import Clock
from tests.flows.test_html_file import CSV, next_, opens_for_html
from tests.flows.world import AUDIENCE, OVER_HTTP, UNDO_SECONDS, World, open_world
from tests.playground.aws import AwsPlayground
from tests.playground.image_host import picture
from tests.playground.slack.surfaces import Modal


async def composes(world: World, message: str, *images: tuple[str, bytes]) -> Modal:
    modal = await world.opens(world.bob, "/broadcast", "New broadcast")
    typed: dict[str, Any] = {"From": "hello@acme.test", "Subject": "Spring news", "Message": message}
    await next_(world, modal, **typed, Images=[*images], Audience_CSV=CSV)
    return modal


async def test_images_are_sent_as_parts_and_kept_with_the_draft(world: World) -> None:
    await world.is_open()
    message = "logo.png: Acme\nHello {{first_name|there}}"
    modal = await composes(world, message, ("logo.png", picture()), ("kite.png", picture((1600, 800))))
    assert re.search(r"2 images, (\d+ KB) a mail, about \1, less than \$0\.01\.", modal.text)
    assert "The image kite.png has no description" in modal.text

    await modal.press("Back")
    await world.bot.tasks.idle()
    modal.fill("Images kept", ["logo.png"])
    await next_(world, modal, Images=[("end.png", picture((1600, 800)))])
    await modal.press("Back")
    await world.bot.tasks.idle()
    assert [option["value"] for option in modal.value("Images kept")] == ["logo.png", "end.png"]
    await next_(world, modal)
    await world.confirms(modal)
    await world.passes(UNDO_SECONDS)

    (mail,) = world.aws.mails
    assert [(part.name, part.content_id, part.content_type, part.disposition) for part in mail.attachments] == [
        ("image1.png", "image1.png", "image/png", "INLINE"),
        ("image2.png", "image2.png", "image/png", "INLINE"),
    ]
    assert [Image.open(io.BytesIO(part.content)).size for part in mail.attachments] == [(40, 20), (1200, 600)]
    html = mail.html or ""
    assert html.index('<img src="cid:image1.png" alt="Acme"') < html.index("Hello Ann") < html.index("cid:image2.png")
    assert (mail.text or "").startswith("[Acme]\n\nHello Ann")


@OVER_HTTP
@pytest.mark.long
async def test_an_html_file_shows_its_images_and_the_sample_has_them_too(world: World) -> None:
    await world.is_open()
    modal = await opens_for_html(world)
    page = b'<p>Hello</p><img src="img/kite.png" alt="A kite">'
    await next_(world, modal, HTML_file=("a.html", page), Images=[("kite.png", picture())], Audience_CSV=CSV)
    assert modal.title == "Check and send", modal.errors

    await modal.press("Mail me one")
    await world.bot.tasks.idle()
    test = await world.bob.modal("Mail me one")
    test.fill("Send to", "bob@elsewhere.test")
    await test.submit()
    await world.settle()

    (mail,) = world.aws.mails
    assert 'src="cid:image1.png" alt="A kite"' in (mail.html or "")
    assert [part.content_id for part in mail.attachments] == ["image1.png"]


@OVER_HTTP
async def test_heavy_images_want_a_tick(world: World) -> None:
    await world.is_open()
    modal = await composes(world, "Hello", ("noise.png", picture((400, 350), noisy=True)))
    assert "1 image, 561 KB a mail" in modal.text

    modal.fill("Large images", ["Send them"])
    await world.confirms(modal)


@OVER_HTTP
@pytest.mark.long
async def test_a_call_holds_more_where_the_setting_says_so(aws: AwsPlayground, database_url: str, clock: Clock) -> None:
    async with open_world(aws, database_url, clock, mailroom_call_bytes=3_000_000) as world:
        await world.is_open()
        world.ses.call_bytes = 3_000_000
        modal = await world.opens(world.bob, "/broadcast", "New broadcast")
        typed: dict[str, Any] = {"From": "hello@acme.test", "Subject": "Spring news", "Message": "Hello"}
        image = ("noise.png", picture((560, 420), noisy=True))
        await next_(world, modal, **typed, Images=[image], Audience_CSV=("two.csv", AUDIENCE))
        modal.fill("Large images", ["Send them"])
        await world.confirms(modal)
        await world.passes(UNDO_SECONDS)

        one, other = world.aws.mails
        assert len(one.attachments[0].content) > 700_000
        assert one.tags["attempt"] == other.tags["attempt"]


@OVER_HTTP
@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"<svg/>", "kite.png cannot be read as PNG, JPEG or GIF. Save it as one of them."),
        (b"\0" * 10_000_001, "larger than 10 MB"),
        (picture((560, 420), noisy=True), "Take out"),
    ],
    ids=["SVG", "10 MB", "too heavy"],
)
async def test_an_image_that_cannot_be_mailed_is_refused_in_its_field(world: World, data: bytes, says: str) -> None:
    await world.is_open()

    modal = await composes(world, "Hello", ("kite.png", data))

    assert says in modal.errors["Images"]


@OVER_HTTP
async def test_the_images_of_a_message_come_along_from_its_menu(world: World) -> None:
    await world.is_open()
    said = world.ada.says(
        world.news, "Hello", files=[("image.png", picture()), ("image.png", picture((80, 40))), ("a.pdf", b"%PDF")]
    )
    first, second, _ = said.files
    first.alt_text = "A kite"
    await world.bob.uses_shortcut("Write a broadcast", said)
    await world.bot.tasks.idle()
    modal = await world.bob.modal("New broadcast")
    assert "Left out: 1 file." in modal.text
    assert [option["value"] for option in modal.value("Images taken along")] == [first.id, second.id]

    for content in ("HTML file", "Write here"):  # drawn again
        await modal.choose("Content", content)
        await world.bot.tasks.idle()
    await next_(world, modal, From="hello@acme.test", Subject="Spring news", Message="Hello", Audience_CSV=CSV)
    assert modal.title == "Check and send", modal.errors
    assert "The image image-2.png has no description" in modal.text
    assert "The image image.png" not in modal.text
    await world.confirms(modal)
    await world.passes(UNDO_SECONDS)

    (mail,) = world.aws.mails
    assert [Image.open(io.BytesIO(part.content)).size for part in mail.attachments] == [(40, 20), (80, 40)]
    assert 'alt="A kite"' in (mail.html or "")


@OVER_HTTP
async def test_an_image_that_is_neither_ones_own_nor_of_this_channel_does_not_come_along(world: World) -> None:
    await world.is_open()
    said = world.ada.says(world.news, "Hello", files=[("image.png", picture())])
    (image,) = said.files
    await world.bob.uses_shortcut("Write a broadcast", said)
    await world.bot.tasks.idle()
    modal = await world.bob.modal("New broadcast")
    image.shares.clear()
    image.shares[world.slack.channel("lab", [world.ada], bot_in=True)] = []  # Mailroom could read it

    await next_(world, modal, From="hello@acme.test", Subject="Spring news", Message="Hello", Audience_CSV=CSV)

    assert "not shared in this channel" in modal.errors.get("Images", "")
