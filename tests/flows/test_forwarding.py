"""AWS's own mails about bounces and complaints: switched off while events tell the same, and put back as they were."""

from typing import Any

from sqlmodel import col, select

from bot.ses.operations import FEEDBACK_FORWARDING
from storage.models import Identity
from tests.audit_log import audits
from tests.flows.test_feedback_health import QUARTER, deafen, the_mailer
from tests.flows.test_identity_recovery import fails, identities, replaces
from tests.flows.test_other_programs import deletes_the_mailer
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, World
from tests.playground.aws import How

DAY = 24 * 3600
QUESTION = "AWS mails every bounce and complaint of acme.test"
SWITCH_OFF = "Switch these mails off"
BOUNCES = b"email\nann@elsewhere.test\n"


def forwards(world: World, name: str = "acme.test") -> bool:
    return world.ses.identities[name].forwards_feedback


def switched(world: World) -> list[Any]:
    """What AWS was told; asking whether it may be told does not count."""
    calls = [call.params for call in world.aws.calls_of(FEEDBACK_FORWARDING) if call.status == 200]
    return [(params["EmailIdentity"], params["EmailForwardingEnabled"]) for params in calls]


async def hears(world: World) -> None:
    """The simulator is mailed, its event comes, and what follows from that is done."""
    await world.does_its_chores(60)
    await world.does_its_chores(60)
    assert (await the_mailer(world)).last_event_at


async def has_adopted(world: World) -> None:
    """The channel is connected, has an identity that was at AWS before, and events arrive."""
    world.ses.verify("acme.test")
    world.ses.grant_production(quota=50_000, rate=50)
    await world.is_connected()
    await world.adds("acme.test")
    await hears(world)


async def says_yes(world: World) -> None:
    card = await world.asks(world.ada, "/mailer", QUESTION)
    await world.ada.press(card, SWITCH_OFF)
    await world.ada.sees(world.news, "acme.test are being switched off")
    await world.does_its_chores()


async def row(world: World, name: str = "acme.test") -> Identity:
    async with world.bot.db.read() as session:
        return (await session.exec(select(Identity).where(col(Identity.name) == name))).one()


async def test_once_events_arrive_the_bounces_of_what_mailroom_created_are_mailed_to_nobody(world: World) -> None:
    await world.is_ready()
    world.ses.outcome("ann@elsewhere.test", "BOUNCE")
    assert forwards(world)
    await world.sends(BOUNCES)
    assert [mail.to for mail in world.aws.feedback_mails] == [("hello@acme.test",)]

    await hears(world)
    assert not forwards(world)
    world.ses.outcome("ben@elsewhere.test", "BOUNCE")
    await world.sends(b"email\nben@elsewhere.test\n", subject="Summer news")
    assert len(world.aws.feedback_mails) == 1
    assert "Mailroom switched off AWS's mails" in (await world.asks(world.ada, "/mailer audit", "done last")).text
    assert QUESTION not in (await world.asks(world.ada, "/mailer", "As AWS told us")).text

    await world.does_its_chores(DAY)
    assert switched(world) == [("acme.test", False)]


async def test_of_an_adopted_identity_nothing_is_switched_off_without_a_persons_yes(world: World) -> None:
    await has_adopted(world)
    await world.does_its_chores(DAY)
    assert forwards(world)
    assert not switched(world)

    card = await world.asks(world.bob, "/mailer", QUESTION)
    assert "say yes only if no other program reads them" in card.text
    await world.bob.press(card, SWITCH_OFF)
    await world.does_its_chores()
    assert forwards(world), "a member may not say it"

    await says_yes(world)
    assert not forwards(world)
    assert [each.actor for each in await audits(world.bot.db, "identity.forwarding_consent")] == [world.ada.id]
    later = await world.asks(world.ada, "/mailer", "As AWS told us")
    assert SWITCH_OFF not in later.buttons

    await world.ada.press(await world.ada.sees(world.news, QUESTION), SWITCH_OFF)
    await world.ada.sees(world.news, "There is nothing to decide about this any more")
    assert len(await audits(world.bot.db, "identity.forwarding_consent")) == 1


@OVER_HTTP
async def test_nobody_is_asked_before_events_arrive_or_where_they_are_off(world: World) -> None:
    world.ses.verify("acme.test", "other.test")
    world.ses.identities["other.test"].forwards_feedback = False
    await world.is_connected()
    await world.adds("acme.test")
    await world.adds("other.test")
    assert SWITCH_OFF not in (await world.asks(world.ada, "/mailer", "As AWS told us")).buttons

    await hears(world)
    card = await world.asks(world.ada, "/mailer", QUESTION)
    assert card.buttons.count(SWITCH_OFF) == 1


@OVER_HTTP
async def test_what_somebody_switches_off_at_aws_is_asked_about_no_longer(world: World) -> None:
    await has_adopted(world)
    await world.asks(world.ada, "/mailer", QUESTION)
    world.ses.identities["acme.test"].forwards_feedback = False
    await world.passes(DAY)
    await world.does_its_chores()
    assert SWITCH_OFF not in (await world.asks(world.ada, "/mailer", "As AWS told us")).buttons
    assert not (await row(world)).forwarding_disabled
    assert not switched(world)


@OVER_SOCKET_MODE
async def test_deleting_the_mailer_puts_back_what_was_on_and_nothing_else(world: World) -> None:
    await has_adopted(world)
    await says_yes(world)
    await world.adds("ours.test", verified=True)
    world.ses.verify("quiet.test")
    world.ses.identities["quiet.test"].forwards_feedback = False
    await world.adds("quiet.test")
    await world.does_its_chores(60)
    assert not any(forwards(world, name) for name in ("acme.test", "ours.test", "quiet.test"))

    await deletes_the_mailer(world)

    assert forwards(world)
    assert forwards(world, "ours.test")
    assert not forwards(world, "quiet.test")


@OVER_HTTP
async def test_what_could_not_be_put_back_is_named(world: World) -> None:
    await world.is_ready()
    await hears(world)
    world.aws.fail(FEEDBACK_FORWARDING, "AccessDeniedException", times=None)

    told = await deletes_the_mailer(world)

    assert "feedback forwarding of acme.test, which stays off: AccessDeniedException" in told


async def test_a_retry_puts_the_former_value_back_and_events_switch_it_off_anew(world: World) -> None:
    await world.is_ready()
    await hears(world)
    assert not forwards(world)

    await world.ada.press(await fails(world), "Retry verification")
    await world.settle()
    assert forwards(world)
    await world.does_its_chores(DAY)
    assert forwards(world), "nothing is mailed from an identity that waits"

    world.ses.verify("acme.test")
    await world.passes(60)
    await world.does_its_chores(60)
    assert not forwards(world)
    assert (await row(world)).forwarding_disabled


@OVER_SOCKET_MODE
async def test_a_retry_leaves_off_what_somebody_else_had_switched_off(world: World) -> None:
    world.ses.create_identity("acme.test").forwards_feedback = False
    await world.is_connected()
    await world.adds("acme.test")
    failed = await fails(world)
    old = world.ses.identities["acme.test"]

    await world.ada.press(failed, "Retry verification")
    await world.settle()

    assert world.ses.identities["acme.test"] is not old
    assert not forwards(world)
    assert not (await row(world)).forwarding_disabled


@OVER_HTTP
async def test_a_retry_does_not_need_the_permission(world: World) -> None:
    world.ses.create_identity("acme.test").forwards_feedback = False
    await world.connects(world.aws.create_key(deny=[FEEDBACK_FORWARDING]))
    await world.adds("acme.test")

    await world.ada.press(await fails(world), "Retry verification")
    await world.settle()

    await world.ada.sees(world.news, "acme.test was created again at AWS")
    assert (await identities(world))["acme.test"].intent == ""


@OVER_SOCKET_MODE
async def test_an_identity_that_is_replaced_and_stays_at_aws_gets_its_mails_back(world: World) -> None:
    await has_adopted(world)
    await says_yes(world)
    await replaces(world, await fails(world), "acme.example")
    await world.does_its_chores()

    assert forwards(world)
    assert (await row(world)).forwarding_consent_by == "", "who adopts it again is asked again"


async def test_without_the_permission_there_is_a_note_on_the_card_and_nothing_else(world: World) -> None:
    world.ses.grant_production(quota=50_000, rate=50)
    key = world.aws.create_key(deny=[FEEDBACK_FORWARDING])
    await world.connects(key)
    await world.adds("acme.test", verified=True)
    await hears(world)
    await world.does_its_chores(DAY)

    card = await world.asks(world.bob, "/mailer", f"{FEEDBACK_FORWARDING}: AWS mails every bounce and complaint")
    assert "the policy of Mailroom's README" in card.text
    assert "AWS accepts the credentials" in card.text
    assert "Ready." in card.text
    assert not [call for call in world.aws.calls_of(FEEDBACK_FORWARDING) if "acme.test" in str(call.params)]

    world.aws.set_permissions(key)
    await world.passes(DAY)
    await world.does_its_chores(60)
    assert not forwards(world)
    assert "Optional permissions" not in (await world.asks(world.bob, "/mailer", "As AWS told us")).text


@OVER_HTTP
async def test_a_permission_that_is_taken_away_is_no_loss_of_access(world: World) -> None:
    key = await world.is_connected()
    world.aws.set_permissions(key, deny=[FEEDBACK_FORWARDING, "ses:DeleteSuppressedDestination"])
    await world.passes(world.aws.rules.permissions_seconds)
    await world.adds("acme.test", verified=True)
    await hears(world)

    card = await world.asks(world.bob, "/mailer", f"{FEEDBACK_FORWARDING}: AWS mails every bounce and complaint")
    assert "AWS accepts the credentials" in card.text
    assert not (await row(world)).forwarding_disabled, "there is nothing to put back"
    await world.passes(DAY)
    await world.does_its_chores(60)
    mailer = await the_mailer(world)
    assert mailer.access == "ok"
    assert set(mailer.missing_optional) == {FEEDBACK_FORWARDING, "ses:DeleteSuppressedDestination"}
    card = await world.asks(world.bob, "/mailer", "ses:DeleteSuppressedDestination: an address that is no longer")
    assert "AWS accepts the credentials" in card.text


@OVER_SOCKET_MODE
async def test_while_no_events_arrive_aws_mails_again(world: World) -> None:
    await world.is_open()
    await world.adds("ours.test", verified=True)
    await hears(world)
    assert not forwards(world, "ours.test")
    deafen(world)
    await world.sends(b"email\n" + b"".join(b"r%d@elsewhere.test\n" % number for number in range(20)))
    await world.passes(QUARTER + 60)
    missing = await world.bob.sees(world.news, "SES tells nothing of the mails it took")
    await world.does_its_chores()
    assert forwards(world, "ours.test")

    await world.bob.press(missing, "Check now")
    await world.settle()
    await world.does_its_chores(60)
    await world.bob.sees(world.news, "SES tells again what becomes of mails")
    await world.does_its_chores()
    assert not forwards(world, "ours.test")


@OVER_HTTP
async def test_an_aws_that_does_not_answer_is_asked_again_and_what_it_may_have_done_is_undone(world: World) -> None:
    await world.is_ready()
    fault = world.aws.fail(FEEDBACK_FORWARDING, How.UNAVAILABLE, times=None)
    await hears(world)
    assert (await row(world)).forwarding_disabled, "it may have been done"
    world.aws.heal(fault)
    await world.does_its_chores(600)
    assert not forwards(world)

    await deletes_the_mailer(world)
    assert forwards(world)


@OVER_SOCKET_MODE
async def test_an_aws_that_does_not_take_it_is_asked_once_a_day(world: World) -> None:
    await world.is_ready()
    world.aws.fail(FEEDBACK_FORWARDING, "BadRequestException", times=None)
    await hears(world)
    asked = len(world.aws.calls_of(FEEDBACK_FORWARDING))
    await world.does_its_chores(3600)
    assert len(world.aws.calls_of(FEEDBACK_FORWARDING)) == asked
    assert not (await row(world)).forwarding_disabled
    assert (await the_mailer(world)).access == "ok"
