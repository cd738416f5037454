"""`/mailer suppressions`: looked up, imported, exported and lifted by a team admin, and seen by nobody else."""

import csv
import io
from datetime import timedelta

from sqlmodel import select

from bot.suppression.recording import Entry, suppress_all
from storage.models import Audit, LiftedSuppression, Suppression, Team
from storage.states import SuppressionReason
from tests.flows.world import BOTH_DATABASES, OVER_HTTP, OVER_SOCKET_MODE, World
from tests.playground.slack.surfaces import Modal

R = SuppressionReason
ANN = "ann@elsewhere.test"
EXPORT = b"""Email Address,Name,Reason,Date
Ann@elsewhere.test,Ann,Unsubscribed,2026-01-05 10:00:00
ben@elsewhere.test,Ben,spam,2026-02-01T08:00:00+02:00
cat@elsewhere.test,Cat,hard-bounce,1767600000
dan@elsewhere.test,Dan,Left the company,soon
eve@elsewhere.test,Eve,bounce,
eve@elsewhere.test,Eve,complaint,2026-03-01
no address,Nobody,bounce,
"""


async def opens(world: World) -> Modal:
    return await world.opens(world.ada, "/mailer suppressions", "Suppressions")


async def presses(world: World, modal: Modal, label: str, title: str) -> Modal:
    await modal.press(label)
    await world.bot.tasks.idle()
    return await world.ada.modal(title)


async def imports(world: World, data: bytes) -> Modal:
    """As far as what it comes to is shown."""
    modal = await presses(world, await opens(world), "Import CSV", "Import suppressions")
    modal.fill("CSV", ("export.csv", data))
    await modal.submit()
    await world.bot.tasks.idle()
    return await world.ada.modal("Import suppressions")


async def looks_up(world: World, address: str) -> Modal:
    modal = await opens(world)
    modal.fill("Address", address)
    await modal.submit()
    await world.bot.tasks.idle()
    return modal


async def listed(world: World) -> dict[str, Suppression]:
    async with world.bot.db.read() as session:
        return {row.address.lower(): row for row in await session.exec(select(Suppression))}


async def suppressed(world: World, *entries: Entry) -> None:
    async with world.bot.db.write() as session:
        team = (await session.exec(select(Team.id))).one()
        await suppress_all(session, team, entries, source="U1", now=world.clock())


async def lifts(world: World, address: str, asked_before: timedelta) -> Modal:
    modal = await presses(world, await looks_up(world, address), "Lift", "Lift a suppression")
    modal.fill("How they asked", "By mail, ticket 4711")
    modal.fill("When they asked", int((world.clock() - asked_before).timestamp()))
    await modal.submit()
    await world.bot.tasks.idle()
    return modal


@BOTH_DATABASES
async def test_an_export_of_another_mailer_is_counted_first_and_then_imported(world: World) -> None:
    await world.is_connected()
    await suppressed(world, Entry("cat@elsewhere.test", R.BY_HAND))

    modal = await imports(world, EXPORT)
    assert "4 new, 2 known, 1 invalid" in modal.text
    assert "1 date could not be read" in modal.text
    assert [*await listed(world)] == ["cat@elsewhere.test"]
    await modal.submit()
    await world.bot.tasks.idle()

    assert "Imported: 4 new, 2 known, 1 invalid" in (await world.ada.modal("Import suppressions")).text
    rows = await listed(world)
    assert {row.address: (row.reason, row.word) for row in rows.values()} == {
        "Ann@elsewhere.test": (R.UNSUBSCRIBED, ""),
        "ben@elsewhere.test": (R.COMPLAINT, "spam"),
        "cat@elsewhere.test": (R.BOUNCE, "hard-bounce"),
        "dan@elsewhere.test": (R.BY_HAND, "Left the company"),
        "eve@elsewhere.test": (R.COMPLAINT, ""),
    }
    assert f"{rows[ANN].created_at:%Y-%m-%d %H:%M}" == "2026-01-05 10:00"
    assert f"{rows['ben@elsewhere.test'].created_at:%H:%M}" == "06:00"
    assert rows["dan@elsewhere.test"].created_at == world.clock()
    assert "5 addresses are never mailed from this channel" in (await opens(world)).text
    async with world.bot.db.read() as session:
        (told,) = await session.exec(select(Audit).where(Audit.action == "suppression.import"))
    assert (told.actor, told.subject, told.after) == (world.ada.id, "export.csv", {"new": 4, "known": 2, "invalid": 1})
    again = await imports(world, EXPORT)
    assert "0 new, 6 known, 1 invalid" in again.text


@OVER_HTTP
async def test_a_file_without_addresses_imports_nothing(world: World) -> None:
    await world.is_connected()

    assert "The file is empty" in (await imports(world, b"")).errors["CSV"]
    page = await imports(world, b"email\nnobody\n")

    assert "no address" in (page.text + str(page.errors))
    assert await listed(world) == {}


@OVER_SOCKET_MODE
async def test_the_list_comes_as_a_direct_message_safe_to_open_in_a_spreadsheet(world: World) -> None:
    await world.is_connected()
    await suppressed(world, Entry("+ann@elsewhere.test", R.BY_HAND, '=HYPERLINK("x")'), Entry("b@else.test", R.BOUNCE))

    said = world.slack.messages(world.news)

    page = await presses(world, await opens(world), "Get the list", "Suppressions")

    assert "in a direct message" in page.text
    await world.ada.sees(world.ada.dm, "2 addresses are never mailed from #news")
    (file,) = [file for one in world.slack.world.visible_messages(world.ada.dm) for file in one.files]
    rows = [*csv.reader(io.StringIO(file.content.decode("utf-8-sig")))]
    assert [row[:3] for row in rows] == [
        ["email", "reason", "word"],
        ["'+ann@elsewhere.test", "by_hand", '\'=HYPERLINK("x")'],
        ["b@else.test", "bounce", ""],
    ]
    assert world.slack.messages(world.news) == said


@OVER_HTTP
async def test_an_address_is_looked_up_with_why_since_when_and_from_which_broadcast(world: World) -> None:
    await world.is_open()
    await world.sends()
    async with world.bot.db.write() as session:
        team = (await session.exec(select(Team))).one()
        (broadcast,) = await world.bot.services.queries.broadcasts(team, before=None, limit=1)
        entry = Entry(ANN, R.UNSUBSCRIBED, "opt-out")
        await suppress_all(session, team.id, [entry], source=broadcast.id, now=world.clock())

    modal = await looks_up(world, ANN.upper())
    assert f"{ANN.upper().partition('@')[0]}@elsewhere.test unsubscribed (“opt-out”)" in modal.text
    assert "from the broadcast “Spring news”" in modal.text
    assert "ben@elsewhere.test may be mailed" in (await looks_up(world, "ben@elsewhere.test")).text
    modal = await opens(world)
    modal.fill("Address", "nobody")
    await modal.submit()
    assert "has no @" in modal.errors["Address"]


async def test_an_unsubscribe_is_lifted_by_a_consent_that_is_younger_and_by_no_other(world: World) -> None:
    await world.is_connected()
    await suppressed(world, Entry(ANN, R.UNSUBSCRIBED, at=world.clock() - timedelta(days=10)))

    assert "unsubscribed after that" in (await lifts(world, ANN, timedelta(days=10))).errors.get("When they asked", "")
    assert "still to come" in (await lifts(world, ANN, timedelta(days=-1))).errors.get("When they asked", "")
    assert ANN in await listed(world)
    modal = await lifts(world, ANN, timedelta(days=9))

    assert f"{ANN} may be mailed again" in modal.text
    assert await listed(world) == {}
    async with world.bot.db.read() as session:
        lifted = (await session.exec(select(LiftedSuppression))).one()
        (told,) = await session.exec(select(Audit).where(Audit.action == "suppression.lift"))
    assert (lifted.lifted_by, lifted.reason) == (world.ada.id, R.UNSUBSCRIBED)
    assert (told.actor, told.subject, told.after["how"]) == (world.ada.id, ANN, "By mail, ticket 4711")
    assert "that was lifted" in (await looks_up(world, ANN)).text
    await suppressed(world, Entry(ANN, R.BOUNCE))
    async with world.bot.db.read() as session:
        assert (await session.exec(select(LiftedSuppression))).first() is None


@OVER_HTTP
async def test_a_complaint_stays_whatever_anybody_says(world: World) -> None:
    await world.is_connected()
    await suppressed(world, Entry(ANN, R.UNSUBSCRIBED, at=world.clock() - timedelta(days=10)))
    modal = await presses(world, await looks_up(world, ANN), "Lift", "Lift a suppression")
    await suppressed(world, Entry(ANN, R.COMPLAINT))

    modal.fill("How they asked", "By mail")
    modal.fill("When they asked", int(world.clock().timestamp()))
    await modal.submit()

    assert "complained, and that stays" in modal.text
    shown = await looks_up(world, ANN)
    assert "That stays" in shown.text
    assert "Lift" not in shown.buttons
    assert ANN in await listed(world)


@OVER_SOCKET_MODE
async def test_what_is_lifted_here_is_lifted_at_aws_or_it_is_said_that_it_may_stay_there(world: World) -> None:
    key = await world.is_connected()
    world.ses.grant_production()
    for denied, says in ((False, "is lifted there"), (True, "ses:DeleteSuppressedDestination")):
        world.ses.suppress(ANN)
        await suppressed(world, Entry(ANN, R.BOUNCE))
        if denied:
            world.aws.set_permissions(key, deny=["ses:DeleteSuppressedDestination"])
            await world.passes(60)
        assert says in (await lifts(world, ANN, timedelta())).text
