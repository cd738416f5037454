"""Whether events come back: the self-test, the alert when none do, and AWS's own list of suppressed addresses."""

from collections.abc import Mapping
from typing import Any

import pytest
from sqlmodel import select

from storage.models import Mailer
from tests.flows.test_feedback import suppressed
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, SIMULATOR, World
from tests.playground.aws import How

SELF_TEST = "Mailroom self-test"
QUARTER = 15 * 60
MANY = b"email\n" + b"".join(b"r%d@elsewhere.test\n" % number for number in range(20))


async def the_mailer(world: World) -> Mailer:
    async with world.bot.db.read() as session:
        return (await session.exec(select(Mailer))).one()


def self_tests(world: World) -> list[str]:
    return [mail.sender for mail in world.aws.mails if mail.subject == SELF_TEST and mail.to == (SIMULATOR,)]


def pages(world: World) -> list[Mapping[str, Any]]:
    """What was asked for of AWS's own list; asking whether it may be asked does not count."""
    calls = world.aws.calls_of("ses:ListSuppressedDestinations")
    return [call.params for call in calls if call.params["PageSize"] != "1"]


def deafen(world: World) -> None:
    """Somebody at the AWS account takes away what tells the topic."""
    for each in world.ses.configuration_sets.values():
        each.destinations.clear()


@pytest.mark.long
async def test_the_simulator_is_mailed_once_an_identity_is_verified_and_the_card_shows_that_events_come(
    world: World,
) -> None:
    await world.is_connected()
    await world.does_its_chores()
    assert self_tests(world) == []
    card = await world.asks(world.bob, "/mailer", "As AWS told us")
    assert "No event yet: it is tested as soon as an identity is verified" in card.text

    await world.adds("acme.test", verified=True)
    await world.does_its_chores(60)
    assert self_tests(world) == ["mailroom@acme.test"]
    await world.asks(world.bob, "/mailer", "Works, by the queue at AWS: the last event came")
    mailer = await the_mailer(world)
    assert mailer.sent_last_24_hours == 0, "the simulator counts nowhere"

    await world.does_its_chores(QUARTER)
    await world.does_its_chores(24 * 3600)
    assert len(self_tests(world)) == 1


@OVER_HTTP
@pytest.mark.long
async def test_a_reconnect_tests_anew_and_a_deleted_mailer_is_left_alone(world: World) -> None:
    world.ses.verify("hello@acme.test")
    await world.is_connected()
    await world.does_its_chores(60)
    assert self_tests(world) == ["hello@acme.test"]

    key = world.aws.create_key("111122223333")
    modal = await world.opens(world.ada, "/mailer reconnect", "Reconnect Amazon SES")
    if "Access key ID" not in modal.labels:
        await modal.choose("Sign in with", "Access key")
        await world.bot.tasks.idle()
    modal.fill("Access key ID", key.access_key_id)
    modal.fill("Secret access key", key.secret_access_key)
    await modal.submit()
    await world.bot.tasks.idle()
    await world.does_its_chores()
    assert len(self_tests(world)) == 2

    modal = await world.opens(world.ada, "/mailer delete", "Delete mailer")
    modal.fill("Type the channel name", "news")
    await modal.submit()
    await world.settle()
    calls = len(world.aws.calls)
    await world.does_its_chores(3600)
    assert len(world.aws.calls) == calls, "nobody looks after it any more"


@OVER_HTTP
async def test_a_self_test_gives_way_to_the_mails_of_people(world: World) -> None:
    world.ses.verify("acme.test")
    await world.is_connected()
    world.aws.fail("ses:SendEmail", How.THROTTLE, message="Maximum sending rate exceeded.")
    await world.does_its_chores(60)
    assert self_tests(world) == []
    await world.does_its_chores(15)
    assert len(self_tests(world)) == 1


async def test_two_self_tests_without_an_event_are_an_alert_which_check_now_ends(world: World) -> None:
    world.ses.verify("acme.test")
    await world.is_connected()
    deafen(world)

    await world.does_its_chores(60)
    card = await world.asks(world.bob, "/mailer", "As AWS told us")
    assert "No event yet: the SES simulator was mailed" in card.text
    await world.does_its_chores(QUARTER)
    assert len(self_tests(world)) == 2
    assert not [text for text in world.bob.reads(world.news) if "SES tells nothing" in text]
    await world.does_its_chores(QUARTER)
    alert = await world.bob.sees(world.news, "SES tells nothing of the mails it took: 2 mails, and not one event")
    card = await world.asks(world.bob, "/mailer", "As AWS told us")
    assert "bounces and complaints are not seen" in card.text

    await world.does_its_chores(QUARTER)
    assert len(self_tests(world)) == 2, "no mail to the simulator for ever"
    await world.bob.press(alert, "Check now")
    await world.bob.modal("Check now")
    await world.settle()
    await world.does_its_chores(60)
    await world.bob.sees(world.news, "SES tells again what becomes of mails")
    assert len(self_tests(world)) == 3
    (destination,) = next(iter(world.ses.configuration_sets.values())).destinations.values()
    assert destination.enabled


async def test_a_broadcast_of_which_nothing_comes_back_is_an_alert(world: World) -> None:
    await world.is_open()
    await world.does_its_chores()
    deafen(world)
    await world.sends(MANY)
    await world.passes(QUARTER - 60)
    assert not [text for text in world.bob.reads(world.news) if "SES tells nothing" in text]

    await world.passes(120)
    await world.bob.sees(world.news, "SES tells nothing of the mails it took: 20 mails, and not one event")

    # The daily walk through every permission puts back what is missing, and then it is seen that events come.
    await world.passes(24 * 3600)
    await world.does_its_chores(60)
    await world.bob.sees(world.news, "SES tells again what becomes of mails")


@OVER_SOCKET_MODE
@pytest.mark.long
async def test_a_queue_that_was_taken_away_is_noticed(world: World) -> None:
    key = await world.is_connected()
    await world.adds("acme.test", verified=True)
    world.ses.grant_production(quota=50_000, rate=50)
    await world.passes(600)
    await world.does_its_chores(60)
    world.aws.set_permissions(key, deny=["sqs:*"])
    await world.passes(world.aws.rules.permissions_seconds)
    await world.sends(MANY)
    await world.passes(60)
    card = await world.asks(world.bob, "/mailer", "Not set up: the policy has no SQS")
    assert "AWS accepts the credentials" in card.text
    await world.passes(QUARTER + 60)
    alert = await world.bob.sees(world.news, "SES tells nothing of the mails it took")
    assert "Allow SQS in the policy again" in alert.text

    world.aws.set_permissions(key)
    await world.passes(world.aws.rules.permissions_seconds)
    await world.bob.press(alert, "Check now")
    await world.settle()
    await world.does_its_chores(60)
    await world.bob.sees(world.news, "SES tells again what becomes of mails")


@OVER_HTTP
async def test_a_queue_that_is_not_ready_is_tried_again_within_minutes(world: World) -> None:
    world.ses.verify("acme.test")
    fault = world.aws.fail("sqs:ReceiveMessage", "AWS.SimpleQueueService.NonExistentQueue", times=None)
    await world.connects()
    await world.asks(world.bob, "/mailer", "Being set up: the queue at AWS is not ready yet")
    world.aws.heal(fault)

    await world.passes(3 * 60)
    assert (await the_mailer(world)).queue_url
    await world.does_its_chores(60)
    await world.asks(world.bob, "/mailer", "Works, by the queue at AWS")


@OVER_HTTP
@pytest.mark.long
async def test_the_first_self_test_waits_until_the_queue_takes_what_sns_brings(world: World) -> None:
    world.ses.verify("acme.test")
    await world.connects()
    await world.does_its_chores(30)
    assert self_tests(world) == []
    await world.does_its_chores(60)
    assert len(self_tests(world)) == 1


@OVER_HTTP
async def test_a_queue_that_aws_says_nothing_of_is_kept(world: World) -> None:
    await world.is_open()
    fault = world.aws.fail("sqs:CreateQueue", How.UNAVAILABLE, times=None)
    await world.passes(25 * 3600)
    world.aws.heal(fault)
    assert (await the_mailer(world)).queue_url


async def test_what_aws_suppresses_is_taken_over_page_by_page_once_production_is_open(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.ses.operations.SUPPRESSED_A_PAGE", 2)
    for number in range(5):
        world.ses.suppress(f"gone{number}@else.test", "BOUNCE")
    world.ses.suppress("angry@else.test", "COMPLAINT")
    world.ses.suppress("bounce@simulator.amazonses.com", "BOUNCE")
    world.clock.advance(2 * 3600)
    await world.is_connected()
    await world.does_its_chores()
    assert pages(world) == [], "AWS shows none in the sandbox"

    world.ses.grant_production()
    await world.passes(600)
    await world.does_its_chores()
    assert await suppressed(world) == {
        **{f"gone{number}@else.test": "bounce" for number in range(5)},
        "angry@else.test": "complaint",
    }
    assert ["StartDate" in page for page in pages(world)] == [False] * 4

    await world.does_its_chores(3600)
    world.ses.suppress("late@else.test", "BOUNCE")
    await world.does_its_chores(24 * 3600)
    assert "late@else.test" in await suppressed(world)
    assert ["StartDate" in page for page in pages(world)] == [False] * 4 + [True], "what is known is not read again"


@OVER_HTTP
@pytest.mark.long
async def test_a_policy_without_the_list_is_no_trouble(world: World) -> None:
    world.ses.grant_production()
    await world.connects(world.aws.create_key(deny=["ses:ListSuppressedDestinations"]))
    await world.does_its_chores()
    assert pages(world) == []
