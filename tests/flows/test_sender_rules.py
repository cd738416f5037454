"""What large receivers require: the card, the daily look, the alert about a lost DMARC, the ticks above 5,000."""

import pytest
from sqlmodel import select

from bot.mailer.readiness.rules import BULK_SENDER
from storage.models import Identity
from storage.states import DmarcState
from tests.flows.program import Program
from tests.flows.test_api_sending import create
from tests.flows.test_broadcast import people
from tests.flows.world import UNDO_SECONDS, World, long_case
from tests.playground.dns import Failure
from tests.playground.slack.surfaces import Modal

DAY = 24 * 3600
MANY = BULK_SENDER + 1
DMARC = "v=DMARC1; p=reject"


async def card(world: World) -> Modal:
    """Press *Sender rules* on the status card."""
    shown = await world.asks(world.bob, "/mailer", "Mailroom in #news")
    await world.bob.press(shown, "Sender rules")
    await world.settle()
    return await world.bob.modal("Sender rules")


def publish(world: World) -> None:
    """Publish all that SES asks of the owner of acme.test, and DMARC."""
    world.dns.records_from(world.ses.identities["acme.test"])
    world.dns.set("_dmarc.acme.test", "TXT", DMARC)


async def looks_daily(world: World, days: int = 1) -> None:
    for _ in range(days):
        await world.passes(DAY + 3600)  # with the walk through every permission
        await world.does_its_chores()


async def dmarc_of(world: World) -> DmarcState:
    async with world.bot.db.read() as session:
        return (await session.exec(select(Identity).where(Identity.name == "acme.test"))).one().dmarc


async def test_each_rule_is_met_or_not_with_why_and_the_record_to_publish(world: World) -> None:
    await world.is_ready()

    modal = await card(world)

    assert "One-click unsubscribe not met. This Mailroom has no public address" in modal.text
    assert "Complaints below 0.3 % met. No mail in the last 24 hours" in modal.text
    assert "DMARC not met. No receiver finds a policy for acme.test." in modal.text
    assert "_dmarc.acme.test" in modal.text
    assert "v=DMARC1; p=none;" in modal.text
    assert "DKIM not met. Receivers do not find the keys of acme.test." in modal.text
    assert "SPF not met. bounce.acme.test lacks what makes it the MAIL FROM of your mail." in modal.text
    publish(world)
    await modal.press("Check now")
    await world.settle()
    assert "DMARC met. There is a policy (p=reject, of acme.test), and mail keeps it by DKIM." in modal.text
    assert "DKIM met. AWS signs with keys of acme.test." in modal.text
    assert "SPF met. bounce.acme.test lets Amazon SES in." in modal.text
    assert "v=DMARC1; p=none;" not in modal.text


async def test_name_servers_that_do_not_answer_are_not_a_missing_record(world: World) -> None:
    await world.is_ready()
    publish(world)
    await card(world)
    assert await dmarc_of(world) is DmarcState.FOUND
    for name in ("_dmarc.acme.test", "bounce.acme.test"):
        world.dns.fail(name, Failure.SERVFAIL)

    modal = await card(world)

    assert "DMARC not known. The name servers of acme.test do not answer." in modal.text
    assert "SPF not known. The name servers of bounce.acme.test do not answer." in modal.text
    assert await dmarc_of(world) is DmarcState.UNKNOWN
    await looks_daily(world, 2)
    assert not [text for text in world.bob.reads(world.news) if "DMARC" in text], "and no alert"


async def test_a_lost_dmarc_alerts_once_and_its_return_ends_it(world: World) -> None:
    await world.is_ready()
    world.dns.set("_dmarc.acme.test", "TXT", DMARC)
    world.dns.set("_dmarc.shop.test", "TXT", DMARC)
    await world.adds("shop.test", verified=True)
    await world.does_its_chores()
    assert await dmarc_of(world) is DmarcState.FOUND, "looked at when another one is verified"
    world.dns.remove("_dmarc.acme.test")

    await looks_daily(world)

    alert = await world.bob.sees(world.news, "acme.test no longer has a DMARC record")
    assert alert.buttons == ["Sender rules", "Acknowledge"]
    await world.bob.press(alert, "Acknowledge")
    await world.bob.press(alert, "Sender rules")
    await world.settle()
    assert "DMARC not met" in (await world.bob.modal("Sender rules")).text
    await looks_daily(world, 3)
    alerts = [text for text in world.bob.reads(world.news) if "no longer has a DMARC record" in text]
    assert len(alerts) == 1
    world.dns.fail("_dmarc.acme.test", Failure.SERVFAIL)
    await looks_daily(world)
    assert "Over since" not in alert.text, "silence ends nothing"
    world.dns.heal("_dmarc.acme.test")
    world.dns.set("_dmarc.acme.test", "TXT", DMARC)
    await world.does_its_chores(3600)
    assert "Over since" in alert.text


async def test_above_5000_without_one_click_or_dmarc_a_tick_is_wanted_for_each(world: World) -> None:
    await world.is_open(quota=50_000, rate=1_000)
    modal = await world.composes(people(MANY))
    assert f"This goes to {MANY:,} recipients without one-click unsubscribe" in modal.text
    assert f"This goes to {MANY:,} recipients, and acme.test has no DMARC" in modal.text
    assert modal.labels == ["No one-click unsubscribe", "No DMARC"]

    await modal.submit()
    assert modal.errors, "neither is ticked"
    modal.fill("No one-click unsubscribe", ["Send it without"])
    await modal.press("Set it up")
    await world.settle()
    above = await world.bob.modal("Sender rules")
    assert "One-click unsubscribe not met" in above.text
    world.dns.set("_dmarc.acme.test", "TXT", DMARC)
    await above.press("Check now")
    await above.close()
    modal = await world.bob.modal("Check and send")
    modal.fill("No DMARC", ["Send it without"])
    message = await world.confirms(modal)
    assert f"to {MANY:,} recipients" in message.text


async def test_what_is_true_only_since_the_form_was_drawn_is_asked_before_anything_goes(world: World) -> None:
    world.dns.set("_dmarc.acme.test", "TXT", DMARC)
    await world.is_open(quota=50_000, rate=1_000)
    modal = await world.composes(people(MANY))
    assert modal.labels == ["No one-click unsubscribe"]
    modal.fill("No one-click unsubscribe", ["Send it without"])
    world.ses.set_quota(sent=49_000)
    await world.passes(600)

    await modal.submit()
    await world.settle()

    assert modal.labels == ["Over the daily quota", "No one-click unsubscribe"]
    await world.passes(UNDO_SECONDS)
    assert world.aws.mails == []


async def test_up_to_5000_nothing_is_asked(world: World) -> None:
    await world.is_open(quota=50_000, rate=1_000)
    modal = await world.composes(people(BULK_SENDER))
    assert modal.labels == []


async def test_silent_name_servers_are_a_warning_and_no_tick(world: World) -> None:
    world.dns.fail("_dmarc.acme.test", Failure.SERVFAIL)
    await world.is_open(quota=50_000, rate=1_000)
    modal = await world.composes(people(MANY))
    assert "Whether acme.test has DMARC, which large receivers want, is not known" in modal.text
    assert modal.labels == ["No one-click unsubscribe"]


async def test_a_program_says_what_it_accepts_and_hears_the_warnings(world: World, program: Program) -> None:
    await world.is_open(quota=50_000, rate=1_000)
    audience = people(MANY).decode()
    asked = []
    for accept in ([], ["NO_ONE_CLICK"]):
        refused = await create(program, audience=audience, message="See http://acme.test/x now", accept=accept)
        assert refused.status == 409
        asked.append(refused.json["code"])
    assert asked == ["NO_ONE_CLICK", "NO_DMARC"]

    made = await create(
        program, audience=audience, message="See http://acme.test/x now", accept=["NO_ONE_CLICK", "NO_DMARC"]
    )

    assert made.status == 201, made.raw
    assert [one["code"] for one in made.json["warnings"]] == ["NO_POSTAL_ADDRESS", "LINK_HTTP"]


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        long_case("NONE", "About $0.51 at Amazon SES"),
        ("ESSENTIALS", "About $0.82 at Amazon SES"),
        long_case("", "What this costs at Amazon SES is not known"),
        ("SOMETHING_NEW", "What this costs at Amazon SES is not known"),
    ],
)
async def test_the_check_view_says_what_it_costs(world: World, plan: str, says: str) -> None:
    world.ses.pricing_plan = plan
    await world.is_open()
    modal = await world.composes(people(5_100))
    assert says in modal.text


async def test_what_mail_programs_take_amiss_is_said_and_holds_nothing_up(world: World) -> None:
    await world.is_open()
    modal = await world.composes(subject="Spring news " + "and more " * 9)
    assert "The subject has 92 characters, and mail programs show about 78" in modal.text
    assert "The mail has no postal address" in modal.text
    await world.confirms(modal)
