"""S1, E1, C1: connecting a channel to an AWS account."""

import asyncio

import pytest
from sqlmodel import select

from storage.models import ConnectDraft, Mailer, Outbox
from tests.flows.world import BOTH_DATABASES, OVER_HTTP, OVER_SOCKET_MODE, World


async def stored_mailers(world: World) -> list[Mailer]:
    async with world.bot.db.read() as session:
        return list(await session.exec(select(Mailer)))


async def test_good_credentials_are_ticked_off_stored_sealed_and_told_to_the_channel(world: World) -> None:
    key = await world.connects()

    modal = await world.ada.modal("Connect Amazon SES")
    assert "Connected to AWS account 1111-2222-3333" in modal.text
    assert "ses:SendBulkEmail allowed" in modal.text
    assert "sns:CreateTopic allowed" in modal.text
    told = await world.bob.sees(world.news, "Connected to AWS account 1111-2222-3333")
    assert "eu-west-1 (Europe, Ireland)" in told.text
    assert "Sandbox" in told.text
    assert "0 of 200 sent in the last 24 hours, 200 left" in told.text
    assert told.buttons == ["Add identity"]
    (mailer,) = await stored_mailers(world)
    assert (mailer.account_id, mailer.region, mailer.access) == ("111122223333", "eu-west-1", "ok")
    assert key.secret_access_key.encode() not in mailer.credentials


@OVER_HTTP
async def test_the_secret_is_never_shown_to_slack(world: World) -> None:
    key = await world.connects()

    assert not [call for call in world.slack.calls if key.secret_access_key in str(call.params)]


@OVER_SOCKET_MODE
async def test_a_wrong_secret_is_refused_and_nothing_is_stored(world: World) -> None:
    key = world.aws.create_key()

    await world.submits_key(key, secret="x" * 40)

    modal = await world.ada.modal("Connect Amazon SES")
    assert "secret access key does not belong to this access key ID" in modal.text
    assert await stored_mailers(world) == []
    assert world.slack.messages(world.news) == []


@OVER_HTTP
@pytest.mark.parametrize("refused_by", ["AWS", "the field"])
async def test_what_was_typed_is_kept_for_that_person_for_a_day_but_the_secret(world: World, refused_by: str) -> None:
    key, secret = world.aws.create_key(), "wrong/" + "x" * (34 if refused_by == "AWS" else 5)
    await world.submits_key(key, secret=secret)
    if refused_by == "AWS":
        modal = await world.ada.modal("Connect Amazon SES")
        assert modal.value("Access key ID") == key.access_key_id

    again = await world.opens(world.ada, "/mailer connect", "Connect Amazon SES")
    assert again.value("AWS region")["value"] == "eu-west-1"
    assert again.value("Sign in with")["value"] == "access_key"
    assert again.value("Access key ID") == key.access_key_id
    assert not again.value("Secret access key")
    async with world.bot.db.read() as session:
        (kept,) = (await session.exec(select(ConnectDraft))).all()
    assert secret not in str(kept)

    world.clock.advance(24 * 3600 + 1)
    later = await world.opens(world.ada, "/mailer connect", "Connect Amazon SES")
    assert later.value("AWS region")["value"] == "us-east-1"
    assert not later.value("Access key ID")


@OVER_SOCKET_MODE
async def test_a_secret_typed_into_another_field_is_not_kept_and_what_aws_took_neither(world: World) -> None:
    key = world.aws.create_key()
    modal = await world.opens(world.ada, "/mailer connect", "Connect Amazon SES")
    modal.fill("Access key ID", key.secret_access_key)
    modal.fill("Secret access key", key.access_key_id)
    await modal.submit()
    await world.bot.tasks.idle()
    async with world.bot.db.read() as session:
        assert [row.access_key_id for row in await session.exec(select(ConnectDraft))] == [""]

    await world.connects(key)

    async with world.bot.db.read() as session:
        assert (await session.exec(select(ConnectDraft))).all() == []


@OVER_HTTP
async def test_a_half_typed_key_is_refused_in_its_field(world: World) -> None:
    key = world.aws.create_key()

    await world.submits_key(key, secret=key.secret_access_key[:30])

    modal = await world.ada.modal("Connect Amazon SES")
    assert "exactly 40" in modal.errors["Secret access key"]
    assert modal.value("Access key ID") == key.access_key_id
    assert not world.aws.calls


@OVER_HTTP
async def test_the_secret_of_a_refused_key_is_in_no_view_and_in_no_acknowledgement(world: World) -> None:
    wrong, denied = "wrong/" + "x" * 34, world.aws.create_key(deny=["ses:SendBulkEmail"])
    await world.submits_key(denied, secret=denied.secret_access_key[:30])
    await world.submits_key(denied, secret=wrong)
    await world.submits_key(denied)
    assert "ses:SendBulkEmail" in (await world.ada.modal("Connect Amazon SES")).text

    said = [*(call.params for call in world.slack.calls), *(each.ack for each in world.slack.deliveries)]
    assert len([ack for ack in said if ack and "response_action" in str(ack)]) == 3
    assert [text for text in map(str, said) if wrong in text or denied.secret_access_key[:30] in text] == []


@OVER_SOCKET_MODE
async def test_a_missing_sns_permission_is_named_with_the_policy_to_paste(world: World) -> None:
    key = world.aws.create_key(deny=["sns:CreateTopic"])

    await world.submits_key(key)

    modal = await world.ada.modal("Connect Amazon SES")
    assert "Missing: sns:CreateTopic" in modal.text
    assert '"sns:CreateTopic"' in modal.text.replace("&quot;", '"')
    assert await stored_mailers(world) == []
    async with world.bot.db.read() as session:
        assert (await session.exec(select(Outbox))).all() == []

    assert modal.value("AWS region")["value"] == "eu-west-1"
    assert not modal.value("Secret access key")


@OVER_HTTP
async def test_what_an_account_forbids_on_the_way_of_events_is_said_in_awss_words(world: World) -> None:
    said = "Could not publish to SNS topic: a KMS key is required"
    destination = "ses:CreateConfigurationSetEventDestination"
    world.aws.fail(destination, "BadRequestException", times=None, message=said)

    await world.submits_key(world.aws.create_key())

    shown = (await world.ada.modal("Connect Amazon SES")).text
    assert f"AWS does not take what Mailroom sets up ({destination}): {said}" in shown
    assert await stored_mailers(world) == []


@OVER_HTTP
async def test_a_missing_ses_permission_is_refused_too(world: World) -> None:
    await world.submits_key(world.aws.create_key(deny=["ses:SendBulkEmail", "ses:GetAccount"]))

    modal = await world.ada.modal("Connect Amazon SES")
    assert "ses:SendBulkEmail" in modal.text
    assert "ses:GetAccount" in modal.text
    assert await stored_mailers(world) == []


@OVER_SOCKET_MODE
async def test_a_missing_optional_permission_is_a_note(world: World) -> None:
    await world.connects(world.aws.create_key(deny=["sqs:CreateQueue"]))

    await world.ada.types(world.news, "/mailer")
    card = await world.ada.sees(world.news, "As AWS told us")
    assert "bounces and complaints are not seen" in card.text


@OVER_HTTP
async def test_a_root_key_is_refused(world: World) -> None:
    await world.submits_key(world.aws.create_key(root=True))

    modal = await world.ada.modal("Connect Amazon SES")
    assert "root user" in modal.text
    assert await stored_mailers(world) == []


@OVER_SOCKET_MODE
async def test_a_region_that_is_switched_off_is_named(world: World) -> None:
    world.aws.switch_off("eu-west-1")

    await world.submits_key(world.aws.create_key())

    modal = await world.ada.modal("Connect Amazon SES")
    assert "does not answer for this account in this region" in modal.text


@OVER_HTTP
async def test_a_second_connect_is_refused_with_the_ways_on(world: World) -> None:
    await world.is_connected()

    await world.ada.types(world.news, "/mailer connect")

    refusal = await world.ada.sees(world.news, "already connected")
    assert refusal.ephemeral
    assert refusal.buttons == ["Reconnect", "Delete mailer"]


@BOTH_DATABASES
async def test_of_two_people_who_connect_at_the_same_moment_one_wins(world: World) -> None:
    olga = world.slack.person("Olga", role="owner")
    world.news.members.add(olga.id)
    modals = []
    for who in (world.ada, olga):
        key = world.aws.create_key(user=who.name)
        await who.types(world.news, "/mailer connect")
        modal = await who.modal("Connect Amazon SES")
        modal.fill("AWS region", "eu-west-1")
        modal.fill("Access key ID", key.access_key_id)
        modal.fill("Secret access key", key.secret_access_key)
        modals.append(modal)

    await asyncio.gather(*(modal.submit() for modal in modals))
    await world.settle()

    texts = [(await who.modal("Connect Amazon SES")).text for who in (world.ada, olga)]
    assert sum("Connected to AWS account" in text for text in texts) == 1
    assert sum("already connected" in text for text in texts) == 1
    assert len(await stored_mailers(world)) == 1
    assert len([m for m in world.slack.messages(world.news) if "Connected" in world.slack.text_of(m)]) == 1


async def test_reconnect_takes_a_new_key_and_keeps_the_rest(world: World) -> None:
    await world.is_connected()
    await world.adds("acme.test", verified=True)
    new = world.aws.create_key(user="rotated")

    await world.ada.types(world.news, "/mailer reconnect")
    modal = await world.ada.modal("Reconnect Amazon SES")
    modal.fill("Access key ID", new.access_key_id)
    modal.fill("Secret access key", new.secret_access_key)
    await modal.submit()
    await world.settle()

    await world.bob.sees(world.news, "Reconnected to AWS account 1111-2222-3333")
    (mailer,) = await stored_mailers(world)
    assert mailer.principal_arn.endswith("user/rotated")
    await world.ada.types(world.news, "/mailer")
    assert "acme.test is verified" in (await world.ada.sees(world.news, "As AWS told us")).text


@OVER_SOCKET_MODE
async def test_reconnect_refuses_another_account(world: World) -> None:
    await world.is_connected()
    other = world.aws.create_key("999988887777")

    await world.ada.types(world.news, "/mailer reconnect")
    modal = await world.ada.modal("Reconnect Amazon SES")
    modal.fill("Access key ID", other.access_key_id)
    modal.fill("Secret access key", other.secret_access_key)
    await modal.submit()
    await world.settle()

    assert "belongs to AWS account 999988887777" in (await world.ada.modal("Reconnect Amazon SES")).text


async def test_deleting_wants_the_channel_name_and_then_the_channel_is_free(world: World) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    await world.ada.types(world.news, "/mailer delete")
    modal = await world.ada.modal("Delete mailer")
    assert "acme.test" in modal.text
    modal.fill("Type the channel name", "other")
    await modal.submit()
    assert "not the name of this channel" in modal.errors["Type the channel name"]

    modal.fill("Type the channel name", "#news")
    modal.fill("Also delete the identities at AWS", ["Delete them at AWS too, for every use of the account"])
    await modal.submit()
    await world.settle()

    await world.bob.sees(world.news, "The mailer of this channel was deleted")
    assert await stored_mailers(world) == []
    assert "acme.test" not in world.ses.identities
    await world.connects()


async def test_of_a_deleted_mailer_no_credentials_stay_and_who_must_not_be_mailed_does(world: World) -> None:
    key = await world.is_connected()
    await world.adds("acme.test")
    await world.ada.types(world.news, "/mailer suppress ann@elsewhere.test")
    await world.bot.tasks.idle()
    sealed = repr((await stored_mailers(world))[0].credentials)
    assert any(sealed in row for row in (await world.everything_stored())["mailer"])

    modal = await world.opens(world.ada, "/mailer delete", "Delete mailer")
    modal.fill("Type the channel name", "news")
    await modal.submit()
    await world.settle()

    stored = await world.everything_stored()
    secrets = (sealed, key.access_key_id, key.secret_access_key)
    assert [row for rows in stored.values() for row in rows if any(each in row for each in secrets)] == []
    assert (stored["mailer"], stored["identity"]) == ([], [])
    assert "ann@elsewhere.test" in str(stored["suppression"])
