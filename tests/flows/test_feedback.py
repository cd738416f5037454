"""What comes back from SES by the queue: deliveries, bounces, complaints, and the end of a doubt."""

import json
from typing import Any

from sqlmodel import select

from bot.feedback.event_processor import process_events
from bot.feedback.ses_events import EventKind, SesEvent, parse
from storage.models import Broadcast, Chunk, Delivery, Mailer, Suppression
from storage.states import ChunkState, DeliveryState
from tests.flows.world import BOTH_DATABASES, World


async def broadcasts(world: World, csv: str, subject: str = "News") -> None:
    """Send a broadcast as a member does, up to the confirmation; it is done, or under way, afterwards."""
    await world.bob.types(world.news, "/broadcast")
    modal = await world.bob.modal("New broadcast")
    modal.fill("From", "news@acme.test")
    modal.fill("Subject", subject)
    modal.fill("Message", "Hello")
    modal.fill("Audience CSV", ("people.csv", csv.encode()))
    await modal.submit()
    await world.bot.tasks.idle()
    modal = await world.bob.modal("Check and send")
    await modal.submit()
    await world.bot.tasks.idle()
    await world.passes(31)
    await world.passes(10)


async def states(world: World) -> dict[str, DeliveryState]:
    async with world.bot.db.read() as session:
        return {row.address: row.state for row in await session.exec(select(Delivery))}


async def suppressed(world: World) -> dict[str, str]:
    async with world.bot.db.read() as session:
        return {row.address: row.reason for row in await session.exec(select(Suppression))}


async def test_events_become_states_suppressions_and_a_report(world: World) -> None:
    await world.is_ready()
    world.ses.outcome("gone@else.test", "BOUNCE")
    world.ses.outcome("angry@else.test", "COMPLAINT")

    await broadcasts(world, "email\nann@else.test\ngone@else.test\nangry@else.test\nbounce@simulator.amazonses.com\n")

    assert await states(world) == {
        "ann@else.test": DeliveryState.DELIVERED,
        "gone@else.test": DeliveryState.BOUNCED,
        "angry@else.test": DeliveryState.COMPLAINED,
        "bounce@simulator.amazonses.com": DeliveryState.BOUNCED,
    }
    assert await suppressed(world) == {"gone@else.test": "bounce", "angry@else.test": "complaint"}
    report = await world.bob.sees(world.news, "“News” to 4 recipients is done")
    assert "1 delivered" in report.text
    assert "2 bounced" in report.text
    assert "1 complained" in report.text


async def test_whoever_complained_is_left_out_of_the_next_broadcast(world: World) -> None:
    await world.is_ready()
    world.ses.outcome("angry@else.test", "COMPLAINT")
    await broadcasts(world, "email\nangry@else.test\nann@else.test\n")

    await broadcasts(world, "email\nangry@else.test\nann@else.test\n", subject="More news")

    assert [mail.to[0] for mail in world.aws.mails if mail.subject == "More news"] == ["ann@else.test"]


@BOTH_DATABASES
async def test_an_event_settles_what_was_in_doubt(world: World) -> None:
    await world.is_ready()
    world.aws.fail("ses:SendBulkEmail", "close_after")

    await broadcasts(world, "email\nann@else.test\nben@else.test\n")
    await world.passes(60)

    assert set((await states(world)).values()) == {DeliveryState.DELIVERED}
    assert len(world.aws.mails) == 2
    async with world.bot.db.read() as session:
        assert [chunk.state for chunk in await session.exec(select(Chunk))] == [ChunkState.DONE]
        assert all(row.message_id for row in await session.exec(select(Delivery)))


POISON: list[tuple[str, Any]] = [
    ("destination", ["x" * 6_000 + "@else.test"]),
    ("destination", ["ann\0@else.test"]),
    ("destination", ["\ud800@else.test"]),
    ("destination", []),
    ("messageId", "m\0"),
    ("messageId", "\ud800"),
    ("messageId", "m" * 100_000),
    ("tags", {"attempt": ["\0"], "broadcast": ["\ud800"]}),
    ("tags", {"attempt": ["a" * 100_000], "broadcast": ["b" * 100_000]}),
]
"""What makes a message of the topic into one that the database may not take."""


async def messages(world: World) -> list[str]:
    """Return a complaint by each recipient of the broadcast with something of `POISON` in it, and one as it should be.

    What the other side wrote is the worst there is in all of them.
    """
    async with world.bot.db.read() as session:
        row = (await session.exec(select(Delivery))).one()
    mail = {
        "messageId": row.message_id,
        "destination": [row.address],
        "tags": {"attempt": [row.chunk_id], "broadcast": [row.broadcast_id]},
    }
    complaint = {"complainedRecipients": [{"emailAddress": "\0\ud800" + "x" * 6_000}], "complaintFeedbackType": "\0"}
    mails = [mail | {name: value} for name, value in POISON] + [mail]
    return [json.dumps({"eventType": "Complaint", "mail": each, "complaint": complaint}) for each in mails]


async def test_one_poisonous_message_among_ten_keeps_none_back(world: World) -> None:
    await world.is_ready()
    await broadcasts(world, "email\nann@else.test\n")
    async with world.bot.db.read() as session:
        mailer = (await session.exec(select(Mailer))).one()
    for text in await messages(world):
        world.aws.sns.publish(mailer.topic_arn, "Amazon SES Email Event Notification", text)

    await world.passes(60)

    assert await states(world) == {"ann@else.test": DeliveryState.COMPLAINED}
    assert await suppressed(world) == {"ann@else.test": "complaint"}
    receives = len(world.aws.calls_of("sqs:DeleteMessage"))
    await world.passes(600)
    assert len(world.aws.calls_of("sqs:DeleteMessage")) == receives, "nothing is left in the queue"


async def test_a_bounce_that_names_another_address_is_about_whom_the_mail_was_for(world: World) -> None:
    await world.is_ready()
    for name, other in {"mila": "ceo@victim.test", "ann": "Ann <ann@else.test> ", "ben": "x" * 6_000}.items():
        world.ses.outcome(f"{name}@else.test", "BOUNCE", named=other)
    world.ses.outcome("eve@else.test", "COMPLAINT", named="ceo@victim.test")

    await broadcasts(world, "email\n" + "\n".join(f"{name}@else.test" for name in ("mila", "ann", "ben", "eve")))

    bounced = {f"{name}@else.test": DeliveryState.BOUNCED for name in ("mila", "ann", "ben")}
    assert await states(world) == bounced | {"eve@else.test": DeliveryState.COMPLAINED}
    assert await suppressed(world) == dict.fromkeys(bounced, "bounce") | {"eve@else.test": "complaint"}


async def test_a_configuration_set_that_somebody_deleted_is_put_back_and_the_broadcast_goes_on(world: World) -> None:
    await world.is_ready()
    world.ses.configuration_sets.clear()

    await broadcasts(world, "email\nann@else.test\ngone@else.test\n")
    await world.bob.sees(world.news, "or lacks what Mailroom set up there")
    assert world.aws.mails == []
    for _ in range(5):
        await world.passes(60)

    await world.bob.sees(world.news, "“News” to 2 recipients is done")
    assert set((await states(world)).values()) == {DeliveryState.DELIVERED}


async def test_the_queue_is_left_empty_and_polled_for_three_days(world: World) -> None:
    await world.is_ready()
    await broadcasts(world, "email\nann@else.test\n")
    receives = len(world.aws.calls_of("sqs:ReceiveMessage"))

    await world.passes(3600)
    assert len(world.aws.calls_of("sqs:ReceiveMessage")) > receives

    await world.passes(73 * 3600)
    receives = len(world.aws.calls_of("sqs:ReceiveMessage"))
    await world.passes(3600)
    assert len(world.aws.calls_of("sqs:ReceiveMessage")) == receives


async def test_an_event_about_another_mailers_broadcast_says_nothing(world: World) -> None:
    await world.is_ready()
    await broadcasts(world, "email\nann@else.test\n")
    before = await states(world)
    async with world.bot.db.read() as session:
        mailer = (await session.exec(select(Mailer))).one()
        broadcast = (await session.exec(select(Broadcast))).one()
        row = (await session.exec(select(Delivery))).one()
    event = SesEvent("x", EventKind.COMPLAINT, "m1", str(row.chunk_id), broadcast.id, row.address)
    stranger = Mailer(**mailer.model_dump() | {"id": "somebody-elses"})

    async with world.bot.db.write() as session:
        await process_events(session, stranger, [event])

    assert await states(world) == before
    assert await suppressed(world) == {}


def test_whatever_is_no_event_of_ours_is_passed_over() -> None:
    topic = "arn:aws:sns:eu-west-1:111122223333:mailroom-1"
    bodies = [
        "",
        "null",
        "[]",
        "{}",
        '{"Type": "Notification", "TopicArn": "arn:aws:sns:eu-west-1:999988887777:mailroom-1", "Message": "{}"}',
        f'{{"Type": "Notification", "TopicArn": "{topic}", "Message": "not json"}}',
        f'{{"Type": "Notification", "TopicArn": "{topic}", "Message": "{{\\"eventType\\": \\"Open\\"}}"}}',
        f'{{"Type": "SubscriptionConfirmation", "TopicArn": "{topic}"}}',
        "[" * 100_000,
    ]

    assert [parse(body, topic) for body in bodies] == [None] * len(bodies)
