"""SES's events by SNS to the bot's own address, where the policy has no queue; and whoever else writes there."""

import gzip
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from sqlmodel import select

from storage.models import Mailer
from storage.states import DeliveryState
from tests.databases import Clock
from tests.flows.test_feedback import broadcasts, messages, states, suppressed
from tests.flows.world import OVER_HTTP, World, open_world
from tests.playground.aws import AwsPlayground
from tests.playground.ports import free_port

WITHOUT_QUEUE = ["sqs:*"]


@pytest.fixture
async def world(aws: AwsPlayground, database_url: str, clock: Clock) -> AsyncIterator[World]:
    """A Mailroom that SNS reaches."""
    port = free_port()
    async with open_world(aws, database_url, clock, port=port, public_url=f"http://127.0.0.1:{port}") as built:
        yield built


async def the_mailer(world: World) -> Mailer:
    async with world.bot.db.read() as session:
        return (await session.exec(select(Mailer))).one()


def signed(world: World, topic_arn: str, text: str = "{}", message_id: str = "1") -> dict[str, str]:
    """A message from any topic, signed by SNS."""
    stamp = f"{world.clock():%Y-%m-%dT%H:%M:%S}.000Z"
    message = {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": topic_arn,
        "Message": text,
        "Timestamp": stamp,
    }
    return world.aws.sns.sign(message, "eu-west-1")


async def post(world: World, connection: str, body: bytes, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    url = f"http://127.0.0.1:{world.bot.http.port}/sns/{connection}"
    async with aiohttp.ClientSession() as http, http.post(url, data=body, headers=headers) as answer:
        shown = {name: value for name, value in answer.headers.items() if name != "Date"}
        return answer.status, await answer.read(), shown


@OVER_HTTP
async def test_events_come_by_sns_where_the_policy_has_no_queue(world: World) -> None:
    world.ses.verify("acme.test")
    world.ses.grant_production(quota=50_000, rate=50)
    await world.connects(world.aws.create_key(deny=WITHOUT_QUEUE))
    card = await world.asks(world.bob, "/mailer", "As AWS told us")
    assert "No event yet: it is tested as soon as" in card.text

    await world.does_its_chores(60)  # SNS is asked to tell us, and asks us to confirm
    (confirmed,) = world.aws.calls_of("sns:ConfirmSubscription")
    assert confirmed.params["AuthenticateOnUnsubscribe"] == "true"
    await world.does_its_chores()
    card = await world.asks(world.bob, "/mailer", "Works, by SNS: the last event came")
    assert [mail.to for mail in world.aws.mails if mail.subject != "Mailroom self-test"] == []

    world.ses.outcome("gone@else.test", "BOUNCE")
    await broadcasts(world, "email\nann@else.test\ngone@else.test\n")
    assert await states(world) == {
        "ann@else.test": DeliveryState.DELIVERED,
        "gone@else.test": DeliveryState.BOUNCED,
    }
    assert await suppressed(world) == {"gone@else.test": "bounce"}
    assert world.aws.calls_of("sqs:ReceiveMessage") == []


@OVER_HTTP
@pytest.mark.long
async def test_a_queue_comes_first_where_the_policy_has_one(world: World) -> None:
    await world.is_open()
    await world.does_its_chores(60)

    await world.asks(world.bob, "/mailer", "Works, by the queue at AWS")
    assert {call.params["Protocol"] for call in world.aws.calls_of("sns:Subscribe")} == {"sqs"}


async def test_one_poisonous_message_among_ten_is_not_asked_for_again(world: World) -> None:
    await world.is_ready()
    await broadcasts(world, "email\nann@else.test\n")
    mailer = await the_mailer(world)
    taken = [
        await post(world, mailer.connection, json.dumps(signed(world, mailer.topic_arn, text, f"p{number}")).encode())
        for number, text in enumerate(await messages(world))
    ]
    assert [status for status, *_ in taken] == [200] * len(taken)
    assert await states(world) == {"ann@else.test": DeliveryState.COMPLAINED}
    assert await suppressed(world) == {"ann@else.test": "complaint"}


@OVER_HTTP
async def test_whoever_is_not_sns_gets_the_same_bytes_whatever_the_connection(world: World) -> None:
    await world.is_open()
    mailer = await the_mailer(world)
    foreign = signed(world, mailer.topic_arn.replace("1111", "9999"))
    forged = {**foreign, "TopicArn": mailer.topic_arn}
    own = json.dumps(signed(world, mailer.topic_arn))
    bodies = [
        b"",
        own.encode("utf-16"),
        b"null",
        b"\xff",
        b"[" * 100_000,
        json.dumps(foreign).encode(),
        json.dumps(forged).encode(),
    ]

    answers = [await post(world, name, body) for name in (mailer.connection, "0" * 16) for body in bodies]

    assert answers == [answers[0]] * len(answers)
    assert answers[0][:2] == (403, b"")
    assert (await the_mailer(world)).last_event_at is None


@OVER_HTTP
async def test_a_confirmation_that_comes_again_confirms_once(world: World) -> None:
    world.ses.verify("acme.test")
    await world.connects(world.aws.create_key(deny=WITHOUT_QUEUE))
    await world.does_its_chores(60)
    (confirmed,) = world.aws.calls_of("sns:ConfirmSubscription")
    mailer = await the_mailer(world)
    asking = signed(world, mailer.topic_arn) | {"Type": "SubscriptionConfirmation", "SubscribeURL": "x"}
    again = world.aws.sns.sign(asking | {"Token": confirmed.params["Token"]}, "eu-west-1")
    other = world.aws.sns.sign(asking | {"Token": "another one"}, "eu-west-1")

    answers = [await post(world, mailer.connection, json.dumps(each).encode()) for each in (again, other, other, again)]

    assert [status for status, *_ in answers] == [200, 503, 503, 200], "what AWS did not confirm is asked for again"
    assert world.aws.calls_of("sns:ConfirmSubscription")[0] is confirmed


@OVER_HTTP
async def test_bodies_that_sns_never_sends_are_refused(world: World) -> None:
    assert (await post(world, "x", b"x" * 600_000))[0] == 413
    assert (await post(world, "x", gzip.compress(b"{}"), **{"Content-Encoding": "gzip"}))[0] == 415


@OVER_HTTP
async def test_what_cannot_be_proven_just_now_is_asked_for_again(world: World) -> None:
    await world.is_open()
    mailer = await the_mailer(world)
    message = signed(world, mailer.topic_arn)
    away = {**message, "SigningCertURL": message["SigningCertURL"].replace(".pem", "0.pem")}

    assert (await post(world, mailer.connection, json.dumps(away).encode()))[0] == 503
    assert (await post(world, mailer.connection, json.dumps(message).encode()))[0] == 200


@OVER_HTTP
async def test_without_a_public_address_there_is_no_such_route(
    aws: AwsPlayground, database_url: str, clock: Clock
) -> None:
    async with open_world(aws, database_url, clock) as world:
        assert (await post(world, "x", b"{}"))[0] == 404
