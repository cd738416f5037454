"""Broadcasts over the API: readiness, effects, audit and channel messages as in Slack; a key has one effect."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from bot.broadcast.open_limits import LIVE
from storage.models import Broadcast, Team
from tests.audit_log import audits
from tests.flows.program import PROBLEM, Got, Program
from tests.flows.test_broadcast import people, the_broadcast
from tests.flows.world import BOTH_DATABASES, OVER_HTTP, UNDO_SECONDS, World

CSV = "email,first_name\nann@elsewhere.test,Ann\nben@elsewhere.test,\n"


async def create(program: Program, key: str = "", **changes: Any) -> Got:
    given = {
        "from": "hello@acme.test",
        "subject": "Spring news",
        "message": "Hello {{first_name|there}}, see https://acme.test/spring.",
        "audience": CSV,
    }
    headers = {"Idempotency-Key": key} if key else {}
    given = {name: value for name, value in (given | changes).items() if value is not None}
    return await program.ask("POST", "/api/v1/broadcasts", json=given, headers=headers)


async def steer(program: Program, broadcast_id: str, what: str, key: str = "") -> Got:
    headers = {"Idempotency-Key": key} if key else {}
    return await program.ask("POST", f"/api/v1/broadcasts/{broadcast_id}/{what}", headers=headers)


async def drafts(world: World) -> int:
    async with world.bot.db.read() as session:
        return len((await session.exec(select(Broadcast))).all())


async def actors(world: World) -> list[tuple[str, bool]]:
    """What the audit says was done to broadcasts, and whether a program did it."""
    done = await audits(world.bot.db, "broadcast.")
    return [(row.action.removeprefix("broadcast."), row.actor.startswith("token:")) for row in done]


async def test_a_program_sends_a_broadcast_and_the_channel_sees_it(world: World, program: Program) -> None:
    await world.is_open()

    made = await create(program, "k1")

    assert made.status == 201, made.raw
    assert (made.json["state"], made.json["size"], made.json["counts"]["pending"]) == ("scheduled", 2, 2)
    await world.settle()
    message = await world.bob.sees(world.news, "Broadcast “Spring news” to 2 recipients starts")
    assert "by API token “Deploy script”" in message.text
    assert message.buttons == ["Undo", "Edit", "Cancel broadcast"]
    await world.passes(UNDO_SECONDS)
    assert "is done" in message.text
    mail = world.aws.mails_to("ann@elsewhere.test")[0]
    assert "Hello Ann, see" in (mail.text or "")
    assert 'href="https://acme.test/spring"' in (mail.html or "")
    assert "List-Unsubscribe" in mail.headers
    assert (await program.reads(f"/broadcasts/{made.json['id']}"))["counts"]["delivered"] == 2
    assert (await create(program, "k1")).raw == made.raw
    assert len(world.aws.mails) == 2
    assert await actors(world) == [("confirm", True), ("start", False), ("finish", False)]


async def test_pause_resume_and_cancel_have_one_effect_for_a_key(world: World, program: Program) -> None:
    await world.is_open()
    made = (await create(program)).json

    paused = await asyncio.gather(*(steer(program, made["id"], "pause", "p1") for _ in range(10)))

    assert {got.raw for got in paused} == {paused[0].raw}
    assert (paused[0].status, paused[0].json["state"], paused[0].json["paused_for"]) == (200, "paused", ["person"])
    assert (await steer(program, made["id"], "pause")).json["code"] == "ALREADY"
    resumed = await steer(program, made["id"], "resume", "r1")
    assert (resumed.status, resumed.json["state"]) == (200, "scheduled")
    assert (await steer(program, made["id"], "pause", "p1")).raw == paused[0].raw  # and it is not paused again
    cancelled = await steer(program, made["id"], "cancel", "c1")
    assert (cancelled.status, cancelled.json["state"], cancelled.json["counts"]["cancelled"]) == (200, "cancelled", 2)
    again = await steer(program, made["id"], "cancel")
    assert (again.status, again.json["code"]) == (409, "ALREADY")
    assert [action for action, _ in await actors(world)] == ["confirm", "pause", "resume", "cancel"]
    await world.passes(3600)
    assert world.aws.mails == []


@BOTH_DATABASES
async def test_the_same_request_twice_at_the_same_moment_is_one_broadcast(world: World, program: Program) -> None:
    await world.is_open()

    made = await asyncio.gather(*(create(program, "k1") for _ in range(5)))

    assert {got.raw for got in made} == {made[0].raw}
    assert made[0].status == 201
    assert await drafts(world) == 1
    await world.passes(UNDO_SECONDS)
    assert len(world.aws.mails) == 2
    other = await create(program, "k1", subject="Other news")
    assert (other.status, other.json["code"]) == (422, "KEY_REUSED")


@OVER_HTTP
async def test_what_the_guard_blocks_is_a_problem_with_every_reason(world: World, program: Program) -> None:
    await world.is_connected()
    refused = await create(program)

    assert (refused.status, refused.headers["Content-Type"].split(";")[0]) == (409, PROBLEM)
    assert refused.json["blockers"] == ["NO_VERIFIED_IDENTITY", "IDENTITY_UNKNOWN", "SANDBOX"]
    assert refused.json["code"] == "IDENTITY_UNKNOWN"
    assert await drafts(world) == 0


@OVER_HTTP
async def test_what_a_person_would_have_to_agree_to_must_be_accepted(world: World, program: Program) -> None:
    await world.is_open(quota=1_000)
    world.ses.set_quota(sent=995)
    await world.passes(600)
    audience = people(12).decode()

    refused = await create(program, "k1", audience=audience, message="Hello")
    assert (refused.status, refused.json["code"]) == (409, "OVER_QUOTA")
    assert "5 of the daily quota of 1,000 is left" in refused.json["detail"]
    assert await drafts(world) == 0

    accepted = await create(program, "k2", audience=audience, message="Hello", accept=["OVER_QUOTA"])
    assert accepted.status == 201
    await world.passes(UNDO_SECONDS)
    assert (await the_broadcast(world)).pause_reasons == ["quota"]


@OVER_HTTP
async def test_bad_input_names_its_member_and_leaves_nothing(world: World, program: Program) -> None:
    await world.is_open()
    for changes, member in (
        ({"from": "ann"}, "from"),
        ({"reply_to": "ann"}, "reply_to"),
        ({"subject": "two\nlines"}, "subject"),
        ({"message": "Hello {{last_name}}"}, "message"),
        ({"audience": "name\nAnn\n"}, "audience"),
        ({"audience": None}, "audience"),
        ({"saved_audience": "Customers"}, "audience"),
        ({"audience": None, "saved_audience": "Customers"}, "saved_audience"),
        ({"send_at": "2020-01-01T00:00:00Z"}, "send_at"),
        ({"send_at": "tomorrow"}, "send_at"),
        ({"accept": ["ALL"]}, "accept.0"),
        ({"sender": "hello@acme.test"}, "sender"),
    ):
        refused = await create(program, **changes)
        assert refused.status == 422, (changes, refused.raw)
        assert [error["parameter"] for error in refused.json["errors"]] == [member], (changes, refused.raw)
    assert await drafts(world) == 0
    missing, foreign = await steer(program, "0" * 32, "pause"), await steer(program, "x", "cancel")
    assert (missing.status, foreign.status) == (404, 404)
    assert missing.raw == foreign.raw


@OVER_HTTP
@pytest.mark.long
async def test_a_saved_audience_and_a_later_start(world: World, program: Program) -> None:
    await world.is_open()
    await world.confirms(await world.composes(subject="Spring news", save_as="Customers"))
    await world.passes(UNDO_SECONDS)
    later = world.clock() + timedelta(hours=2)

    made = await create(program, audience=None, saved_audience="customers", send_at=later.isoformat())

    assert (made.status, made.json["size"]) == (201, 2)
    await world.passes(3600)
    assert len(world.aws.mails) == 2
    await world.passes(3700)
    assert len(world.aws.mails) == 4


@OVER_HTTP
async def test_while_an_audience_of_the_channel_is_read_a_program_is_told_to_come_again(
    world: World, program: Program
) -> None:
    await world.is_open()
    async with world.bot.db.read() as session:
        team = (await session.exec(select(Team))).one()
    imports = world.bot.services.broadcasts.imports
    imports.patience = 0

    async with imports.turn(team.id, waits=True):
        refused = await create(program, "k1")

    assert (refused.status, refused.json["code"]) == (429, "IMPORT_UNDER_WAY")
    assert refused.headers["Retry-After"] == "5"
    assert await drafts(world) == 0
    assert (await create(program, "k1")).status == 201


@OVER_HTTP
async def test_a_program_cannot_have_more_broadcasts_open_than_a_channel_may(world: World, program: Program) -> None:
    await world.is_open()
    made = await create(program)
    async with world.bot.db.write() as session:
        row = await session.get_one(Broadcast, made.json["id"])
        for _ in range(LIVE - 1):
            session.add(Broadcast(**row.model_dump(exclude={"id"})))

    refused = await create(program)

    assert (refused.status, refused.json["code"]) == (409, "TOO_MANY_BROADCASTS")
    assert "100 broadcasts that are scheduled, being sent or paused" in refused.json["detail"]
    assert await drafts(world) == LIVE


@OVER_HTTP
async def test_after_the_app_was_removed_a_program_sends_nothing_until_it_is_installed_again(
    world: World, program: Program
) -> None:
    await world.is_open()
    await world.slack.uninstall()
    asked = len(world.aws.calls)
    world.clock.advance(3_600)  # what is known of AWS is old by now

    refused = await create(program, "k1")

    assert refused.status == 409
    assert refused.json["code"] == "APP_REMOVED"
    assert await drafts(world) == 0
    assert len(world.aws.calls) == asked
    world.slack.workspace.revoked = None
    await world.bot.slack.channel_life.start()
    await world.settle()
    assert (await create(program, "k1")).status == 201
