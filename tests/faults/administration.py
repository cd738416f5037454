"""More of what is done while something fails: lists, people, settings, what breaks at AWS, what comes over HTTP."""

import re

from tests.faults.stage import PUBLIC_URL, Stage
from tests.flows.program import create
from tests.flows.test_alerts import LOST
from tests.flows.test_production_access import FORM
from tests.playground.aws.principals import Key
from tests.playground.slack.surfaces import Modal

ANN = "ann@elsewhere.test"
EXPORT = b"Email Address,Reason\nann@elsewhere.test,Unsubscribed\nben@elsewhere.test,spam\n"
JUNE = b"email,first_name\nann@elsewhere.test,Ann\nben@elsewhere.test,Ben\n"
MORE = b"email,first_name\ncyd@elsewhere.test,Cyd\n"


async def presses(on: Stage, modal: Modal, label: str, title: str = "") -> Modal:
    await modal.press(label)
    await on.world.bot.tasks.idle()
    return await modal.person.modal(title or label)


async def submits(on: Stage, modal: Modal, says: str) -> None:
    await modal.submit()
    await on.world.bot.tasks.idle()
    await on.settles()
    top = modal.person.top_modal
    text = top.text if top else ""
    await on.closes_modals()
    assert says in text, text


# Suppressions and people


async def imports_list(on: Stage) -> None:
    page = await on.world.opens(on.world.ada, "/mailer suppressions", "Suppressions")
    modal = await presses(on, page, "Import CSV", "Import suppressions")
    modal.fill("CSV", ("export.csv", EXPORT))
    await modal.submit()
    await on.world.bot.tasks.idle()
    await submits(on, await on.world.ada.modal("Import suppressions"), "Imported")


async def gets_list(on: Stage) -> None:
    page = await on.world.opens(on.world.ada, "/mailer suppressions", "Suppressions")
    modal = await presses(on, page, "Get the list", "Suppressions")
    assert "in a direct message" in modal.text, modal.text
    await on.closes_modals()


async def lifts(on: Stage) -> None:
    on.world.clock.advance(3_600)
    page = await on.world.opens(on.world.ada, "/mailer suppressions", "Suppressions")
    page.fill("Address", ANN)
    await page.submit()
    await on.world.bot.tasks.idle()
    if "Lift" in page.buttons:
        modal = await presses(on, page, "Lift", "Lift a suppression")
        modal.fill("How they asked", "By mail, ticket 4711")
        modal.fill("When they asked", int(on.world.clock().timestamp()) - 60)
        await modal.submit()
        await on.world.bot.tasks.idle()
        assert "may be mailed again" in modal.text, modal.text
    await on.closes_modals()


async def exports_person(on: Stage) -> None:
    page = await on.world.opens(on.world.ada, f"/mailer person {ANN}", "Person")
    await page.press("Get as file")
    await on.world.bot.tasks.idle()
    assert on.world.ada.top_modal
    assert "direct message" in on.world.ada.top_modal.text
    await on.closes_modals()


async def erases(on: Stage) -> None:
    page = await on.world.opens(on.world.ada, f"/mailer person {ANN}", "Person")
    if "Erase" in page.buttons:
        modal = await presses(on, page, "Erase", "Erase a person")
        modal.fill("Type the address", ANN)
        await submits(on, modal, "erased")
    await on.closes_modals()


async def is_erased(on: Stage) -> None:
    await on.passes(60)
    await on.passes(300)


# Saved audiences


async def saves_audience(on: Stage) -> None:
    modal = await on.world.composes(JUNE, save_as="June")
    assert modal.title == "Check and send", modal.text
    await on.closes_modals()


async def adds_people(on: Stage) -> None:
    page = await on.world.opens(on.world.bob, "/broadcast audiences", "Saved audiences")
    if "3 addresses" not in page.text:
        modal = await presses(on, page, "Add people")
        modal.fill("File", ("more.csv", MORE))
        await modal.submit()
        await on.world.bot.tasks.idle()
        await submits(on, await on.world.bob.modal("Keep these changes?"), "3 addresses")
    await on.closes_modals()


async def takes_back(on: Stage) -> None:
    page = await on.world.opens(on.world.bob, "/broadcast audiences", "Saved audiences")
    if "Undo" in page.buttons:
        await page.press("Undo")
        await on.world.bot.tasks.idle()
        assert on.world.bob.top_modal
        assert "as it was before" in on.world.bob.top_modal.text
    await on.closes_modals()


async def gets_audience(on: Stage) -> None:
    page = await on.world.opens(on.world.bob, "/broadcast audiences", "Saved audiences")
    await page.press("Get the list")
    await on.settles()
    await on.world.bob.sees(on.world.bob.dm, "The saved audience June")
    await on.closes_modals()


async def removes_audience(on: Stage) -> None:
    page = await on.world.opens(on.world.bob, "/broadcast audiences", "Saved audiences")
    if "Remove" in page.buttons:
        await page.press("Remove")
        await on.world.bot.tasks.idle()
        await on.settles()
        await on.closes_modals()
        page = await on.world.opens(on.world.bob, "/broadcast audiences", "Saved audiences")
        assert "Remove" not in page.buttons, page.text
    await on.closes_modals()


# Settings


async def saves_settings(on: Stage) -> None:
    modal = await on.world.opens(on.world.ada, "/mailer settings", "Settings")
    modal.fill("From name", "Acme News")
    await submits(on, modal, "Saved")


async def appoints(on: Stage) -> None:
    modal = await on.world.opens(on.world.ada, "/mailer admins", "Team admins")
    modal.fill("Team admins", [on.world.bob])
    await submits(on, modal, "@Bob")


async def makes_token(on: Stage) -> None:
    modal = await on.world.opens(on.world.ada, "/mailer api", "API tokens")
    if "Deploy" not in modal.text:
        on.secrets.add(await create(modal, "Deploy"))
    await on.closes_modals()


async def revokes_token(on: Stage) -> None:
    modal = await on.world.opens(on.world.ada, "/mailer api", "API tokens")
    if "Revoke Deploy" in modal.buttons:
        await modal.press("Revoke Deploy")
        await on.world.bot.tasks.idle()
        assert on.world.ada.top_modal
        assert "API tokens" in on.world.ada.top_modal.text, on.world.ada.top_modal.text
        assert "Revoke Deploy" not in on.world.ada.top_modal.buttons
    await on.closes_modals()


# What AWS decides


async def in_sandbox(on: Stage) -> None:
    on.world.ses.verify("acme.test")
    on.kept["key"] = await on.world.is_connected()


async def applies(on: Stage) -> None:
    if not on.has_read("Applied for production access"):
        modal = await on.world.opens(on.world.ada, "/mailer production", "Production access")
        for label, value in FORM.items():
            modal.fill(label, value)
        await modal.submit()
    await on.settles()
    await on.world.bob.sees(on.world.news, "Applied for production access")
    await on.closes_modals()


async def is_granted(on: Stage) -> None:
    on.world.ses.grant_production()
    await on.passes(300)
    await on.passes(300)
    await on.world.bob.sees(on.world.news, "broadcasts are open")


async def with_identity(on: Stage) -> None:
    on.kept["key"] = await on.world.is_connected()
    await on.world.adds("acme.test", verified=True)


async def loses_access(on: Stage) -> None:
    key: Key = on.kept["key"]
    on.world.aws.revoke(key)
    await on.passes(600)
    await on.passes(60)
    await on.passes(600)
    await on.world.bob.sees(on.world.news, LOST)


async def acknowledges(on: Stage) -> None:
    alert = await on.world.bob.sees(on.world.news, LOST)
    if "Acknowledge" in alert.buttons:
        await on.world.bob.press(alert, "Acknowledge")
        await on.settles()
    assert "Acknowledge" not in alert.buttons, alert.text


async def reconnects(on: Stage) -> None:
    if not on.has_read("Over since"):
        key = on.kept.setdefault("new key", on.world.aws.create_key())
        modal = await on.world.opens(on.world.ada, "/mailer reconnect", "Reconnect Amazon SES")
        modal.fill("Access key ID", key.access_key_id)
        modal.fill("Secret access key", key.secret_access_key)
        await modal.submit()
        await on.settles()
        await on.closes_modals()
    await on.passes(600)
    await on.world.bob.sees(on.world.news, "Over since")


async def identity_fails(on: Stage) -> None:
    on.world.ses.fail("acme.test", "HOST_NOT_FOUND")
    await on.passes(600)
    await on.passes(60)
    await on.world.bob.sees(on.world.news, "Retry verification")


async def retries_identity(on: Stage) -> None:
    alert = await on.world.ada.sees(on.world.news, "acme.test")
    if "Retry verification" in alert.buttons:
        await on.world.ada.press(alert, "Retry verification")
    await on.settles()
    await on.passes(60)
    await on.closes_modals()


async def deletes_mailer(on: Stage) -> None:
    if not on.has_read("The mailer of this channel was deleted"):
        modal = await on.world.opens(on.world.ada, "/mailer delete", "Delete mailer")
        modal.fill("Type the channel name", "news")
        await modal.submit()
        await on.settles()
        await on.closes_modals()
    await on.world.bob.sees(on.world.news, "The mailer of this channel was deleted")


async def channel_goes(on: Stage) -> None:
    await on.world.slack.archive(on.world.news)
    await on.passes(60)


async def channel_comes_back(on: Stage) -> None:
    await on.world.slack.unarchive(on.world.news)
    await on.passes(60)
    await on.passes(600)


# Over HTTP


async def link_of_ann(on: Stage) -> str:
    mail = on.world.aws.mails_to(ANN)[-1]
    return mail.headers["List-Unsubscribe"].strip("<>").replace(PUBLIC_URL, "")


async def unsubscribes(on: Stage) -> None:
    got = await on.asks("POST", await link_of_ann(on), data={"List-Unsubscribe": "One-Click"})
    assert got.status == 200, got.raw
    got = await on.asks("GET", await link_of_ann(on))
    assert got.status == 200, got.raw


async def subscribes_again(on: Stage) -> None:
    got = await on.asks("POST", await link_of_ann(on), data={"subscribe_again": "yes"})
    assert got.status == 200, got.raw


async def sees_it(on: Stage) -> None:
    modal = await on.world.composes(JUNE)
    assert modal.title == "Check and send", modal.text
    await modal.press("See it")
    await on.settles()
    above = await on.world.bob.modal("See it")
    found = re.search(rf"{re.escape(PUBLIC_URL)}(/p/[\w-]+)", str(above.view.blocks))
    assert found, above.text
    got = await on.asks("GET", found[1])
    assert got.status == 200, got.raw
    await on.closes_modals()


async def is_measured(on: Stage) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        got = await on.asks("GET", path)
        assert got.status == 200, got.raw


async def is_kept_house(on: Stage) -> None:
    on.world.clock.advance(86_400)
    await on.world.bot.housekeeping.rouse()
    await on.world.bot.housekeeping.purge()
    await on.settles()
