"""API tokens: made and revoked in the channel, shown once, worth nothing to anybody else."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from storage.models import ApiToken, Audit, Team
from tests.flows.program import PROBLEM, Program, create, fills_form, make_token, tokens_modal
from tests.flows.test_permissions import appoint
from tests.flows.world import BOTH_DATABASES, OVER_HTTP, OVER_SOCKET_MODE, World
from tests.triggers import refusing

BURST = 500  # requests of a token
DAY = 86_400


@OVER_HTTP
async def test_a_token_is_shown_once_and_only_its_hash_is_kept(world: World, anyone: Program) -> None:
    modal = await tokens_modal(world)
    assert modal.buttons == ["Create token"]
    token = await create(modal, "Deploy script")
    await modal.close()

    again = await tokens_modal(world)
    assert token not in again.text
    assert token[:7] in again.text
    assert "never used" in again.text
    async with world.bot.db.read() as session:
        (row,) = await session.exec(select(ApiToken))
        assert token not in str(row.model_dump())
        (made,) = await session.exec(select(Audit).where(Audit.action == "api_token.create"))
        assert (made.actor, made.subject) == (world.ada.id, row.name)
        assert token not in str(made.model_dump())

    assert await anyone.holding(token).reads("/mailer") == {"mailer": None}
    assert "last used" in (await tokens_modal(world)).text


@OVER_SOCKET_MODE
@pytest.mark.long
async def test_a_revoked_token_is_worthless_at_once(world: World, program: Program) -> None:
    assert (await program.get("/mailer")).status == 200
    modal = await tokens_modal(world)

    await modal.press("Revoke Deploy script")
    await world.bot.tasks.idle()

    assert modal.buttons == ["Create token"]
    assert (await program.get("/mailer")).status == 401
    async with world.bot.db.read() as session:
        assert (await session.exec(select(Audit).where(Audit.action == "api_token.revoke"))).one().actor == world.ada.id
        (kept,) = await session.exec(select(ApiToken))
    assert kept.token_hash == f"revoked {kept.id}"  # of which nothing could be the hash


@OVER_HTTP
async def test_only_team_admins_make_tokens(world: World) -> None:
    await world.bob.types(world.news, "/mailer api")

    assert (await world.bob.sees(world.news, "Only team admins can do this")).ephemeral
    assert world.bob.top_modal is None


@BOTH_DATABASES
async def test_a_double_click_makes_one_token(world: World) -> None:
    modal = await tokens_modal(world)

    await fills_form(modal, "Deploy script")
    await asyncio.gather(modal.submit(), modal.submit())
    await world.bot.tasks.idle()

    async with world.bot.db.read() as session:
        assert len((await session.exec(select(ApiToken))).all()) == 1


@pytest.mark.long
async def test_a_channel_has_at_most_twenty_tokens(world: World) -> None:
    modal = await tokens_modal(world)
    for number in range(20):
        await create(modal, f"Script {number}")
        world.clock.advance(1)

    await fills_form(modal, "Script 20")
    await modal.submit()

    await modal.shows("at most 20 tokens")


@OVER_SOCKET_MODE
async def test_when_a_token_was_used_is_written_down_once_a_minute(world: World, program: Program) -> None:
    async def used_at() -> Any:
        async with world.bot.db.read() as session:
            return (await session.exec(select(ApiToken.used_at))).one()

    first = world.clock.now()
    await program.reads("/mailer")
    world.clock.advance(59)
    await program.reads("/mailer")
    assert await used_at() == first

    world.clock.advance(1)
    await program.reads("/mailer")
    assert await used_at() == first + timedelta(minutes=1)


@OVER_HTTP
async def test_a_token_ends_with_its_last_day_and_the_channel_hears_of_it_a_week_before(
    world: World, anyone: Program
) -> None:
    last = (world.clock() + timedelta(days=10)).date()
    lasting = anyone.holding(await make_token(world, "Deploy script"))
    ending = anyone.holding(await make_token(world, "Import of June", ends=last))
    await make_token(world, "For today", ends=world.clock().date())

    await world.bot.housekeeping.purge()
    await world.settle()
    assert not [one for one in world.slack.messages(world.news) if "ends" in one.text]

    world.clock.advance(4 * DAY)
    for _ in range(2):
        await world.bot.housekeeping.purge()
        await world.settle()
    (notice,) = [one for one in world.slack.messages(world.news) if "ends" in one.text]
    assert "The API token “Import of June” ends" in notice.text
    assert (await ending.get("/mailer")).status == 200

    world.clock.advance(7 * DAY)
    ended, unknown = await ending.get("/mailer"), await anyone.holding("mr_" + "A" * 43).get("/mailer")
    assert ended.status == 401
    assert ended.shown == unknown.shown
    assert (await lasting.get("/mailer")).status == 200


@OVER_HTTP
async def test_a_draft_that_cannot_be_ended_keeps_no_word_of_a_tokens_end_back(world: World) -> None:
    await world.is_open()
    await world.composes()
    await make_token(world, "Import of June", ends=(world.clock() + timedelta(days=35)).date())
    world.clock.advance(31 * DAY)

    async with refusing(world.bot.db, "broadcast", "new.state = 'cancelled'"):
        with pytest.raises(DBAPIError, match="refused here"):
            await world.bot.housekeeping.purge()
    await world.settle()

    await world.ada.sees(world.news, "The API token “Import of June” ends")


@OVER_SOCKET_MODE
async def test_admins_hear_once_that_who_made_a_token_is_no_admin_any_more_and_it_goes_on(
    world: World, program: Program
) -> None:
    async with world.bot.db.read() as session:
        await appoint(world, (await session.exec(select(Team))).one(), world.bob)
    await world.bot.slack.watch_tokens()
    await world.settle()
    assert world.slack.messages(world.bob.dm) == []

    world.ada.role = "member"
    world.clock.advance(3600)
    for _ in range(2):
        await world.bot.slack.watch_tokens()
        await world.settle()

    assert len(world.slack.messages(world.bob.dm)) == 1
    told = await world.bob.sees(world.bob.dm, "The API token “Deploy script” of #news")
    assert "was made by somebody who is no admin any more" in told.text
    assert (await program.get("/mailer")).status == 200
    await world.bob.press(told, "Revoke")
    await world.settle()
    assert (await program.get("/mailer")).status == 401
    assert "was revoked" in told.text


@OVER_HTTP
async def test_what_the_form_of_a_token_lacks_is_said_in_its_field(world: World) -> None:
    modal = await tokens_modal(world)
    await fills_form(modal, "x", ends=world.clock().date() - timedelta(days=1))

    await modal.submit()
    assert modal.errors == {"Ends": "Choose a day from today on, within ten years, or none."}
    modal.fill("Ends", None)
    modal.fill("Name", "\u200b \u200b")
    await modal.submit()
    assert "1 to 40 visible characters" in modal.errors["Name"]
    modal.fill("Name", "Deploy script")
    await modal.submit()

    await modal.shows("Copy your new token now")


@OVER_HTTP
async def test_what_a_program_does_to_the_list_is_one_message_a_day_without_addresses(
    world: World, program: Program
) -> None:
    async def suppress(address: str, method: str = "POST") -> None:
        given: Any = {"json" if method == "POST" else "params": {"address": address}}
        assert (await program.ask(method, "/api/v1/suppressions", **given)).status in {200, 201, 204}
        await world.passes(15)

    for address in ("ann@elsewhere.test", "ben@elsewhere.test", "cyd@elsewhere.test", "ann@elsewhere.test"):
        await suppress(address)
    await suppress("ben@elsewhere.test", "DELETE")
    world.clock.advance(DAY)
    await suppress("dee@elsewhere.test")

    said = [text for one in world.slack.messages(world.news) if "suppressed" in (text := world.slack.text_of(one))]
    assert said == [
        ":no_entry_sign: API token “Deploy script” on 24 November 2026: 2 addresses suppressed, 1 lifted.",
        ":no_entry_sign: API token “Deploy script” on 25 November 2026: 1 address suppressed.",
    ]


@OVER_HTTP
async def test_whatever_is_not_a_token_of_ours_gets_the_same_bytes(world: World, program: Program) -> None:
    token = str(program.token)
    modal = await tokens_modal(world)
    await modal.press("Revoke")
    await world.bot.tasks.idle()
    await modal.close()
    await make_token(world)  # which works
    unknown = "mr_" + "A" * 43
    wrong = [None, token, unknown, token[:-1], token + "x", "", "mr_", "xoxb-1-2", "mr_" + "\u00e9" * 43, "m" * 4000]

    answers = [(await program.holding(one).get("/mailer")).shown for one in wrong]
    answers.append((await program.holding(None).get("/mailer", token=token)).shown)
    basic = await program.holding(None).ask("GET", "/api/v1/mailer", headers={"Authorization": f"Basic {token}"})
    answers.append(basic.shown)

    assert all(answer == answers[0] for answer in answers)
    status, _, headers = answers[0]
    assert (status, headers["Content-Type"].split(";")[0]) == (401, PROBLEM)
    assert headers["WWW-Authenticate"] == "Bearer"


@OVER_SOCKET_MODE
async def test_a_token_that_asks_too_often_is_told_when_to_come_back(world: World, program: Program) -> None:
    other = program.holding(await make_token(world))
    asked = await asyncio.gather(*(program.get("/mailer?limit=1") for _ in range(BURST)))
    assert {got.status for got in asked} == {422}  # refused only after it was counted

    refused = await program.get("/suppressions")

    assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
    assert refused.json["code"] == "TOO_MANY_REQUESTS"
    assert (await other.get("/suppressions")).status == 200
    world.clock.advance(1)
    assert (await program.get("/suppressions")).status == 200
