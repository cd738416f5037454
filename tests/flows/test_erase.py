"""A person is looked up, got as a file, and erased: nothing holds the address any more, and no file brings it back."""

import json
from collections.abc import AsyncIterator

import pytest
from sqlmodel import select

from bot.email_addresses import parse_address
from bot.suppression.hidden import is_hashed
from storage.models import Audit, Delivery, Suppression, Team
from storage.states import DeliveryState, SuppressionReason
from tests.databases import Clock, everything_kept
from tests.flows.test_suppressions import imports, presses
from tests.flows.test_unsubscribe import PUBLIC_URL, link_of
from tests.flows.test_unsubscribe_page import ask
from tests.flows.world import BOTH_DATABASES, OVER_HTTP, World, open_world
from tests.playground.aws import AwsPlayground
from tests.playground.slack.surfaces import Modal

ANN = "Ann.Lee@elsewhere.test"
CSV = (
    b"email,first_name,boss\nann.lee@elsewhere.test,Annabella,\nben@elsewhere.test,Ben,Ann.Lee@Elsewhere.test\n"
    b"joann.lee@elsewhere.test,Joann,\n"
)


@pytest.fixture
async def world(aws: AwsPlayground, database_url: str, clock: Clock) -> AsyncIterator[World]:
    async with open_world(aws, database_url, clock, socket_mode=True, public_url=PUBLIC_URL) as built:
        await built.is_open()
        yield built


async def person(world: World, address: str = ANN) -> Modal:
    return await world.opens(world.ada, f"/mailer person {address}", "Person")


async def erases(world: World, typed: str = ANN) -> Modal:
    modal = await presses(world, await person(world), "Erase", "Erase a person")
    modal.fill("Type the address", typed)
    await modal.submit()
    await world.bot.tasks.idle()
    return modal


async def is_erased(world: World) -> None:
    await world.bot.services.erasures.tick()
    await world.bot.services.erasures.idle()


async def deliveries(world: World) -> dict[str, DeliveryState]:
    async with world.bot.db.read() as session:
        return {row.address: row.state for row in await session.exec(select(Delivery))}


@BOTH_DATABASES
async def test_after_erase_nothing_that_is_stored_holds_the_address_and_no_file_brings_it_back(world: World) -> None:
    await world.sends(CSV)
    await world.sends(CSV, subject="Spring news again")
    link = link_of(world, world.aws.mails_to("ann.lee@elsewhere.test")[0])
    await ask("POST", link, data={"List-Unsubscribe": "One-Click"})
    world.ses.suppress("ann.lee@elsewhere.test")
    await world.asks(world.ada, f"/mailer suppress {ANN}", "suppressed already")
    draft = await world.composes(CSV, subject="A draft")
    await draft.close()
    before = (await everything_kept(world.bot.db)).lower()
    assert before.count("ann.lee@elsewhere.test") > before.count("joann.lee@elsewhere.test") > 0
    assert "Annabella" in await everything_kept(world.bot.db)

    page = await erases(world)
    assert "is being erased" in page.text
    assert ".csv" in page.text
    await is_erased(world)

    kept = await everything_kept(world.bot.db)
    assert kept.lower().count("ann.lee@elsewhere.test") == kept.lower().count("joann.lee@elsewhere.test") > 0
    assert "Annabella" not in kept
    async with world.bot.db.read() as session:
        (row,) = await session.exec(select(Suppression))
        (told,) = await session.exec(select(Audit).where(Audit.action == "person.erase"))
    assert (row.reason, row.hashed, is_hashed(row.address)) == (SuppressionReason.ERASED, True, True)
    assert told.subject == row.address
    assert dict.fromkeys(await deliveries(world), "sent").keys() == {
        row.address,
        "ben@elsewhere.test",
        "joann.lee@elsewhere.test",
    }
    await world.asks(world.ada, f"/mailer person {ANN}", "Nothing is known of this address here")

    await world.sends(CSV.replace(b"Ann.Lee@Elsewhere.test", b""), subject="Summer news")
    await world.does_its_chores(86_400)
    await world.asks(world.ada, f"/mailer suppress {ANN}", "suppressed already")
    assert "0 new, 1 known" in (await imports(world, b"email\nann.lee@elsewhere.test\n")).text
    assert len(world.aws.mails_to("ben@elsewhere.test")) == 3
    assert len(world.aws.mails_to("ann.lee@elsewhere.test")) == 2
    assert (await ask("POST", link, data={"List-Unsubscribe": "One-Click"}))[0] == 200
    kept = (await everything_kept(world.bot.db)).lower()
    assert kept.count("ann.lee@elsewhere.test") == kept.count("joann.lee@elsewhere.test")


@OVER_HTTP
async def test_what_is_known_comes_as_a_file_and_nothing_is_known_of_others(world: World) -> None:
    await world.sends(CSV)

    await world.asks(world.ada, "/mailer person nobody@else.test", "Nothing is known of this address here")
    modal = await person(world)
    assert "May be mailed" in modal.text
    assert "1 mail: 1 sent" in modal.text or "1 mail: 1 delivered" in modal.text
    page = await presses(world, modal, "Get as file", "Person")

    assert "in a direct message" in page.text
    (file,) = [file for one in world.slack.world.visible_messages(world.ada.dm) for file in one.files]
    known = json.loads(file.content)
    assert (known["address"], known["state"], known["suppression"]) == (ANN, "known", None)
    (membership,) = known["audiences"]
    assert membership["fields"] == {"email": "ann.lee@elsewhere.test", "first_name": "Annabella", "boss": ""}
    assert [one["subject"] for one in known["deliveries"]] == ["Spring news"]
    async with world.bot.db.read() as session:
        (told,) = await session.exec(select(Audit).where(Audit.action == "person.export"))
    assert (told.actor, told.subject) == (world.ada.id, ANN)


@OVER_HTTP
async def test_only_who_types_the_very_address_erases(world: World) -> None:
    await world.sends(CSV)

    refused = await erases(world, "ben@elsewhere.test")

    assert "not the address that you looked up" in refused.errors.get("Type the address", "")
    async with world.bot.db.read() as session:
        assert (await session.exec(select(Suppression))).first() is None


@BOTH_DATABASES
async def test_who_is_pending_is_left_out_at_once_and_what_is_being_sent_is_finished_first(world: World) -> None:
    message = await world.confirms(await world.composes(CSV))
    async with world.bot.db.write() as session:
        row = (await session.exec(select(Delivery).where(Delivery.seq == 1).with_for_update())).one()
        row.state = DeliveryState.SENDING
        session.add(row)
    await erases(world)
    await is_erased(world)
    assert ANN.lower() in await deliveries(world)
    assert "Is being erased" in (await person(world)).text

    async with world.bot.db.write() as session:
        row = (await session.exec(select(Delivery).where(Delivery.seq == 1).with_for_update())).one()
        row.state = DeliveryState.PENDING
        session.add(row)
    world.clock.advance(11)
    await is_erased(world)
    await world.passes(60)

    assert message
    assert ANN.lower() not in await deliveries(world)
    assert world.aws.mails_to(ANN.lower()) == []
    assert len(world.aws.mails_to("ben@elsewhere.test")) == 1


@OVER_HTTP
async def test_another_teams_data_stays_as_it_is(world: World) -> None:
    shop = world.slack.channel("shop", people=[world.ada], bot_in=True)
    await world.connects(channel=shop)
    async with world.bot.db.read() as session:
        other = (await session.exec(select(Team).where(Team.channel_id == shop.id))).one()
    address = parse_address(ANN)
    await world.bot.services.suppressions.add(other, address, world.ada.id)
    await world.sends(CSV)

    await erases(world)
    await is_erased(world)

    async with world.bot.db.read() as session:
        rows = {row.team_id: row for row in await session.exec(select(Suppression))}
        (told,) = await session.exec(select(Audit).where(Audit.action == "suppression.add"))
    assert told.subject == address
    assert (rows[other.id].address, rows[other.id].reason) == (address, SuppressionReason.BY_HAND)
