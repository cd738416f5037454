"""Answers that come later than Slack waits: a form waits, then shows the answer, and nothing typed is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from handlers.slack.dispatch.registration import AckTimeouts
from tests.databases import Clock
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, World, open_world
from tests.playground.aws import AwsPlayground

IMPATIENT = AckTimeouts(opening=0.2, submission=0.2, slow=0)
LONG = 3600  # seconds after which what is known of AWS is too old to send on
BAD_FILE = b"first_name,<!channel>\nAnn,Bonn\n"


@pytest.fixture
async def world(aws: AwsPlayground, database_url: str, clock: Clock, database_kind: str) -> AsyncIterator[World]:
    """A Slack that waits for less than usual, so that nothing has to be waited for here."""
    socket_mode = database_kind == "postgresql"
    async with open_world(aws, database_url, clock, socket_mode=socket_mode, patience=IMPATIENT) as built:
        yield built


@asynccontextmanager
async def aws_answers_late(world: World, operation: str) -> AsyncIterator[None]:
    """Nothing answers this operation until the block is left; then everything that waited for it has happened."""
    fault = world.aws.fail(operation, "hang_before", None)
    try:
        yield
    finally:
        world.aws.heal(fault)
        await world.bot.tasks.idle()


@OVER_HTTP
@pytest.mark.long
async def test_a_form_that_is_answered_late_is_drawn_again_with_what_was_typed(world: World) -> None:
    await world.is_open()
    cyd = world.slack.person("Cyd")
    world.news.members.add(cyd.id)
    forms = [await world.opens(who, "/broadcast", "New broadcast") for who in (world.bob, cyd)]
    send_at = int(world.clock().timestamp()) + 3 * LONG
    for form in forms:
        form.fill("From", "hello@acme.test")
        form.fill("Reply-to", "office@acme.test")
        form.fill("Subject", "Spring news")
        form.fill("Preheader", "What is new")
        form.fill("Message", "Hello {{first_name|there}},\nspring is here.")
        form.fill("Send at", send_at)
        form.fill("Audience CSV", ("people.csv", BAD_FILE))
    test = await world.opens(world.ada, "/broadcast test", "Send a test")
    test.fill("From", "hello@stranger.test")
    test.fill("To", "ann@elsewhere.test")
    test.fill("Subject", "Spring news")
    test.fill("Message", "Hello")
    world.clock.advance(LONG)

    async with aws_answers_late(world, "ses:GetAccount"):
        await asyncio.gather(*(form.submit() for form in (*forms, test)))
        assert "Reading the audience…" in forms[0].text
        assert "Handing it over…" in test.text
        await forms[1].close()

    late, _ = forms
    assert late.title == "New broadcast"
    assert "No column holds addresses (“first_name”, “<!channel>”)" in late.text
    assert "Choose the file again: Slack does not keep it." in late.text
    assert late.value("From") == "hello@acme.test"
    assert late.value("Reply-to") == "office@acme.test"
    assert late.value("Subject") == "Spring news"
    assert late.value("Preheader") == "What is new"
    assert "Hello {{first_name|there}},\nspring is here." in late.text
    assert late.value("Send at") == send_at
    assert "belongs to no identity in your AWS account" in test.text
    assert test.value("From") == "hello@stranger.test"
    assert test.value("To") == "ann@elsewhere.test"
    assert test.value("Subject") == "Spring news"
    closed = await cyd.sees(world.news, "No column holds addresses")
    assert closed.ephemeral
    assert "&lt;!channel&gt;" in str(closed.message.blocks)
    assert world.aws.mails == []


@OVER_SOCKET_MODE
@pytest.mark.long
async def test_who_closes_the_form_while_the_audience_is_read_is_led_back_to_the_confirmation(world: World) -> None:
    await world.is_open()
    modal = await world.opens(world.bob, "/broadcast", "New broadcast")
    modal.fill("From", "hello@acme.test")
    modal.fill("Subject", "Spring news")
    modal.fill("Message", "Hello")
    modal.fill("Audience CSV", ("people.csv", b"email\nann@elsewhere.test\n"))
    world.clock.advance(LONG)

    async with aws_answers_late(world, "ses:GetAccount"):
        await modal.submit()
        await modal.close()
    await world.passes(60)

    waiting = await world.bob.sees(world.news, "Nothing is sent before you confirm")
    assert waiting.ephemeral
    assert world.aws.mails == []
    await world.bob.press(waiting, "Check and send")
    await world.bot.tasks.idle()
    await world.confirms(await world.bob.modal("Check and send"))
    await world.passes(31)
    assert [mail.to[0] for mail in world.aws.mails] == ["ann@elsewhere.test"]


@OVER_HTTP
async def test_a_form_whose_opening_takes_long_opens_at_once_and_is_filled_in_later(world: World) -> None:
    await world.is_open()
    world.clock.advance(LONG)

    async with aws_answers_late(world, "ses:GetAccount"):
        await world.bob.types(world.news, "/broadcast")
        modal = await world.bob.modal("New broadcast")
        assert "One moment…" in modal.text

    assert modal.labels[:2] == ["Content", "From"]


@OVER_HTTP
async def test_where_not_even_the_waiting_view_opens_in_time_the_person_is_asked_once_more(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.is_open()
    world.clock.advance(LONG)
    world.slack.fail("views.open", error="expired_trigger_id")

    async with aws_answers_late(world, "ses:GetAccount"):
        await world.bob.types(world.news, "/broadcast")
        await world.bob.sees(world.news, "Slack gave us too little time to open the form. Please try again.")

    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@OVER_SOCKET_MODE
async def test_whoever_closed_the_connect_form_gets_the_result_as_a_message_only_they_see(world: World) -> None:
    olga = world.slack.person("Olga", "owner")
    shop = world.slack.channel("shop", people=[olga], bot_in=True)

    modals = []
    for who, channel, key in (
        (world.ada, world.news, world.aws.create_key()),
        (olga, shop, world.aws.create_key(user="other", deny=["sns:CreateTopic"])),
    ):
        modal = await world.opens(who, "/mailer connect", "Connect Amazon SES", channel=channel)
        modal.fill("AWS region", "eu-west-1")
        modal.fill("Access key ID", key.access_key_id)
        modal.fill("Secret access key", key.secret_access_key)
        modals.append(modal)

    async with aws_answers_late(world, "sts:GetCallerIdentity"):
        for modal in modals:
            await modal.submit()
            assert "Checking every permission at AWS" in modal.text
            await modal.close()

    good = await world.ada.sees(world.news, "Connected to AWS account 1111-2222-3333")
    assert good.ephemeral
    bad = await olga.sees(shop, "sns:CreateTopic missing")
    assert bad.ephemeral
    assert "Nothing was stored" in bad.text


@OVER_HTTP
async def test_an_answer_that_overtakes_the_acknowledgement_is_not_lost(world: World) -> None:
    """The acknowledgement turns the form into one that waits; if it came last, that would be for ever."""
    key = world.aws.create_key()
    modal = await world.opens(world.ada, "/mailer connect", "Connect Amazon SES")
    modal.fill("AWS region", "eu-west-1")
    modal.fill("Access key ID", key.access_key_id)
    modal.fill("Secret access key", "x" * 40)

    world.slack.delivery.arrive.clear()
    submitting = asyncio.create_task(modal.submit())
    await world.slack.settled(lambda: world.slack.calls_of("views.update"))
    world.slack.delivery.arrive.set()
    await submitting
    await world.bot.tasks.idle()

    assert "does not belong to this access key ID" in modal.text
