"""A Slack canvas as the message of a broadcast."""

import pytest

from tests.flows.world import OVER_HTTP, World, long_case
from tests.playground.image_host import picture
from tests.playground.slack.surfaces import Modal
from tests.playground.slack.world import File

CSV = ("people.csv", b"email,first_name\nann@elsewhere.test,Ann\n")
MARKDOWN = """# Spring

Hello {{first_name|there}}, from ![](@{user}). See ![](https://docs.example/news) ![](https://files.slack.com/x.png)

- [x] done
"""


def canvas(world: World, markdown: str, *, shared: bool = True) -> File:
    """A canvas of somebody in the workspace."""
    made = File(
        world.slack.world.new_id("F"),
        "Spring",
        "Spring",
        markdown.replace("{user}", world.ada.id).encode(),
        world.ada.id,
        world.news.workspace,
        world.slack.world.now(),
        is_canvas=True,
    )
    world.slack.world.files[made.id] = made
    if shared:
        made.shares[world.news] = []
    return made


def link(made: File) -> str:
    return f"https://acme.slack.com/docs/{made.workspace.id}/{made.id}"


async def opens(world: World) -> Modal:
    modal = await world.opens(world.bob, "/broadcast", "New broadcast")
    modal.fill("From", "hello@acme.test")
    modal.fill("Subject", "Spring news")
    await modal.choose("Content", "Slack canvas")
    await world.bot.tasks.idle()
    return modal


async def next_with(world: World, modal: Modal, address: str) -> None:
    modal.fill("Canvas link", address)
    modal.fill("Audience CSV", CSV)
    await modal.submit()
    await world.bot.tasks.idle()


async def test_what_a_canvas_holds_at_next_is_sent_though_it_is_gone_by_then(world: World) -> None:
    await world.is_open()
    made = canvas(world, MARKDOWN)
    modal = await opens(world)
    await next_with(world, modal, link(made))
    assert "In the canvas 1 mention became a name, 1 card became a link." in modal.text
    assert "Left out of the canvas, since it is not taken over: 1 picture." in modal.text

    await modal.press("Back")
    await world.bot.tasks.idle()
    assert modal.value("Canvas link") == link(made)
    await modal.submit()
    await world.bot.tasks.idle()
    del world.slack.world.files[made.id]
    await world.confirms(modal)
    await world.passes(31)

    (mail,) = world.aws.mails
    assert f"Hello Ann, from @{world.ada.name}." in str(mail.text)
    assert ">Spring</h1>" in (mail.html or "")
    assert '<a href="https://docs.example/news">' in (mail.html or "")
    assert "☑ done" in str(mail.text)


def shown(world: World, name: str, content: bytes, alt: str = "") -> File:
    """A picture in a canvas: a file that stands nowhere else."""
    made = world.slack.upload(world.ada.user, world.news.workspace, name, content)
    made.alt_text = alt
    return made


def markdown_of(file: File, alt: str = "") -> str:
    return f"![{alt}](https://files.slack.com/files-pri/T1-{file.id}/{file.name})\n\n"


@OVER_HTTP
async def test_the_images_of_a_canvas_come_with_it(world: World) -> None:
    await world.is_open()
    kite, other = shown(world, "image.png", picture(), "A kite"), shown(world, "image.png", picture((80, 40)))
    drawing, secret = shown(world, "a.svg", b"<svg/>"), shown(world, "secret.png", picture())
    secret.shares[world.slack.channel("lab", [world.ada], bot_in=True)] = []  # Mailroom could read it
    made = canvas(world, "".join(map(markdown_of, (kite, drawing, secret, kite))) + markdown_of(other, "Another"))
    modal = await opens(world)
    await next_with(world, modal, link(made))
    assert modal.title == "Check and send", modal.errors
    assert f"The image {secret.id} is left out: Slack does not hand it out here." in modal.text
    assert f"The image {drawing.id} is left out: it is no PNG, JPEG or GIF." in modal.text
    assert "has no description" not in modal.text

    await modal.press("Back")
    await world.bot.tasks.idle()
    assert "Images" not in modal.labels
    made.content = (markdown_of(other, "Another") + "Hello").encode()
    await modal.submit()
    await world.bot.tasks.idle()
    await world.confirms(modal)
    await world.passes(31)

    (mail,) = world.aws.mails
    assert [part.content_id for part in mail.attachments] == ["image1.png"]
    assert 'src="cid:image1.png" alt="Another" style="max-width:100%;height:auto"' in (mail.html or "")
    assert (mail.text or "").startswith("[Another]\n\nHello")


@OVER_HTTP
async def test_the_canvas_in_the_channels_tab_is_the_channels(world: World) -> None:
    await world.is_open()
    made, other = canvas(world, MARKDOWN, shared=False), canvas(world, MARKDOWN, shared=False)
    modal = await opens(world)
    world.news.tab = other.id
    await next_with(world, modal, link(made))
    assert "not shared in this channel" in modal.errors["Canvas link"]

    world.news.tab = made.id
    await next_with(world, modal, link(made))

    assert "Hello Ann," in modal.text


@OVER_HTTP
@pytest.mark.parametrize(
    ("markdown", "says"),
    [
        ("a {{plan}}", "The audience has no column for {{plan}}"),
        ("a {{fir**st_na**me}}", "Only a part of {{first_name}} is formatted"),
        long_case("[a](/prices)", "Type it in full"),
        long_case("x" * 290_000, "Take out"),
    ],
)
async def test_what_of_a_canvas_cannot_be_mailed_is_said_at_its_link(world: World, markdown: str, says: str) -> None:
    await world.is_open()
    modal = await opens(world)

    await next_with(world, modal, link(canvas(world, markdown)))

    assert says in modal.errors["Canvas link"]
    assert "HTML file" not in modal.errors["Canvas link"]


@OVER_HTTP
async def test_a_canvas_that_cannot_be_read_here_is_refused_in_its_field(world: World) -> None:
    await world.is_open()
    modal = await opens(world)
    empty, elsewhere = canvas(world, "\n \n"), canvas(world, MARKDOWN, shared=False)
    elsewhere.shares[world.slack.channel("lab", [world.ada], bot_in=True)] = []  # Mailroom could read it

    for address, says in {
        "https://acme.slack.com/archives/C1": "This is no link to a canvas.",
        link(elsewhere): "This canvas is gone, or not shared in this channel.",
        "https://acme.slack.com/docs/T1/F0000GONE": "press Share, and share it in this channel",
        link(empty): "There is nothing in this canvas that a mail can have",
    }.items():
        await next_with(world, modal, address)
        assert says in modal.errors["Canvas link"], address


@OVER_HTTP
async def test_a_new_canvas_begins_with_a_starter_and_is_the_channels(world: World) -> None:
    await world.is_open()
    modal = await opens(world)
    await modal.press("New canvas")
    await world.settle()
    (made,) = [file for file in world.slack.world.files.values() if file.is_canvas]
    assert made.id in str(modal.value("Canvas link"))
    made.shares.clear()  # wherever Slack shows it: it was made for this channel

    await next_with(world, modal, str(modal.value("Canvas link")))

    assert "Hello Ann," in modal.text


@OVER_HTTP
@pytest.mark.parametrize("scope", ["canvases:read", "canvases:write"])
async def test_what_a_canvas_needs_and_the_app_has_not_is_named(world: World, scope: str) -> None:
    await world.is_open()
    modal = await opens(world)
    world.slack.workspace.scopes.discard(scope)
    if scope == "canvases:write":
        await modal.press("New canvas")
        await world.settle()
    else:
        await next_with(world, modal, link(canvas(world, MARKDOWN)))

    assert f"The app was installed without the scope {scope}" in world.slack.transcript()


@OVER_HTTP
async def test_where_the_plan_has_one_canvas_a_channel_that_one_is_pointed_to(world: World) -> None:
    await world.is_open()
    world.slack.workspace.free_plan = True
    canvas(world, MARKDOWN)
    modal = await opens(world)
    await modal.press("New canvas")
    await world.settle()

    assert "has one canvas for each channel" in world.slack.transcript()
