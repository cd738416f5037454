"""E11, E12, A1: an identity that failed is verified anew or replaced, once, whatever happens on the way."""

import asyncio
from datetime import timedelta

import pytest
from sqlmodel import col, select

from storage.models import Broadcast, Identity
from tests.audit_log import audits
from tests.flows.world import BOTH_DATABASES, OVER_HTTP, OVER_SOCKET_MODE, REGION, World, long_case
from tests.playground.aws import AwsPlayground
from tests.playground.aws.playground import utc_now
from tests.playground.forked import ForkedBot
from tests.playground.slack.driver import Person, Seen
from tests.playground.slack.surfaces import Modal
from tests.playground.stage import stage


async def identities(world: World) -> dict[str, Identity]:
    """The managed ones, by name."""
    async with world.bot.db.read() as session:
        rows = await session.exec(select(Identity).where(col(Identity.managed).is_(True)))
        return {row.name: row for row in rows}


def alert(world: World) -> Seen:
    """The newest message in the channel that carries the button."""
    seen = [Seen(message, world.slack) for message in world.slack.messages(world.news)]
    return [message for message in seen if "Retry verification" in message.buttons][-1]


async def fails(world: World, name: str = "acme.test") -> Seen:
    """AWS gives the identity up, and the channel is told."""
    world.ses.fail(name, "HOST_NOT_FOUND")
    await world.passes(600)
    return alert(world)


async def replaces(world: World, failed: Seen, name: str, *, who: Person | None = None, **ticks: bool) -> Modal:
    who = who or world.ada
    await who.press(failed, "Replace identity")
    modal = await who.modal("Replace identity")
    modal.fill("Email address or domain", name)
    if ticks.get("move"):
        modal.fill(MOVE, [MOVE])
    if ticks.get("remove"):
        modal.fill(REMOVE, [REMOVE])
    await modal.submit()
    await world.settle()
    return modal


MOVE = "Move scheduled broadcasts and drafts to the new identity"
REMOVE = "Remove the old identity at AWS, too"


# E11


async def test_retry_deletes_creates_anew_with_its_settings_and_shows_the_new_records(world: World) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    old = world.ses.identities["acme.test"]
    first = await world.bob.sees(world.news, "Put these records into the DNS of acme.test")
    failed = await fails(world)

    await world.ada.press(failed, "Retry verification")
    await world.settle()

    new = world.ses.identities["acme.test"]
    assert new is not old
    assert new.mail_from
    assert new.mail_from.domain == "bounce.acme.test"
    told = await world.bob.sees(world.news, "Put these records into the DNS of acme.test")
    assert told.ts > failed.ts
    assert all(token in told.text for token in new.tokens)
    assert "Check now" in told.buttons
    assert "stands in a newer message below" in first.text
    assert first.buttons == []
    assert (await world.ada.sees(world.news, "acme.test was created again at AWS")).ephemeral
    row = (await identities(world))["acme.test"]
    assert (row.state, row.pending_since, row.intent) == ("pending", row.state_since, "")

    world.ses.verify("acme.test")
    await world.passes(60)
    await world.bob.sees(world.news, "acme.test is verified.")
    assert "is verified" in told.text


async def test_an_identity_that_has_verified_meanwhile_is_kept(world: World) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    failed = await fails(world)
    kept = world.ses.identities["acme.test"]
    world.ses.verify("acme.test")

    await world.ada.press(failed, "Retry verification")
    await world.settle()

    assert (await world.ada.sees(world.news, "so it was left as it is")).ephemeral
    assert world.ses.identities["acme.test"] is kept
    assert not world.aws.calls_of("ses:DeleteEmailIdentity")[1:]  # the first belongs to the access check
    await world.bob.sees(world.news, "acme.test is verified.")


@OVER_HTTP
@pytest.mark.long
async def test_an_identity_deleted_at_aws_is_created_again(world: World) -> None:
    await world.is_connected()
    await world.adds("acme.test", verified=True)
    world.ses.vanish("acme.test")
    await world.passes(600)

    await world.ada.press(alert(world), "Retry verification")
    await world.settle()

    assert (await identities(world))["acme.test"].state == "pending"


@OVER_SOCKET_MODE
@pytest.mark.long
async def test_an_address_is_mailed_a_new_link(world: World) -> None:
    await world.is_connected()
    await world.adds("ann@acme.test")
    failed = await fails(world, "ann@acme.test")

    await world.ada.press(failed, "Retry verification")
    await world.settle()

    told = await world.bob.sees(world.news, "One click left for ann@acme.test")
    assert told.ts > failed.ts


@OVER_HTTP
@pytest.mark.long
async def test_retry_from_the_card_is_the_same(world: World) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    await fails(world)
    card = await world.asks(world.ada, "/mailer", "failed verification")
    first = card.buttons.index("Retry verification")
    assert card.buttons[first : first + 2] == ["Retry verification", "Replace identity"]

    await world.ada.press(card, "Retry verification")
    await world.settle()

    assert (await identities(world))["acme.test"].state == "pending"


@BOTH_DATABASES
async def test_two_admins_who_retry_at_once_have_one_effect(world: World) -> None:
    olga = world.slack.person("Olga", role="owner")
    world.news.members.add(olga.id)
    await world.is_connected()
    await world.adds("acme.test")
    failed = await fails(world)

    await asyncio.gather(
        world.ada.press(failed, "Retry verification"),
        world.ada.press(failed, "Retry verification"),
        olga.press(failed, "Retry verification"),
    )
    await world.settle()

    assert len(world.aws.calls_of("ses:DeleteEmailIdentity")) == 2  # the first belongs to the access check
    assert len(await audits(world.bot.db, "identity.retry")) == 1
    answers = [text for who in (world.ada, olga) for text in who.reads(world.news)]
    assert sum("was created again at AWS" in text for text in answers) == 1
    assert sum("did it." in text for text in answers) == 2


@OVER_SOCKET_MODE
@pytest.mark.long
async def test_a_button_older_than_what_happened_since_does_nothing(world: World) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    failed = await fails(world)
    await world.ada.press(failed, "Retry verification")
    await world.settle()

    await world.ada.press(failed, "Retry verification", stale=True)
    await world.ada.sees(world.news, "acme.test is pending by now, so nothing was done.")
    again = await fails(world)
    kept = world.ses.identities["acme.test"]
    await world.ada.press(failed, "Retry verification", stale=True)
    await world.ada.sees(world.news, "Things have changed for acme.test since this message was drawn")
    await world.ada.press(failed, "Replace identity", stale=True)
    await world.settle()

    assert world.ses.identities["acme.test"] is kept
    assert len(await audits(world.bot.db, "identity.retry")) == 1
    await world.ada.press(again, "Retry verification")
    await world.settle()
    assert len(await audits(world.bot.db, "identity.retry")) == 2


@OVER_HTTP
async def test_a_member_may_not_retry(world: World) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    failed = await fails(world)

    await world.bob.press(failed, "Retry verification")

    await world.bob.sees(world.news, "Only team admins can do this")
    assert (await identities(world))["acme.test"].state == "failed"


@OVER_SOCKET_MODE
@pytest.mark.parametrize("how", [long_case("refuse"), "close_after", long_case("TooManyRequestsException")])
async def test_what_was_begun_is_finished_when_aws_goes_away_after_the_delete(world: World, how: str) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    old = world.ses.identities["acme.test"]
    failed = await fails(world)
    away = world.aws.fail("ses:CreateEmailIdentity", how=how, times=None)

    await world.ada.press(failed, "Retry verification")
    await world.settle()
    await world.ada.sees(world.news, "What was begun goes on by itself")
    assert "Nothing: it is being verified again at AWS already" in failed.text
    assert failed.buttons == ["Acknowledge"]
    card = await world.asks(world.bob, "/mailer", "As AWS told us")
    assert "acme.test is being verified again at AWS" in card.text
    assert "Retry verification" not in card.buttons
    await world.passes(700)  # a look at the account, which must raise no alarm that it is gone
    assert (await identities(world))["acme.test"].state == "failed"
    assert "could not verify acme.test (HOST_NOT_FOUND)" in failed.text
    world.aws.heal(away)
    await world.passes(70)

    assert world.ses.identities["acme.test"] is not old
    row = (await identities(world))["acme.test"]
    assert (row.state, row.intent) == ("pending", "")
    told = await world.bob.sees(world.news, "Put these records into the DNS of acme.test")
    assert all(token in told.text for token in world.ses.identities["acme.test"].tokens)
    assert not any("no longer at AWS" in text for text in world.bob.reads(world.news))
    assert len(await audits(world.bot.db, "identity.retry")) == 1


@OVER_HTTP
async def test_an_action_that_the_key_may_not_use_is_named_and_nothing_is_left_begun(world: World) -> None:
    key = await world.is_connected()
    await world.adds("acme.test")
    failed = await fails(world)
    world.aws.set_permissions(key, deny=["ses:DeleteEmailIdentity"])
    await world.passes(world.aws.rules.permissions_seconds)

    await world.ada.press(failed, "Retry verification")
    await world.settle()

    await world.ada.sees(world.news, "does not allow ses:DeleteEmailIdentity")
    row = (await identities(world))["acme.test"]
    assert (row.state, row.intent, row.intent_due_at) == ("failed", "", None)
    world.aws.set_permissions(key)
    await world.passes(world.aws.rules.permissions_seconds)
    await world.ada.press(failed, "Retry verification")
    await world.settle()
    assert (await identities(world))["acme.test"].state == "pending"


@BOTH_DATABASES
async def test_another_process_takes_over_when_the_lease_ends_and_only_one_does(world: World) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    failed = await fails(world)
    hanging = world.aws.fail("ses:CreateEmailIdentity", how="hang_before")
    await world.ada.press(failed, "Retry verification")
    assert await asyncio.to_thread(hanging.reached.wait, 10)

    await world.bot.services.identity_recovery.tick()  # too early: somebody is at it
    assert len(world.aws.calls_of("ses:CreateEmailIdentity")) == 2  # the first belongs to adding it
    world.clock.advance(timedelta(minutes=5).total_seconds())
    await asyncio.gather(world.bot.services.identity_recovery.tick(), world.bot.services.identity_recovery.tick())
    hanging.release()
    await world.settle()

    row = (await identities(world))["acme.test"]
    assert (row.state, row.intent, row.attempt) == ("pending", "", 2)
    assert tuple(row.dkim_tokens) == world.ses.identities["acme.test"].tokens


async def test_a_process_killed_after_the_delete_is_taken_up_by_the_next(started_aws: AwsPlayground) -> None:
    started_aws.reset()
    started_aws.clock = utc_now
    async with stage(started_aws=started_aws, bot_class=ForkedBot, MAILROOM_POLL_PENDING_SECONDS="30") as on:
        key = on.aws.create_key()
        await on.ada.types(on.news, "/mailer connect")
        modal = await on.ada.modal("Connect Amazon SES")
        modal.fill("AWS region", REGION)
        modal.fill("Access key ID", key.access_key_id)
        modal.fill("Secret access key", key.secret_access_key)
        await modal.submit()
        await modal.shows("Connected to AWS account")
        await modal.close()
        on.ses.fail("acme.test")
        await on.ada.types(on.news, "/mailer identity")
        modal = await on.ada.modal("Add identity")
        modal.fill("Email address or domain", "acme.test")
        await modal.submit()
        await on.ada.sees(on.news, "failed verification")
        await on.ada.types(on.news, "/mailer")
        card = await on.ada.sees(on.news, "As AWS told us")
        hanging = on.aws.fail("ses:CreateEmailIdentity", how="hang_before")

        await on.ada.press(card, "Retry verification")
        assert await asyncio.to_thread(hanging.reached.wait, 20)
        assert "acme.test" not in on.ses.identities
        await on.bot.kill()
        on.aws.heal()
        on.ses.identities.clear()  # the call of the dead process comes to nothing
        await on.bot.start()

        await on.bob.sees(on.news, "Put these records into the DNS of acme.test", timeout=30)
        await on.bot.kill()


# E12


async def test_replace_adds_the_new_one_and_removes_the_old_one_at_aws(world: World) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    failed = await fails(world)

    modal = await replaces(world, failed, "news.acme.example")

    assert "takes the place of acme.test" in modal.text
    assert set(world.ses.identities) == {"news.acme.example"}
    told = await world.bob.sees(world.news, "Put these records into the DNS of news.acme.example")
    assert "in the place of acme.test" in told.text
    rows = await identities(world)
    assert set(rows) == {"news.acme.example"}
    assert rows["news.acme.example"].state == "pending"
    assert not [m for m in world.slack.messages(world.news) if "Retry verification" in Seen(m, world.slack).buttons]
    await world.bob.sees(world.news, "acme.test was replaced by news.acme.example")
    (row,) = await audits(world.bot.db, "identity.replace")
    assert (row.actor, row.subject, row.after["name"]) == (world.ada.id, "acme.test", "news.acme.example")


@OVER_SOCKET_MODE
async def test_a_name_that_cannot_be_one_is_refused_in_its_field(world: World) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    failed = await fails(world)

    modal = await replaces(world, failed, "https://acme.example/news")
    assert "type only acme.example" in modal.errors["Email address or domain"]
    modal.fill("Email address or domain", "acme.test")
    await modal.submit()
    assert "is the one to be replaced" in modal.errors["Email address or domain"]
    full = world.aws.fail("ses:CreateEmailIdentity", how="LimitExceededException", times=None)
    modal.fill("Email address or domain", "acme.example")
    await modal.submit()
    assert "limit of its own" in modal.errors["Email address or domain"]

    row = (await identities(world))["acme.test"]
    assert (row.state, row.intent) == ("failed", "")
    world.aws.heal(full)
    await modal.submit()
    await world.settle()
    assert set(await identities(world)) == {"acme.example"}


@OVER_HTTP
async def test_one_that_was_there_before_mailroom_is_left_unless_a_person_says_so(world: World) -> None:
    world.ses.create_identity("acme.test")
    await world.is_connected()
    await world.adds("acme.test")
    failed = await fails(world)
    await world.ada.press(failed, "Replace identity")
    modal = await world.ada.modal("Replace identity")
    assert REMOVE in modal.labels
    await modal.close()

    await replaces(world, failed, "acme.example")

    assert set(world.ses.identities) == {"acme.test", "acme.example"}
    assert set(await identities(world)) == {"acme.example"}
    await world.passes(600)
    assert set(await identities(world)) == {"acme.example"}


@OVER_SOCKET_MODE
async def test_one_that_another_channel_uses_is_asked_about_without_naming_it(world: World) -> None:
    key = await world.is_connected()
    secret = world.slack.channel("secret", people=[world.ada], private=True, bot_in=True)
    await world.connects(key, channel=secret)
    await world.adds("acme.test")
    await (await world.ada.modal("Add identity")).close()
    await world.ada.types(secret, "/mailer identity")
    other = await world.ada.modal("Add identity")
    other.fill("Email address or domain", "acme.test")
    await other.submit()
    await world.settle()
    failed = await fails(world)

    await world.ada.press(failed, "Replace identity")
    modal = await world.ada.modal("Replace identity")
    assert "another channel uses it" in modal.text
    assert "secret" not in modal.text
    await modal.close()
    await replaces(world, failed, "acme.example", remove=True)

    assert set(world.ses.identities) == {"acme.example"}


async def schedules(world: World, sender: str = "hello@acme.test") -> Broadcast:
    """Schedule a broadcast for next week."""
    at = world.clock.now() + timedelta(days=7)
    await world.confirms(await world.composes(sender=sender, send_at=at))
    return await scheduled(world)


async def scheduled(world: World) -> Broadcast:
    async with world.bot.db.read() as session:
        return (await session.exec(select(Broadcast))).one()


async def test_scheduled_broadcasts_move_when_the_person_ticks_it(world: World) -> None:
    await world.is_ready()
    before = await schedules(world)
    failed = await fails(world)
    mails = world.aws.mail_count

    await replaces(world, failed, "acme.example", move=True)

    moved = await scheduled(world)
    assert (moved.state, moved.from_address) == ("scheduled", "hello@acme.example")
    assert moved.version > before.version
    assert "From hello@acme.example" in (await world.bob.sees(world.news, "Spring news")).text
    assert len(await audits(world.bot.db, "broadcast.change_from")) == 1
    world.ses.verify("acme.example")
    await world.passes(7 * 86_400)
    assert world.aws.mail_count == mails + 2
    mail = world.aws.mails[-1]
    assert mail.sender == "hello@acme.example"
    assert "send a mail to hello@acme.example" in str(mail.text), "the way out goes to the new address, too"
    assert "acme.test" not in str(mail.text)


@OVER_HTTP
async def test_drafts_get_the_new_sender_when_the_person_ticks_it(world: World) -> None:
    await world.is_ready()
    await world.composes()
    failed = await fails(world)

    await replaces(world, failed, "acme.example", move=True)

    draft = await scheduled(world)
    assert (draft.state, draft.from_address) == ("draft", "hello@acme.example")
    assert not [m for m in world.slack.messages(world.news) if "Spring news" in world.slack.text_of(m)]


@OVER_HTTP
@pytest.mark.long
async def test_moved_broadcasts_that_were_paused_can_be_resumed_once_the_new_one_is_verified(world: World) -> None:
    await world.is_ready()
    await schedules(world)
    failed = await fails(world)
    await world.passes(7 * 86_400)
    assert (await scheduled(world)).pause_reasons == ["identity"]

    await replaces(world, failed, "news@acme.example", move=True)
    world.ses.verify("news@acme.example")
    await world.passes(600)
    message = await world.bob.sees(world.news, "Spring news")
    await world.bob.press(message, "Resume")
    await world.settle()

    assert [mail.sender for mail in world.aws.mails[-2:]] == ["news@acme.example"] * 2
    assert (await scheduled(world)).state == "done"


@OVER_SOCKET_MODE
async def test_scheduled_broadcasts_are_paused_when_nobody_ticks_it(world: World) -> None:
    await world.is_ready()
    await schedules(world)
    failed = await fails(world)

    await replaces(world, failed, "acme.example")

    paused = await scheduled(world)
    assert (paused.state, paused.pause_reasons, paused.from_address) == ("paused", ["identity"], "hello@acme.test")
    assert "identity is not verified any more" in (await world.bob.sees(world.news, "Spring news")).text


@OVER_HTTP
async def test_without_scheduled_broadcasts_nothing_is_asked_about_them(world: World) -> None:
    await world.is_ready()
    failed = await fails(world)

    await world.ada.press(failed, "Replace identity")

    assert (await world.ada.modal("Replace identity")).labels == ["Email address or domain"]


@BOTH_DATABASES
async def test_a_replacement_submitted_twice_at_once_has_one_effect(world: World) -> None:
    olga = world.slack.person("Olga", role="owner")
    world.news.members.add(olga.id)
    await world.is_connected()
    await world.adds("acme.test")
    failed = await fails(world)
    modals = []
    for who, name in ((world.ada, "acme.example"), (olga, "acme.invalid")):
        await who.press(failed, "Replace identity")
        modal = await who.modal("Replace identity")
        modal.fill("Email address or domain", name)
        modals.append(modal)

    await asyncio.gather(*(modal.submit() for modal in modals))
    await world.settle()

    assert len(await audits(world.bot.db, "identity.replace")) == 1
    assert len(await identities(world)) == 1
    assert len(world.ses.identities) == 1
    assert sum("takes the place of" in modal.text for modal in modals) == 1
    assert sum("nothing" in modal.text or "no longer here" in modal.text for modal in modals) == 1


@OVER_SOCKET_MODE
@pytest.mark.parametrize("operation", ["ses:CreateEmailIdentity", "ses:DeleteEmailIdentity"])
@pytest.mark.parametrize("how", [long_case("refuse"), "close_after"])
async def test_a_replacement_that_aws_interrupts_is_finished(world: World, operation: str, how: str) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    failed = await fails(world)
    away = world.aws.fail(operation, how=how, times=None)

    modal = await replaces(world, failed, "acme.example")
    assert "goes on by itself" in modal.text
    assert failed.buttons == ["Acknowledge"]
    await world.ada.press(failed, "Retry verification", stale=True)
    await world.ada.sees(world.news, "acme.test is being replaced already")
    world.aws.heal(away)
    await world.passes(70)

    assert set(world.ses.identities) == {"acme.example"}
    rows = await identities(world)
    assert set(rows) == {"acme.example"}
    assert (rows["acme.example"].state, rows["acme.example"].adopted) == ("pending", False)
    assert len(await audits(world.bot.db, "identity.replace")) == 1
    await world.bob.sees(world.news, "Put these records into the DNS of acme.example")


# E8


@OVER_HTTP
@pytest.mark.long
async def test_after_a_reconnect_paused_broadcasts_can_be_resumed(world: World) -> None:
    key = await world.is_connected()
    await world.adds("acme.test", verified=True)
    world.ses.grant_production(quota=50_000, rate=1)
    await world.passes(600)
    message = await world.confirms(await world.composes())
    world.aws.revoke(key)
    await world.passes(31)
    await world.passes(60)
    assert "AWS refused the credentials" in message.text
    mails = world.aws.mail_count

    new = world.aws.create_key(user="rotated")
    modal = await world.opens(world.ada, "/mailer reconnect", "Reconnect Amazon SES")
    modal.fill("Access key ID", new.access_key_id)
    modal.fill("Secret access key", new.secret_access_key)
    await modal.submit()
    await world.settle()
    said = await world.bob.sees(world.news, "Reconnected to AWS account")
    assert "“Spring news” to 2 recipients waits until somebody resumes it." in said.text
    await world.passes(600)
    assert world.aws.mail_count == mails, "after a reconnect a person decides"
    assert "Resume" in message.buttons
    await world.bob.press(said, "Resume")
    await world.settle()

    assert "is done" in message.text
    assert world.aws.mail_count == mails + 2
