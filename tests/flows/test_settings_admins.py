"""`/mailer admins`, `/mailer settings`, `/mailer audit`: who may what, what mail says of the team, who did what."""

from typing import Any

import pytest
from sqlmodel import select

from storage.models import Team, TeamAdmin
from tests.audit_log import audits
from tests.flows.world import BOTH_DATABASES, OVER_HTTP, OVER_SOCKET_MODE, World
from tests.playground.slack.driver import Person
from tests.playground.slack.surfaces import Modal


async def saves(world: World, command: str, title: str, typed: dict[str, Any], *, who: Person | None = None) -> Modal:
    modal = await world.opens(who or world.ada, command, title)
    for label, value in typed.items():
        modal.fill(label, value)
    await modal.submit()
    await world.settle()
    return modal


async def appoints(world: World, *people: Person, who: Person | None = None) -> Modal:
    return await saves(world, "/mailer admins", "Team admins", {"Team admins": list(people)}, who=who)


async def team(world: World) -> Team:
    async with world.bot.db.read() as session:
        return (await session.exec(select(Team))).one()


# Team admins


@OVER_HTTP
async def test_somebody_appointed_may_what_admins_may_until_they_are_dismissed(world: World) -> None:
    await world.asks(world.bob, "/mailer connect", "Only team admins can do this")

    modal = await appoints(world, world.bob)
    assert "@Bob is a team admin now" in modal.text
    opened = await world.opens(world.bob, "/mailer connect", "Connect Amazon SES")
    await opened.close()
    (row,) = await audits(world.bot.db, "team.admins")
    assert (row.actor, row.before, row.after) == (world.ada.id, {"admins": []}, {"admins": [world.bob.id]})

    modal = await world.opens(world.ada, "/mailer admins", "Team admins")
    assert modal.value("Team admins") == [world.bob.id]
    modal.fill("Team admins", None)
    await modal.submit()
    assert "@Bob is no team admin any more" in modal.text
    await world.asks(world.bob, "/mailer connect", "Only team admins can do this")
    async with world.bot.db.read() as session:
        assert (await session.exec(select(TeamAdmin))).all() == []


@OVER_SOCKET_MODE
async def test_an_appointed_admin_may_appoint_others_and_a_member_may_not(world: World) -> None:
    cleo = world.slack.person("Cleo")
    world.news.members.add(cleo.id)
    await world.asks(world.bob, "/mailer admins", "Only team admins can do this")
    await appoints(world, world.bob)

    await appoints(world, world.bob, cleo, who=world.bob)

    assert [row.actor for row in await audits(world.bot.db, "team.admins")] == [world.ada.id, world.bob.id]
    await (await world.opens(cleo, "/mailer settings", "Settings")).close()


@OVER_HTTP
async def test_it_holds_for_one_team_only(world: World) -> None:
    other = world.slack.channel("other", people=[world.ada, world.bob])
    await appoints(world, world.bob)

    await world.bob.types(other, "/mailer connect")

    await world.bob.sees(other, "Only team admins can do this")


@OVER_SOCKET_MODE
async def test_guests_and_outsiders_cannot_be_appointed(world: World) -> None:
    for who in (world.gus, world.slack.person("Olaf", role="outsider")):
        modal = await appoints(world, who)
        assert "cannot be chosen here" in modal.errors["Team admins"]
    assert await audits(world.bot.db, "team.admins") == []


@BOTH_DATABASES
async def test_of_two_admins_who_edit_at_once_the_second_is_shown_what_the_first_did(world: World) -> None:
    olga = world.slack.person("Olga", role="owner")
    cleo = world.slack.person("Cleo")
    world.news.members |= {olga.id, cleo.id}
    late = await world.opens(olga, "/mailer admins", "Team admins")
    await appoints(world, world.bob)

    late.fill("Team admins", [cleo])
    await late.submit()

    assert "Somebody else changed this" in late.text
    assert len(await audits(world.bot.db, "team.admins")) == 1
    late.fill("Team admins", [world.bob, cleo])
    await late.submit()
    assert "@Cleo is a team admin now" in late.text
    assert (await audits(world.bot.db, "team.admins"))[-1].after == {"admins": sorted([world.bob.id, cleo.id])}


async def test_saving_what_is_there_already_is_no_effect(world: World) -> None:
    await appoints(world, world.bob)

    modal = await appoints(world, world.bob)

    assert "Nothing was changed" in modal.text
    assert len(await audits(world.bot.db, "team.admins")) == 1


# Settings


@OVER_HTTP
@pytest.mark.long
async def test_settings_are_checked_stored_and_used_by_the_next_broadcast(world: World) -> None:
    await world.is_open("acme.test")
    typed = {"From name": "Acme News", "Reply-to": "answers@", "Postal address": "Acme\n1 Spring Lane"}
    typed["Keep recipients for"] = "90 days"
    modal = await saves(world, "/mailer settings", "Settings", typed)
    assert "answers@" in modal.errors["Reply-to"]
    modal.fill("Reply-to", "answers@acme.test")
    await modal.submit()
    assert "Saved" in modal.text
    await modal.close()

    composed = await world.opens(world.bob, "/broadcast", "New broadcast")
    assert composed.value("Reply-to") == "answers@acme.test"
    await composed.close()
    await world.sends(reply_to="answers@acme.test")

    mail = world.aws.mails[-1]
    assert mail.sender == "Acme News <hello@acme.test>"
    assert "1 Spring Lane" in str(mail.text)
    (row,) = await audits(world.bot.db, "team.settings")
    assert set(row.after) == {"from_name", "reply_to", "postal_address", "keep_recipients"}
    assert row.after["keep_recipients"] == "90_days"


@OVER_SOCKET_MODE
async def test_sending_can_be_limited_to_named_people(world: World) -> None:
    cleo = world.slack.person("Cleo")
    world.news.members.add(cleo.id)
    await world.is_open("acme.test")

    await saves(world, "/mailer settings", "Settings", {"Who may send": [cleo]})

    await world.asks(world.bob, "/broadcast", "only named people may send")
    await (await world.opens(cleo, "/broadcast", "New broadcast")).close()
    await (await world.opens(world.ada, "/broadcast", "New broadcast")).close()
    await world.asks(world.bob, "/mailer", "As AWS told us")
    assert (await team(world)).senders == [cleo.id]

    await saves(world, "/mailer settings", "Settings", {"Who may send": None})
    await (await world.opens(world.bob, "/broadcast", "New broadcast")).close()


async def test_settings_that_somebody_else_changed_meanwhile_are_not_overwritten(world: World) -> None:
    olga = world.slack.person("Olga", role="owner")
    world.news.members.add(olga.id)
    late = await world.opens(olga, "/mailer settings", "Settings")
    await saves(world, "/mailer settings", "Settings", {"From name": "Acme"})

    late.fill("From name", "Other")
    await late.submit()

    assert "Somebody else changed this" in late.text
    assert late.value("From name") in {"Acme", "Other"}  # Slack keeps what was typed into a field of the same id
    assert (await team(world)).from_name == "Acme"


@OVER_HTTP
async def test_a_member_may_not_open_settings(world: World) -> None:
    await world.asks(world.bob, "/mailer settings", "Only team admins can do this")


# Audit


@OVER_SOCKET_MODE
async def test_the_audit_tells_admins_in_sentences_who_did_what(world: World) -> None:
    await world.is_open("acme.test")
    await world.adds("acme.test")
    await appoints(world, world.bob)
    await saves(world, "/mailer settings", "Settings", {"From name": "Acme"})
    await world.sends()

    told = await world.asks(world.ada, "/mailer audit", "What was done last")

    assert told.ephemeral
    for sentence in (
        "@Ada connected AWS account 111122223333",
        "@Ada added acme.test",
        "@Ada appointed @Bob as team admin",
        "@Ada changed the From name",
        "@Bob confirmed the broadcast “Spring news”",
        "Mailroom finished the broadcast “Spring news”",
    ):
        assert sentence in told.text
    lines = told.text.splitlines()
    assert lines.index(next(line for line in lines if "finished" in line)) < lines.index(
        next(line for line in lines if "connected" in line)
    )


@OVER_HTTP
async def test_a_member_may_not_read_the_audit(world: World) -> None:
    await world.asks(world.bob, "/mailer audit", "Only team admins can do this")
