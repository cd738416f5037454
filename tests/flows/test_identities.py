"""S2, E2, E3: identities that wait for AWS, become verified, or cannot be one."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlmodel import select

from bot.mailer.monitoring.facts import record_listing
from bot.ses.facts import ListedIdentity
from storage.models import Mailer
from storage.states import IdentityKind
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, SIMULATOR, World

POLL = 60  # seconds, while something waits


async def test_a_verified_identity_is_noticed_within_two_poll_intervals(world: World) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    await world.passes(POLL)  # the look that just missed it
    world.ses.verify("acme.test")

    await world.passes(2 * POLL)

    told = await world.bob.sees(world.news, "acme.test is verified.")
    assert "You can now send tests from it" in told.text
    assert "sandbox" in told.text
    assert told.buttons == ["Apply for production access", "Send a test"]
    assert [text for text in world.bob.reads(world.news) if "Put these records" in text] == []


@OVER_SOCKET_MODE
async def test_where_production_is_granted_a_verified_identity_opens_broadcasts(world: World) -> None:
    await world.is_open()
    await world.adds("shop.test")
    world.ses.verify("shop.test")

    await world.passes(POLL)

    told = await world.bob.sees(world.news, "shop.test is verified.")
    assert "You can now send tests and broadcasts from it" in told.text
    assert told.buttons == ["New broadcast", "Send a test"]


@OVER_HTTP
async def test_a_domain_that_waits_is_refused_with_what_is_awaited_since_when_and_until_when(world: World) -> None:
    world.ses.grant_production()
    await world.is_connected()
    await world.adds("acme.test")  # at 09:00 and some seconds of 24 November

    refusal = await world.asks(world.bob, "/broadcast", "You can't send broadcasts yet")

    assert refusal.ephemeral
    assert "AWS waits for its DKIM records in the DNS" in refusal.text
    assert "since 24 Nov 09:0" in refusal.text
    assert "until 27 Nov 09:0" in refusal.text  # DKIM: 72 hours
    assert refusal.buttons == ["Check now", "Add identity"]  # an address is verified in a minute
    await world.asks(world.bob, "/broadcast test", "You can't send tests yet")


@OVER_SOCKET_MODE
@pytest.mark.long
async def test_an_address_that_waits_is_refused_with_what_is_awaited_since_when_and_until_when(world: World) -> None:
    world.ses.grant_production()
    await world.is_connected()
    await world.adds("hello@acme.test")

    refusal = await world.asks(world.bob, "/broadcast", "You can't send broadcasts yet")

    assert "AWS waits for a click on the link it mailed there" in refusal.text
    assert "since 24 Nov 09:0" in refusal.text
    assert "until 25 Nov 09:0" in refusal.text  # the link: 24 hours
    assert refusal.buttons == ["Check now"]
    assert await world.bob.sees(world.news, "One click left for hello@acme.test")


@OVER_SOCKET_MODE
@pytest.mark.long
async def test_a_pending_from_is_refused_in_its_field_which_names_what_to_use_instead(world: World) -> None:
    await world.is_open("hello@acme.test")
    world.ses.pend("acme.test")
    await world.passes(600)

    modal = await world.composes(sender="news@acme.test")
    assert "acme.test cannot send yet" in modal.errors["From"]
    assert "or send from hello@acme.test" in modal.errors["From"]
    modal.fill("From", "hello@acme.test")
    await modal.submit()
    await world.confirms(modal)
    await world.passes(31)

    test = await world.tests("cyd@elsewhere.test", sender="news@acme.test")
    assert "or send from hello@acme.test" in test.errors["From"]
    test.fill("From", "hello@acme.test")
    await test.submit()
    await world.settle()

    assert {mail.sender for mail in world.aws.mails} == {"hello@acme.test"}
    assert sorted(mail.to[0] for mail in world.aws.mails) == [
        "ann@elsewhere.test",
        "ben@elsewhere.test",
        "cyd@elsewhere.test",
    ]


@OVER_SOCKET_MODE
async def test_in_a_temporary_failure_awss_own_flag_says_whether_an_identity_sends(world: World) -> None:
    await world.is_open("hello@acme.test", "other.test")
    await world.adds("later.test")
    world.ses.temporary_failure("later.test")  # before it was ever verified: AWS does not let it send
    world.ses.temporary_failure("other.test")
    await world.passes(600)
    card = await world.asks(world.bob, "/mailer", "later.test cannot send now: AWS no longer finds its DNS records")
    assert "other.test cannot" not in card.text

    modal = await world.composes(sender="news@later.test")
    assert "later.test cannot send yet" in modal.errors["From"]
    modal.fill("From", "news@other.test")
    await modal.submit()
    await world.confirms(modal)
    await world.passes(31)
    assert {mail.sender for mail in world.aws.mails} == {"news@other.test"}


@OVER_HTTP
async def test_in_the_sandbox_a_test_goes_from_the_verified_address_while_the_domain_waits(world: World) -> None:
    world.ses.verify("hello@acme.test")
    world.ses.pend("acme.test")
    await world.is_connected()

    refused = await world.tests(SIMULATOR, sender="news@acme.test")
    assert "or send from hello@acme.test" in refused.errors["From"]
    await world.tests(f"{SIMULATOR}, hello@acme.test")

    assert sorted(mail.to[0] for mail in world.aws.mails) == ["hello@acme.test", SIMULATOR]


@OVER_SOCKET_MODE
async def test_with_nothing_verified_nothing_can_go_and_an_address_is_offered(world: World) -> None:
    world.ses.grant_production()
    await world.is_connected()

    for command in ("/broadcast", "/broadcast test"):
        refusal = await world.asks(world.bob, command, "No address or domain is verified, so")
        assert "verify an address, which takes a minute" in refusal.text
        assert refusal.buttons == ["Add identity"]
        assert refusal.ephemeral


@OVER_HTTP
async def test_what_cannot_be_an_identity_is_refused_in_its_field_before_aws_is_asked(world: World) -> None:
    await world.is_connected()
    modal = await world.opens(world.ada, "/mailer identity", "Add identity")
    asked = len(world.aws.calls)

    for typed, sentence in {
        "he llo@acme.test": "has a space in it",
        "https://acme.test/news": "type only acme.test",
        "acme.test/news": "type only acme.test",
        "@acme.test": "for the whole domain type acme.test",
        "acme": "has no dot",
        "*.acme.test": "so type acme.test",
        "192.0.2.1": "is an IP address",
        "ann@ben@acme.test": "has two @ in it",
    }.items():
        modal.fill("Email address or domain", typed)
        await modal.submit()
        assert sentence in modal.errors["Email address or domain"], typed
        assert modal.value("Email address or domain") == typed

    assert len(world.aws.calls) == asked


@OVER_SOCKET_MODE
async def test_a_domain_of_other_letters_is_taken_as_punycode(world: World) -> None:
    await world.is_connected()

    await world.adds("Bücher.test")

    assert "xn--bcher-kva.test" in world.ses.identities
    assert "_domainkey.xn--bcher-kva.test" in (await world.bob.sees(world.news, "Put these records")).text


async def test_an_identity_that_aws_has_already_is_adopted(world: World) -> None:
    world.ses.verify("acme.test")
    await world.is_connected()

    await world.adds("acme.test")

    told = await world.bob.sees(world.news, "acme.test is verified")
    assert "was in the AWS account already and was adopted" in told.text
    refused = await world.opens(world.ada, "/mailer identity", "Add identity")
    refused.fill("Email address or domain", "ACME.test.")
    await refused.submit()
    assert refused.errors["Email address or domain"] == (
        "acme.test is already an identity of this channel. Type /mailer to see how it stands."
    )


async def test_an_identity_that_somebody_made_at_aws_a_moment_ago_is_adopted(world: World) -> None:
    await world.is_connected()
    world.ses.verify("acme.test")
    world.ses.identities["acme.test"].known_from = world.clock() + timedelta(seconds=1)

    await world.adds("acme.test")

    await world.bob.sees(world.news, "acme.test is verified")


@OVER_HTTP
async def test_check_now_says_which_record_is_missing_or_wrong(world: World) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    message = await world.bob.sees(world.news, "Put these records into the DNS of acme.test")

    await world.bob.press(message, "Check now")
    assert "missing" in (await world.bob.modal("Check now")).text
    await (await world.bob.modal("Check now")).close()

    world.dns.records_from(world.ses.identities["acme.test"])
    await world.bob.press(message, "Check now")
    assert "Everything AWS needs is in place" in (await world.bob.modal("Check now")).text


@OVER_HTTP
async def test_dns_records_have_the_labels_of_forms_and_come_as_a_zone_file_once(world: World) -> None:
    await world.is_connected()
    await world.adds("news.acme.test")

    message = await world.bob.sees(world.news, "Put these records into the DNS of news.acme.test")
    identity = world.ses.identities["news.acme.test"]
    text = message.text.replace("```", "")
    for token in identity.tokens:
        assert f"Name {token}._domainkey.news.acme.test\nValue {token}.{identity.hosted_zone}\n" in text
    assert "Priority `10`" in text or "Priority 10" in text
    assert "Value feedback-smtp.eu-west-1.amazonses.com" in text
    assert text.count("leave .news.acme.test off its end (or the part that is your zone).") == 1
    assert "Only if no domain above this one has a DMARC record" in text
    (file,) = [file for each in world.slack.messages(world.news) for file in each.files]
    assert file.name == "news.acme.test.zone.txt"
    zone = file.content.decode()
    assert f"{identity.tokens[0]}._domainkey.news.acme.test. 3600 IN CNAME {identity.tokens[0]}." in zone
    assert "; _dmarc.news.acme.test. 3600 IN TXT" in zone

    world.ses.verify("news.acme.test")
    await world.passes(POLL)
    await world.adds("hello@acme.test")
    assert len([file for each in world.slack.messages(world.news) for file in each.files]) == 1


@OVER_SOCKET_MODE
async def test_check_now_says_what_is_wrong_and_where_it_stands_instead(world: World) -> None:
    await world.is_connected()
    await world.adds("news.acme.test")
    message = await world.bob.sees(world.news, "Put these records into the DNS of news.acme.test")
    own = world.ses.identities["news.acme.test"].mail_from
    assert own is not None
    mail_from = own.domain
    feedback = "feedback-smtp.eu-west-1.amazonses.com"
    world.dns.set(mail_from, "MX", f"10 {feedback}.", "20 mx.acme.test.")
    world.dns.set(f"{mail_from}.acme.test", "TXT", "v=spf1 include:amazonses.com ~all")
    world.dns.set("_dmarc.acme.test", "TXT", "v=DMARC1; p=reject")

    await world.bob.press(message, "Check now")

    said = (await world.bob.modal("Check now")).text
    assert f"should be {feedback}, priority 10" in said
    assert "There are 2, and AWS wants one alone: with several, MAIL FROM fails." in said
    assert f"It stands at {mail_from}.acme.test: your registrar adds the zone itself" in said
    assert "_dmarc.acme.test holds for this domain too" in said


@OVER_HTTP
async def test_check_now_notices_at_once_what_aws_has_verified(world: World) -> None:
    await world.is_connected()
    await world.adds("hello@acme.test")
    message = await world.bob.sees(world.news, "One click left")
    world.ses.verify("hello@acme.test")

    await world.bob.press(message, "Check now")

    assert "is verified" in (await world.bob.modal("Check now")).text
    await world.settle()
    await world.ada.sees(world.news, "hello@acme.test is verified.")


@OVER_SOCKET_MODE
async def test_what_aws_says_against_an_identity_stands_in_its_field(world: World) -> None:
    await world.is_connected()
    world.aws.fail("ses:CreateEmailIdentity", "LimitExceededException", None, message="Too many identities.")

    modal = await world.opens(world.ada, "/mailer identity", "Add identity")
    modal.fill("Email address or domain", "acme.test")
    await modal.submit()

    assert "Too many identities." in modal.errors["Email address or domain"]
    assert world.ses.identities == {}


async def waits_for_a_lock(world: World) -> None:
    """Wait until some transaction of PostgreSQL waits for another one."""
    waiting = text("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
    async with asyncio.timeout(30):
        while True:
            async with world.bot.db.read() as session:
                if (await (await session.connection()).execute(waiting)).first():
                    return


@OVER_SOCKET_MODE
async def test_an_identity_that_a_look_lists_at_the_same_moment_is_adopted(world: World) -> None:
    await world.is_connected()
    world.ses.verify("acme.test")
    modal = await world.opens(world.ada, "/mailer identity", "Add identity")
    modal.fill("Email address or domain", "acme.test")

    async with world.bot.db.write() as session:  # what a look at AWS does that is under way meanwhile
        mailer = (await session.exec(select(Mailer).with_for_update())).one()
        listed = [ListedIdentity("acme.test", IdentityKind.DOMAIN, "SUCCESS", sending_enabled=True)]
        await record_listing(session, mailer, listed, world.clock())
        adding = asyncio.create_task(modal.submit())
        await waits_for_a_lock(world)
    await adding
    await world.settle()

    assert "Added acme.test" in modal.text
    await world.bob.sees(world.news, "acme.test")


@OVER_SOCKET_MODE
async def test_two_who_add_the_same_identity_at_the_same_moment_add_one(world: World) -> None:
    eve = world.slack.person("Eve", role="admin")
    world.news.members.add(eve.id)
    await world.is_connected()
    modals = [await world.opens(who, "/mailer identity", "Add identity") for who in (world.ada, eve)]
    for modal in modals:
        modal.fill("Email address or domain", "acme.test")

    await asyncio.gather(*(modal.submit() for modal in modals))
    await world.settle()

    seen = sorted(modal.text for modal in modals)
    assert sum("Added acme.test" in each for each in seen) == 1, seen
    assert sum("already an identity of this channel" in each for each in seen) == 1, seen
    assert len([each for each in world.bob.reads(world.news) if "Put these records into the DNS" in each]) == 1
