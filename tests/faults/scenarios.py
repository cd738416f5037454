"""What people and a program do while something fails: each step can be done again, as somebody does who heard of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.faults import administration as admin
from tests.faults.stage import UNDO_SECONDS, Stage
from tests.flows.program import make_token
from tests.flows.test_approval import approval
from tests.flows.world import ACCOUNT
from tests.playground.aws.principals import Key
from tests.playground.image_host import picture
from tests.playground.webhooks import secret_in

Step = Callable[[Stage], Awaitable[None]]

LIST = b"email,first_name\nann@elsewhere.test,Ann\ngone@elsewhere.test,Ben\nangry@elsewhere.test,Cyd\n"
SUBJECT = "Spring news"
CSV = {"Content-Type": "text/csv"}


@dataclass(frozen=True)
class Scenario:
    """`warm` is done before anything fails."""

    name: str
    warm: tuple[Step, ...]
    steps: tuple[Step, ...]


# Before


async def account(on: Stage) -> None:
    key = on.world.aws.create_key(ACCOUNT)
    on.kept["key"] = key


async def ready(on: Stage) -> None:
    on.world.ses.outcome("gone@elsewhere.test", "BOUNCE")
    on.world.ses.outcome("angry@elsewhere.test", "COMPLAINT")
    await on.world.is_open()


async def webhook(on: Stage) -> None:
    await saves_webhook(on)


async def token(on: Stage) -> None:
    on.kept["token"] = await make_token(on.world)
    await on.closes_modals()


async def composed(on: Stage) -> None:
    await composes(on)


async def confirmed(on: Stage) -> None:
    await composes(on)
    await confirms(on)


async def needs_approval(on: Stage) -> None:
    on.world.ada.role = "admin"
    await approval(on.world, Approvers=[on.world.ada, on.world.bob])
    await on.closes_modals()


# Connecting, identities


async def connects(on: Stage) -> None:
    key: Key = on.kept["key"]
    if not on.has_read("Connected to AWS account"):
        await on.world.submits_key(key)
    await on.settles()
    await on.world.ada.sees(on.world.news, "Connected to AWS account 1111-2222-3333")


async def adds_identity(on: Stage) -> None:
    if not on.has_read("shop.test"):
        await on.world.adds("shop.test")
    await on.world.bob.sees(on.world.news, "shop.test")


async def checks_identity(on: Stage) -> None:
    told = await on.world.ada.sees(on.world.news, "Put these records")
    await on.world.ada.press(told, "Check now")
    await on.settles()
    await on.closes_modals()


async def is_verified(on: Stage) -> None:
    on.world.ses.verify("shop.test")
    await on.passes(60)
    await on.passes(60)
    await on.world.bob.sees(on.world.news, "shop.test is verified")


# Broadcasts


async def composes(on: Stage) -> None:
    modal = await on.world.composes(LIST, message="Hello {{first_name|there}}", subject=SUBJECT)
    assert modal.title == "Check and send", modal.text


async def confirms(on: Stage) -> None:
    modal = on.world.bob.top_modal
    if not on.has_read(SUBJECT):
        if modal is None or modal.title != "Check and send":
            await composes(on)
            modal = await on.world.bob.modal("Check and send")
        await modal.submit()
    await on.settles()
    await on.world.bob.sees(on.world.news, SUBJECT)


async def undoes(on: Stage) -> None:
    seen = await on.world.bob.sees(on.world.news, SUBJECT)
    if "Undo" in seen.buttons:
        await on.world.bob.press(seen, "Undo")
    await on.settles()
    now = (await on.world.bob.sees(on.world.news, SUBJECT)).text
    # Which of the two it must be, the end of the play says: cancelled only where somebody else was first.
    assert "Taken back, nothing was sent" in now or "was cancelled" in now, now


async def discards(on: Stage) -> None:
    seen = await on.world.bob.sees(on.world.news, SUBJECT)
    if "Discard" in seen.buttons:
        await on.world.bob.press(seen, "Discard")
    await on.settles()


async def cancels(on: Stage) -> None:
    seen = await on.world.bob.sees(on.world.news, SUBJECT)
    if "Cancel broadcast" in seen.buttons:
        await on.world.bob.press(seen, "Cancel broadcast")
    await on.settles()
    await on.passes(60)
    assert "Cancel broadcast" not in (await on.world.bob.sees(on.world.news, SUBJECT)).buttons


async def goes_out(on: Stage) -> None:
    await on.passes(UNDO_SECONDS + 1)
    await on.passes(60)
    await on.world.bob.sees(on.world.news, "is done")


async def comes_back(on: Stage) -> None:
    await on.passes(60)
    await on.passes(120)


async def asks_for_the_list(on: Stage) -> None:
    seen = await on.world.bob.sees(on.world.news, "is done")
    await on.world.bob.press(seen, "Get the list")
    await on.settles()


async def asks_for_approval(on: Stage) -> None:
    if not on.has_read("asks to send"):
        modal = on.world.bob.top_modal
        if modal is None or modal.title != "Check and send":
            await composes(on)
            modal = await on.world.bob.modal("Check and send")
        await modal.submit()
        await on.settles()
    await on.closes_modals()
    await on.world.bob.sees(on.world.news, "asks to send")


async def approves(on: Stage) -> None:
    seen = await on.world.ada.sees(on.world.news, SUBJECT)
    if "Approve and send" in seen.buttons:
        await on.world.ada.press(seen, "Approve and send")
        await on.settles()
        assert "The channel shows how it goes" in (await on.world.ada.modal("Approve and send")).text
        await on.closes_modals()
    assert "Approve and send" not in (await on.world.ada.sees(on.world.news, SUBJECT)).buttons


async def mails_one(on: Stage) -> None:
    modal = on.world.bob.top_modal
    if modal is None or modal.title != "Check and send":
        await composes(on)
        modal = await on.world.bob.modal("Check and send")
    await modal.press("Mail me one")
    await on.settles()
    above = await on.world.bob.modal("Mail me one")
    above.fill("Send to", "bob@acme.test")
    await above.submit()
    await on.settles()
    await on.closes_modals()


async def sends_test(on: Stage) -> None:
    await on.world.tests("bob@acme.test")
    await on.passes(60)
    await on.closes_modals()


# Settings


async def saves_look(on: Stage) -> None:
    settings = await on.world.opens(on.world.ada, "/mailer settings", "Settings")
    await settings.press("Look")
    await on.world.bot.tasks.idle()
    modal = await on.world.ada.modal("Look")
    modal.fill("Logo", [("acme.png", picture((160, 40)))])
    modal.fill("Colour", "#14532D")
    await modal.submit()
    await on.settles()
    assert "Saved" in modal.text, modal.text
    await on.closes_modals()


async def saves_webhook(on: Stage) -> None:
    settings = await on.world.opens(on.world.ada, "/mailer settings", "Settings")
    await settings.press("Webhook")
    await on.world.bot.tasks.idle()
    modal = await on.world.ada.modal("Webhook")
    if not modal.value("Webhook address"):
        modal.fill("Webhook address", on.hooks.address)
        await modal.submit()
        await on.world.bot.tasks.idle()
        on.secrets.add(secret_in(modal.text))
    await on.closes_modals()


async def tries_webhook(on: Stage) -> None:
    settings = await on.world.opens(on.world.ada, "/mailer settings", "Settings")
    await settings.press("Webhook")
    await on.world.bot.tasks.idle()
    modal = await on.world.ada.modal("Webhook")
    await modal.press("Send a test")
    await on.world.bot.tasks.idle()
    assert "Taken" in on.world.ada.top_modal.text if on.world.ada.top_modal else False
    await on.closes_modals()


async def suppresses(on: Stage) -> None:
    await on.world.asks(on.world.ada, "/mailer suppress dee@elsewhere.test", "dee@elsewhere.test")


# A program


async def uploads(on: Stage) -> None:
    got = await on.asks("PUT", "/api/v1/audiences/June", data=LIST, headers=CSV)
    assert got.status in {200, 201}, got.raw


async def patches(on: Stage) -> None:
    patch = {"upsert": [{"email": "eve@elsewhere.test"}], "remove": ["gone@elsewhere.test"]}
    got = await on.asks("PATCH", "/api/v1/audiences/June", json=patch)
    assert got.status == 200, got.raw


async def sends_by_api(on: Stage) -> None:
    given = {"from": "hello@acme.test", "subject": SUBJECT, "message": "Hello", "saved_audience": "June"}
    got = await on.asks("POST", "/api/v1/broadcasts", json=given, headers={"Idempotency-Key": "k1"})
    assert got.status == 201, got.raw
    on.kept["id"] = got.json["id"]
    await on.settles()
    await on.world.bob.sees(on.world.news, SUBJECT)


async def reads_by_api(on: Stage) -> None:
    for path in (
        "/audiences",
        "/audiences/June",
        "/broadcasts",
        f"/broadcasts/{on.kept['id']}",
        f"/broadcasts/{on.kept['id']}/deliveries",
        "/suppressions",
    ):
        got = await on.asks("GET", f"/api/v1{path}")
        assert got.status == 200, got.raw


# Looking at everything


def opens(command: str, title: str) -> Step:
    async def step(on: Stage) -> None:
        modal = await on.world.opens(on.world.ada, command, title)
        text = modal.text
        await on.closes_modals()
        assert "went wrong" not in text, text

    step.__name__ = command
    return step


def types(command: str, text: str) -> Step:
    async def step(on: Stage) -> None:
        seen = await on.world.asks(on.world.ada, command, text)
        assert "went wrong" not in seen.text, seen.text

    step.__name__ = command
    return step


async def opens_home(on: Stage) -> None:
    if on.seams.plan is None:
        on.world.slack.patience = 30
    await on.world.bob.opens_home()


async def chores(on: Stage) -> None:
    await on.world.does_its_chores(86_400)
    await on.settles()


BY_ITSELF = frozenset(
    {
        is_verified,
        goes_out,
        comes_back,
        chores,
        admin.is_erased,
        admin.is_granted,
        admin.loses_access,
        admin.identity_fails,
        admin.channel_goes,
        admin.channel_comes_back,
        admin.is_kept_house,
    }
)
"""Nobody asked for these: what fails is due again, and need not be heard of."""

SCENARIOS = (
    Scenario("connect", (account,), (connects,)),
    Scenario("identity", (ready,), (adds_identity, checks_identity, is_verified)),
    Scenario("undo", (ready,), (composes, confirms, undoes, discards)),
    Scenario("broadcast", (ready, webhook, confirmed), (goes_out, comes_back, asks_for_the_list)),
    Scenario("cancel", (ready, confirmed), (cancels,)),
    Scenario("approval", (ready, needs_approval), (asks_for_approval, approves)),
    Scenario("samples", (ready, composed), (mails_one, sends_test)),
    Scenario("look", (ready,), (saves_look,)),
    Scenario("webhook", (ready,), (saves_webhook, tries_webhook)),
    Scenario("program", (ready, token), (uploads, patches, sends_by_api, reads_by_api)),
    Scenario("suppress", (ready,), (suppresses, opens("/mailer suppressions", "Suppressions"))),
    Scenario(
        "commands",
        (ready,),
        (
            types("/mailer", "Mailroom in"),
            types("/mailer help", "/mailer"),
            opens("/mailer settings", "Settings"),
            opens("/mailer admins", "Team admins"),
            opens("/mailer api", "API tokens"),
            types("/mailer audit", ""),
            opens("/broadcast audiences", "Saved audiences"),
            types("/broadcast drafts", ""),
            types("/broadcast list", ""),
            opens_home,
        ),
    ),
    Scenario("chores", (ready,), (chores,)),
    Scenario("lists", (ready,), (admin.imports_list, admin.gets_list, admin.lifts)),
    Scenario("erase", (ready, confirmed, goes_out), (admin.exports_person, admin.erases, admin.is_erased)),
    Scenario(
        "audiences",
        (ready, admin.saves_audience),
        (admin.adds_people, admin.takes_back, admin.gets_audience, admin.removes_audience),
    ),
    Scenario("settings", (ready,), (admin.saves_settings, admin.appoints, admin.makes_token, admin.revokes_token)),
    Scenario("production", (admin.in_sandbox,), (admin.applies, admin.is_granted)),
    Scenario("access", (admin.with_identity,), (admin.loses_access, admin.acknowledges, admin.reconnects)),
    Scenario("identity fails", (admin.with_identity,), (admin.identity_fails, admin.retries_identity)),
    Scenario("delete", (admin.with_identity,), (admin.deletes_mailer,)),
    Scenario("channel", (ready, confirmed), (admin.channel_goes, admin.channel_comes_back)),
    Scenario("links", (ready, confirmed, goes_out), (admin.unsubscribes, admin.subscribes_again, admin.sees_it)),
    Scenario("house", (ready, confirmed, goes_out), (admin.is_measured, admin.is_kept_house)),
)
