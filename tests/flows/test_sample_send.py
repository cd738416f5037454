"""E5, E6: tests, to whom they may go, and the quota they use."""

import io
from typing import Any

from PIL import Image

from tests.flows.test_html_file import next_
from tests.flows.world import AUDIENCE, OVER_HTTP, OVER_SOCKET_MODE, SIMULATOR, World
from tests.playground.image_host import picture


@OVER_HTTP
async def test_in_the_sandbox_strangers_are_named_and_refused_before_aws_is_asked(world: World) -> None:
    world.ses.verify("acme.test")
    await world.is_connected()
    asked = len(world.aws.calls_of("ses:SendBulkEmail"))

    modal = await world.tests(f"ann@elsewhere.test, ben@elsewhere.test, bob@acme.test, {SIMULATOR}")

    assert "not to ann@elsewhere.test, ben@elsewhere.test" in modal.errors["To"]
    assert len(world.aws.calls_of("ses:SendBulkEmail")) == asked
    assert world.aws.mails == []


@OVER_SOCKET_MODE
async def test_in_the_sandbox_a_test_goes_to_verified_recipients_and_the_simulator(world: World) -> None:
    world.ses.verify("acme.test")
    await world.is_connected()

    modal = await world.tests(f"bob@acme.test, {SIMULATOR}")

    assert "on its way to 2 addresses" in modal.text
    assert sorted(mail.to[0] for mail in world.aws.mails) == ["bob@acme.test", SIMULATOR]
    assert {mail.subject for mail in world.aws.mails} == {"[Test] Spring news"}
    await world.ada.sees(world.news, "Test “Spring news” to 2 recipients is done")


@OVER_HTTP
async def test_a_test_is_the_real_mail_with_fallbacks_and_names_in_the_place_of_fields(world: World) -> None:
    await world.is_open()
    subject, message = "Spring news for {{first_name|you}}".ljust(200, "!"), "Hello {{first_name|there}} of {{town}}"

    await world.tests("ann@elsewhere.test", subject=subject, message=message, reply_to="office@acme.test")
    await world.sends(b"email,town\nann@elsewhere.test,[town]\n", subject=subject, message=message)

    test, real = world.aws.mails
    assert test.text is not None
    assert "Hello there of [town]" in test.text
    assert "Unsubscribe: send a mail to office@acme.test that says so" in test.text
    assert test.headers == {
        "List-Unsubscribe": "<mailto:office@acme.test?subject=unsubscribe>",
        "X-Mailroom-Test": "1",
    }
    assert (test.subject, real.subject) == (f"[Test] {real.subject}", "Spring news for you".ljust(185, "!"))
    other = (part.replace("hello@acme.test", "office@acme.test") for part in (real.text or "", real.html or ""))
    assert (test.text, test.html) == tuple(other)


@OVER_SOCKET_MODE
async def test_bad_addresses_are_named_in_their_field_and_nothing_typed_is_lost(world: World) -> None:
    await world.is_open()

    modal = await world.tests("ann@elsewhere.test, ben")
    assert "ben" in modal.errors["To"]
    modal.fill("To", "\n".join(f"a{number}@elsewhere.test" for number in range(51)))
    await modal.submit()
    assert "That is 51 addresses: take out 1." in modal.errors["To"]
    modal.fill("To", "ann@elsewhere.test")
    modal.fill("From", "hello@stranger.test")
    await modal.submit()
    assert "belongs to no identity in your AWS account" in modal.errors["From"]

    assert modal.value("Subject") == "Spring news"
    assert world.aws.mails == []


@OVER_HTTP
async def test_a_test_over_the_quota_is_refused_with_the_numbers(world: World) -> None:
    await world.is_open(quota=1_000)
    world.ses.set_quota(sent=999)
    await world.passes(600)

    modal = await world.tests("ann@elsewhere.test, ben@elsewhere.test")
    assert "This would go to 2 recipients" in modal.text
    assert "1 of the daily quota of 1,000 is left (999 sent in 24 hours)" in modal.text
    await world.tests(f"ann@elsewhere.test, {SIMULATOR}")  # the simulator does not count

    assert sorted(mail.to[0] for mail in world.aws.mails) == ["ann@elsewhere.test", SIMULATOR]


@OVER_HTTP
async def test_the_card_shows_the_quota_as_numbers_and_as_a_bar(world: World) -> None:
    await world.is_open(quota=1_000, rate=14)
    world.ses.set_quota(sent=250)
    await world.passes(600)

    card = await world.asks(world.bob, "/mailer", "Daily quota")

    assert "250 of 1,000 sent in the last 24 hours, 750 left · up to 14 recipients a second" in card.text
    assert "█████░░░░░░░░░░░░░░░" in card.text


@OVER_HTTP
async def test_a_test_has_the_images_of_the_draft_of_the_form_below_and_its_own(world: World) -> None:
    await world.is_open()
    modal = await world.opens(world.bob, "/broadcast", "New broadcast")
    typed: dict[str, Any] = {"From": "hello@acme.test", "Subject": "Spring news", "Message": "Hello"}
    await next_(world, modal, **typed, Images=[("kept.png", picture((10, 10)))], Audience_CSV=("two.csv", AUDIENCE))
    await modal.press("Back")
    await world.bot.tasks.idle()
    modal.fill("Images", [("new.png", picture((20, 20)))])
    await modal.press("Send a test")
    await world.bot.tasks.idle()
    test = await world.bob.modal("Send a test")
    await next_(world, test, To="ann@elsewhere.test", Subject="", Images=[("own.png", picture((30, 30)))])
    assert "Images" not in test.errors
    await next_(world, test, Subject="Spring news")  # drawn again, and nothing of it is lost
    await world.settle()

    (mail,) = world.aws.mails
    assert mail.subject == "[Test] Spring news"
    assert [Image.open(io.BytesIO(part.content)).width for part in mail.attachments] == [10, 20, 30]
    assert 'src="cid:image3.png"' in (mail.html or "")
