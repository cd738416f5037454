"""S3, C2, E4: production access, from the application to AWS's decision, and what is missing before it."""

from tests.audit_log import audits
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, World
from tests.playground.slack.surfaces import Modal

REVIEW = 300  # seconds between two looks while AWS reviews
FORM = {
    "Website URL": "https://acme.test",
    "Contact addresses": "ada@acme.test",
    "Use case": "A monthly letter to customers who asked for it.",
}


async def applies(world: World, **typed: str) -> Modal:
    modal = await world.opens(world.ada, "/mailer production", "Production access")
    for label, value in (FORM | typed).items():
        modal.fill(label, value)
    await modal.submit()
    return modal


async def test_granted_production_access_is_noticed_within_two_poll_intervals(world: World) -> None:
    world.ses.verify("acme.test")
    await world.is_connected()
    await applies(world)
    await world.settle()
    await world.bob.sees(world.news, "Applied for production access")
    await world.passes(REVIEW)  # the look that just missed it
    world.ses.grant_production(quota=50_000, rate=14)

    await world.passes(2 * REVIEW)

    told = await world.bob.sees(world.news, "broadcasts are open")
    assert "50,000 recipients a day at up to 14 recipients a second" in told.text
    assert told.buttons == ["New broadcast", "Send a test"]
    await world.bob.press(told, "New broadcast")
    await world.bob.modal("New broadcast")


@OVER_HTTP
async def test_an_application_whose_answer_is_lost_is_told_as_what_it_became(world: World) -> None:
    world.ses.verify("acme.test")
    await world.is_connected()
    world.aws.fail("ses:PutAccountDetails", "unavailable")
    modal = await applies(world)
    await world.settle()
    assert "did not answer" in modal.text or "not reach" in modal.text or "again" in modal.text, modal.text
    world.aws.fail("ses:PutAccountDetails", "close_after")

    await applies(world)
    await world.settle()

    await world.bob.sees(world.news, "Applied for production access")
    assert [audit.actor for audit in await audits(world.bot.db, "production.apply")] == [world.ada.id]


@OVER_HTTP
async def test_a_denial_names_the_aws_case_and_offers_no_second_application(world: World) -> None:
    world.ses.verify("acme.test")
    await world.is_connected()
    await applies(world)
    world.ses.deny_production("172")

    await world.passes(REVIEW)

    told = await world.bob.sees(world.news, "AWS denied production access")
    assert "172" in told.text
    assert "Apply for production access" not in told.buttons
    refusal = await world.asks(world.bob, "/broadcast", "You can't send broadcasts yet")
    assert "answer case 172 in AWS Support Center" in refusal.text
    assert refusal.buttons == []
    again = await world.asks(world.ada, "/mailer production", "AWS denied this account")
    assert again.ephemeral


@OVER_SOCKET_MODE
async def test_what_aws_would_refuse_in_the_application_stands_in_its_field_before_aws_is_asked(world: World) -> None:
    await world.is_connected()

    modal = await applies(world, **{"Website URL": "acme"})
    assert "not a web address" in modal.errors["Website URL"]
    modal.fill("Website URL", "https://acme.test")
    modal.fill("Contact addresses", "ada")
    await modal.submit()
    assert "ada" in modal.errors["Contact addresses"]
    modal.fill("Contact addresses", ", ".join(f"a{number}@acme.test" for number in range(5)))
    await modal.submit()
    assert "That is 5 addresses: take out 1." in modal.errors["Contact addresses"]

    assert not world.aws.calls_of("ses:PutAccountDetails")
    assert modal.value("Use case") == FORM["Use case"]


@OVER_SOCKET_MODE
async def test_while_aws_reviews_nothing_is_sent_twice(world: World) -> None:
    await world.is_connected()
    first = await applies(world)
    assert "Your application is with AWS" in first.text
    await world.settle()

    refusal = await world.asks(world.ada, "/mailer production", "already reviewing")

    assert refusal.ephemeral
    assert len(world.aws.calls_of("ses:PutAccountDetails")) == 1


@OVER_HTTP
async def test_an_application_counts_though_the_look_at_it_is_throttled(world: World) -> None:
    await world.is_connected()
    fault = world.aws.fail("ses:GetAccount", times=None)
    asked = len(world.aws.calls_of("ses:GetAccount"))

    modal = await applies(world)
    assert len(world.aws.calls_of("ses:GetAccount")) == asked + 1  # nobody waits for it
    await world.says_what_it_has_to()

    assert "Something went wrong" not in modal.text
    await world.bob.sees(world.news, "Applied for production access")
    world.aws.heal(fault)
    await world.passes(REVIEW)
    assert (await world.asks(world.ada, "/mailer production", "already reviewing")).ephemeral


@OVER_HTTP
async def test_an_application_that_aws_has_from_elsewhere_is_a_sentence(world: World) -> None:
    await world.is_connected()
    modal = await world.opens(world.ada, "/mailer production", "Production access")
    world.ses.review("PENDING", "99")  # somebody applied in the console meanwhile

    for label, value in FORM.items():
        modal.fill(label, value)
    await modal.submit()

    assert "AWS already has an application of this account" in modal.text


@OVER_HTTP
async def test_before_everything_is_done_the_checklist_has_a_button_for_each_missing_step(world: World) -> None:
    first = await world.asks(world.bob, "/broadcast", "You can't send broadcasts yet")
    assert first.ephemeral
    assert first.buttons == ["Connect"]
    await world.ada.types(world.news, "/broadcast")
    await world.ada.press(await world.ada.sees(world.news, "You can't send"), "Connect")
    await (await world.ada.modal("Connect Amazon SES")).close()

    await world.is_connected()
    second = await world.asks(world.ada, "/broadcast", "You can't send broadcasts yet")
    assert "Amazon SES is connected: done" in second.text
    assert "A sender address or domain is verified: not yet" in second.text
    assert "AWS has granted production access: not yet" in second.text
    assert second.buttons == ["Add identity", "Apply for production access"]
    await world.ada.press(second, "Add identity")
    await (await world.ada.modal("Add identity")).close()
    await world.ada.press(second, "Apply for production access")
    await (await world.ada.modal("Production access")).close()

    await world.adds("acme.test")
    third = await world.asks(world.bob, "/broadcast", "You can't send broadcasts yet")
    assert third.buttons == ["Check now", "Add identity", "Apply for production access"]
    assert "Until then add an address as well: it is verified in a minute" in third.text
    await world.bob.press(third, "Check now")
    assert "missing" in (await world.bob.modal("Check now")).text
    await (await world.bob.modal("Check now")).close()
    told = [message.text for message in world.slack.messages(world.news) if message.text]  # the zone file has none
    assert told[-1] == "acme.test was added and waits for verification"


@OVER_SOCKET_MODE
async def test_in_the_sandbox_no_broadcast_goes_small_or_large(world: World) -> None:
    await world.is_open()
    small = await world.opens(world.bob, "/broadcast", "New broadcast")
    world.ses.production = False  # AWS takes it back while the form is open
    await world.passes(600)
    large = "email\n" + "\n".join(f"a{number}@elsewhere.test" for number in range(60))

    for csv in (b"email\nann@elsewhere.test\n", large.encode()):
        small.fill("From", "hello@acme.test")
        small.fill("Subject", "Spring news")
        small.fill("Message", "Hello")
        small.fill("Audience CSV", ("people.csv", csv))
        await small.submit()
        assert "in the SES sandbox" in small.text
        await world.settle()
        refusal = await world.asks(world.bob, "/broadcast", "You can't send broadcasts yet")
        assert refusal.buttons == ["Apply for production access"]
        world.ses.production = True
        await world.passes(600)
        small = await world.opens(world.bob, "/broadcast", "New broadcast")
        world.ses.production = False
        await world.passes(600)
    assert world.aws.mails == []
