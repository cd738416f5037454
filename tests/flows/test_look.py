"""*Look* in the settings: what it makes of a mail, what it leaves as it is, and what is refused."""

from typing import Any

import pytest

from storage.states import BroadcastState
from tests.audit_log import audits
from tests.flows.test_approval import approval, asks_for_approval, member
from tests.flows.test_draft_life import pressed, the_broadcast
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, UNDO_SECONDS, World
from tests.playground.image_host import picture
from tests.playground.slack.surfaces import Modal

LINE = "Look: no logo, heading font system."


async def looks(world: World, **typed: Any) -> Modal:
    """Press *Look* in the settings, and save what is given."""
    settings = await world.opens(world.ada, "/mailer settings", "Settings")
    await settings.press("Look")
    await world.bot.tasks.idle()
    modal = await world.ada.modal("Look")
    await saves(world, modal, **typed)
    return modal


async def saves(world: World, modal: Modal, **typed: Any) -> None:
    for label, value in typed.items():
        modal.fill(label.replace("_", " "), value)
    await modal.submit()
    await world.settle()


@OVER_HTTP
async def test_the_look_is_in_each_mail_that_is_checked_from_then_on(world: World) -> None:
    await world.is_open()
    settings = await world.opens(world.ada, "/mailer settings", "Settings")
    assert LINE in settings.text
    settings.fill("From name", "Acme News")
    await settings.press("Look")
    await world.bot.tasks.idle()
    modal = await world.ada.modal("Look")
    logo = ("acme.png", picture((1600, 400)))
    await saves(world, modal, Logo=[logo], Colour="#14532D", Heading_font="Serif: Georgia, or what is like it")
    assert "Saved. Look: logo acme.png, colour #14532d, heading font serif." in modal.text
    await modal.close()
    await settings.submit()
    await world.settle()

    modal = await world.composes()
    assert "1 image, " in modal.text
    await modal.press("Mail me one")
    await world.settle()
    above = await world.bob.modal("Mail me one")
    await saves(world, above, Send_to="bob@acme.test")
    await above.close()
    await world.confirms(modal)
    await world.passes(UNDO_SECONDS)

    test, *real = world.aws.mails
    assert len(real) == 2
    for mail in (test, *real):
        assert [(part.content_id, part.content_type) for part in mail.attachments] == [("logo.png", "image/png")]
        assert '<img class="logo" src="cid:logo.png"' in str(mail.html)
        assert "a{color:#14532d}" in str(mail.html)
    (row,) = [each for each in await audits(world.bot.db, "team.settings") if "logo" in each.after]
    assert row.after == {"logo": "acme.png", "colour": "#14532d", "heading_font": "serif"}


@OVER_SOCKET_MODE
@pytest.mark.long
async def test_what_waits_for_approval_or_is_scheduled_keeps_the_look_it_was_asked_with(world: World) -> None:
    cleo = member(world, "Cleo")
    await world.is_open()
    await looks(world, Footer_words="Spring at Acme")
    await approval(world, Approvers=[cleo, world.bob])
    message = await asks_for_approval(world)

    await looks(world, Footer_words="Autumn at Acme", Colour="#ff0000")
    await pressed(world, message, "Approve and send", who=cleo)
    assert (await the_broadcast(world)).state is BroadcastState.SCHEDULED
    await looks(world, Footer_words="Winter at Acme")
    await world.passes(UNDO_SECONDS)

    assert len(world.aws.mails) == 2
    for mail in world.aws.mails:
        assert "Spring at Acme" in str(mail.html)
        assert "Spring at Acme" in str(mail.text)
        assert "ff0000" not in str(mail.html)


@OVER_HTTP
async def test_what_cannot_be_used_is_refused_in_its_field_and_the_rest_stays(world: World) -> None:
    await world.is_open()
    modal = await looks(world, Colour="red", Footer_words="Kept")
    assert "That is no colour" in modal.errors["Colour"]
    for name, content in (("logo.png", b"<svg/>"), ("logo.png", b"no picture")):
        await saves(world, modal, Colour="#14532d", Logo=[(name, content)])
        assert "cannot be read as PNG, JPEG or GIF" in modal.errors["Logo"]

    await saves(world, modal, Logo=[("acme.png", picture())])
    assert "with words at the foot" in modal.text
    await modal.close()
    again = await looks(world, Logo_now=None)
    assert "Look: no logo, colour #14532d" in again.text


@OVER_HTTP
async def test_of_two_admins_who_change_it_the_second_sees_what_the_first_did(world: World) -> None:
    await world.is_open()
    mine = await world.opens(world.ada, "/mailer settings", "Settings")
    await mine.press("Look")
    await world.bot.tasks.idle()
    mine = await world.ada.modal("Look")
    eve = member(world, "Eve", role="owner")
    theirs = await world.opens(eve, "/mailer settings", "Settings")
    await theirs.press("Look")
    await world.bot.tasks.idle()
    theirs = await eve.modal("Look")
    await saves(world, theirs, Colour="#000080")

    await saves(world, mine, Colour="#800000")

    assert "Somebody else changed this" in mine.text
    assert (await looks(world)).text.count("colour #000080") == 1
