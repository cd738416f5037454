"""E 43 to 47, E8: signing in by a role that the team made for this channel and for no other."""

import re

import pytest
from sqlmodel import select

from storage.models import Mailer, Team
from tests.databases import Clock
from tests.flows.world import ACCOUNT, OVER_HTTP, OVER_SOCKET_MODE, REGION, World, long_case, open_world
from tests.playground.aws import AwsPlayground, Key, Role
from tests.playground.slack.driver import Person
from tests.playground.slack.surfaces import Modal
from tests.playground.slack.world import Channel
from tests.principal import OWN_ACCOUNT, give_principal

EXTERNAL_ID = re.compile(r"mailroom-[A-Za-z0-9]{32,}")
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/mailroom"


@pytest.fixture(autouse=True)
def principal(aws: AwsPlayground, monkeypatch: pytest.MonkeyPatch) -> Key:
    return give_principal(aws, monkeypatch)


async def opens(world: World, command: str = "connect", channel: Channel | None = None) -> Modal:
    return await world.opens(world.ada, f"/mailer {command}", f"{command.capitalize()} Amazon SES", channel=channel)


def external_id(modal: Modal) -> str:
    """What stands under *External ID*, as a person copies it."""
    lines = modal.text.splitlines()
    found = EXTERNAL_ID.search(lines[lines.index("External ID") + 1])
    assert found, modal.text
    return found[0]


async def submits(world: World, modal: Modal, arn: str = ROLE_ARN) -> Modal:
    modal.fill("AWS region", REGION)
    modal.fill("Role ARN", arn)
    await modal.submit()
    await world.bot.tasks.idle()
    return modal


async def connects_by_role(world: World) -> Role:
    modal = await opens(world)
    role = world.aws.create_role(ACCOUNT, external_id=external_id(modal), trusted=OWN_ACCOUNT)
    await submits(world, modal)
    await world.settle()
    await world.ada.sees(world.news, "Connected to AWS account 1111-2222-3333")
    return role


async def stored(world: World) -> Mailer | None:
    async with world.bot.db.read() as session:
        return (await session.exec(select(Mailer))).first()


async def card(world: World, who: Person | None = None) -> str:
    return (await world.asks(who or world.ada, "/mailer", "Connection")).text


@OVER_HTTP
async def test_a_role_is_recommended_and_what_it_takes_is_shown(world: World) -> None:
    modal = await opens(world)

    assert modal.value("Sign in with")["value"] == "role"
    assert modal.labels == ["AWS region", "Sign in with", "Role ARN"]
    assert "AWS::IAM::Role" in modal.text
    assert "aws cloudformation create-stack" in modal.text
    assert f"ParameterKey=MailroomAccount,ParameterValue={OWN_ACCOUNT}" in modal.text
    assert f"ParameterKey=ExternalId,ParameterValue={external_id(modal)}" in modal.text
    assert modal.buttons == []


@OVER_SOCKET_MODE
async def test_the_form_follows_the_choice_and_keeps_the_region(world: World) -> None:
    modal = await opens(world)
    modal.fill("AWS region", "eu-central-1")

    await modal.choose("Sign in with", "Access key")
    await world.bot.tasks.idle()
    assert modal.labels == ["AWS region", "Sign in with", "Access key ID", "Secret access key"]
    assert modal.value("AWS region")["value"] == "eu-central-1"
    assert "External ID" not in modal.text

    await modal.choose("Sign in with", "IAM role")
    await world.bot.tasks.idle()
    assert modal.labels == ["AWS region", "Sign in with", "Role ARN"]
    assert modal.value("AWS region")["value"] == "eu-central-1"
    assert "--region eu-central-1" in modal.text


async def test_a_role_connects_once_it_has_proven_to_refuse_everybody_else(world: World) -> None:
    await connects_by_role(world)

    modal = await world.ada.modal("Connect Amazon SES")
    assert "sts:AssumeRole allowed" in modal.text
    mailer = await stored(world)
    assert mailer is not None
    assert (mailer.sign_in, mailer.account_id, mailer.access) == ("role", ACCOUNT, "ok")
    assert mailer.principal_arn.endswith(f":assumed-role/mailroom/mailroom-{mailer.connection}")
    assert b"role/mailroom" not in mailer.credentials
    tried = world.aws.calls_of("sts:AssumeRole")[:3]
    assert [call.error for call in tried] == [None, "AccessDenied", "AccessDenied"]


async def test_everything_works_by_role_as_it_does_by_key(world: World) -> None:
    world.ses.verify("acme.test")
    world.ses.grant_production(quota=50_000, rate=50)
    await connects_by_role(world)

    await world.sends()

    assert len(world.aws.mails_to("ann@elsewhere.test")) == 1
    assert len(world.aws.mails_to("ben@elsewhere.test")) == 1
    assert all(call.access_key_id.startswith("ASIA") for call in world.aws.calls if call.operation.startswith("ses:"))


@OVER_HTTP
async def test_the_external_id_is_the_same_until_the_mailer_is_deleted(world: World) -> None:
    first = external_id(await opens(world))
    assert external_id(await opens(world)) == first
    await connects_by_role(world)
    assert external_id(await opens(world, "reconnect")) == first

    modal = await world.opens(world.ada, "/mailer delete", "Delete mailer")
    modal.fill("Type the channel name", "news")
    await modal.submit()
    await world.settle()
    await world.ada.sees(world.news, "The mailer of this channel was deleted")

    assert external_id(await opens(world)) != first


@OVER_SOCKET_MODE
async def test_a_role_that_lets_anybody_in_is_refused_with_the_reason(world: World) -> None:
    modal = await opens(world)
    world.aws.create_role(ACCOUNT, external_id=None, trusted=OWN_ACCOUNT)

    await submits(world, modal)

    assert "lets Mailroom in without the External ID" in modal.text
    assert "Nothing was stored" in modal.text
    assert modal.value("Role ARN") == ROLE_ARN
    assert await stored(world) is None
    assert {call.operation for call in world.aws.calls} <= {"sts:AssumeRole", "sts:GetCallerIdentity"}


@OVER_HTTP
async def test_another_channel_cannot_use_the_role_that_was_made_for_this_one(world: World) -> None:
    await connects_by_role(world)
    rivals = world.slack.channel("rivals", people=[world.ada])

    modal = await opens(world, channel=rivals)
    theirs = external_id(modal)
    await submits(world, modal)

    assert "does not let Mailroom in with this channel's External ID" in modal.text
    assert await everybodys_external_ids(world) == {"rivals": theirs, "news": await own_external_id(world)}
    assert theirs != await own_external_id(world)
    async with world.bot.db.read() as session:
        assert len((await session.exec(select(Mailer))).all()) == 1


async def everybodys_external_ids(world: World) -> dict[str, str | None]:
    async with world.bot.db.read() as session:
        return {team.name: team.external_id for team in await session.exec(select(Team))}


async def own_external_id(world: World) -> str | None:
    return (await everybodys_external_ids(world))["news"]


@OVER_SOCKET_MODE
@pytest.mark.parametrize(
    "arn", ["mailroom", long_case("arn:aws:iam::111122223333:user/mailroom"), "arn:aws-cn:iam::1:role/x"]
)
async def test_what_cannot_be_a_role_of_this_region_is_refused_before_aws_is_asked(world: World, arn: str) -> None:
    modal = await opens(world)
    before = len(world.aws.calls)

    await submits(world, modal, arn)

    assert "A role ARN looks like arn:aws:iam::111122223333:role/name" in modal.text
    assert len(world.aws.calls) == before


@OVER_HTTP
async def test_a_role_without_a_needed_permission_is_refused_with_the_policy_for_it(world: World) -> None:
    modal = await opens(world)
    world.aws.create_role(
        ACCOUNT, external_id=external_id(modal), trusted=OWN_ACCOUNT, allow=["ses:*", "sqs:*", "sts:*"]
    )

    await submits(world, modal)

    assert "the role may not do everything Mailroom needs" in modal.text
    assert "sns:CreateTopic" in modal.text
    assert "IAM › Roles › mailroom" in modal.text
    assert "role/mailroom" in modal.text
    assert modal.value("Role ARN") == ROLE_ARN
    assert await stored(world) is None


@OVER_SOCKET_MODE
@pytest.mark.parametrize("change", ["trust", long_case("gone")])
async def test_a_role_that_no_longer_lets_mailroom_in_is_access_loss_in_its_own_words(
    world: World, change: str
) -> None:
    role = await connects_by_role(world)

    if change == "gone":
        world.aws.delete_role(role)
    else:
        world.aws.create_role(ACCOUNT, external_id=f"mailroom-{'x' * 32}", trusted=OWN_ACCOUNT)
    await world.passes(600)
    assert "being confirmed" in await card(world)
    await world.passes(60)

    assert "The role no longer lets Mailroom in" in await card(world)
    assert "AWS no longer accepts" not in await card(world)
    alert = await world.bob.sees(world.news, "The role no longer lets Mailroom in")
    assert "Reconnect" in alert.buttons

    world.aws.create_role(ACCOUNT, external_id=await own_external_id(world), trusted=OWN_ACCOUNT)
    await world.passes(600)
    assert "AWS accepts the credentials" in await card(world)


@OVER_HTTP
@pytest.mark.long
async def test_our_own_key_being_off_alarms_nobody(world: World, principal: Key) -> None:
    await connects_by_role(world)

    world.aws.revoke(principal)
    for _ in range(4):
        await world.passes(600)

    assert "AWS accepts the credentials" in await card(world)


async def test_reconnect_changes_from_key_to_role_and_back(world: World) -> None:
    key = await world.is_connected()
    modal = await opens(world, "reconnect")
    assert modal.value("Sign in with")["value"] == "access_key"
    await modal.choose("Sign in with", "IAM role")
    await world.bot.tasks.idle()
    world.aws.create_role(ACCOUNT, external_id=external_id(modal), trusted=OWN_ACCOUNT)
    await submits(world, modal)
    await world.settle()
    mailer = await stored(world)
    assert mailer is not None
    assert (mailer.sign_in, mailer.version) == ("role", 2)
    world.aws.revoke(key)
    await world.passes(600)
    assert "AWS accepts the credentials" in await card(world)

    new = world.aws.create_key(ACCOUNT, "another")
    modal = await opens(world, "reconnect")
    assert modal.value("Sign in with")["value"] == "role"
    await modal.choose("Sign in with", "Access key")
    await world.bot.tasks.idle()
    modal.fill("Access key ID", new.access_key_id)
    modal.fill("Secret access key", new.secret_access_key)
    await modal.submit()
    await world.settle()
    mailer = await stored(world)
    assert mailer is not None
    assert (mailer.sign_in, mailer.version) == ("access_key", 3)
    assert mailer.principal_arn.endswith("user/another")


@OVER_SOCKET_MODE
@pytest.mark.long
async def test_reconnect_refuses_a_role_of_another_account(world: World) -> None:
    await connects_by_role(world)
    other = world.aws.create_role("444455556666", external_id=await own_external_id(world), trusted=OWN_ACCOUNT)

    modal = await submits(world, await opens(world, "reconnect"), other.arn)

    assert "This role belongs to AWS account 444455556666" in modal.text
    mailer = await stored(world)
    assert mailer is not None
    assert mailer.version == 1


@pytest.mark.long
async def test_sessions_that_run_out_while_a_broadcast_waits_cost_no_recipient(world: World) -> None:
    world.ses.verify("acme.test")
    world.ses.grant_production(quota=50_000, rate=50)
    await connects_by_role(world)
    message = await world.confirms(await world.composes())

    world.clock.advance(3590)  # no poll in between
    await world.settle()
    await world.settle()

    assert len(world.aws.mails_to("ann@elsewhere.test")) == 1
    assert len(world.aws.mails_to("ben@elsewhere.test")) == 1
    assert "failed" not in message.text


async def test_with_the_template_in_s3_there_is_a_link_that_has_everything_filled_in(
    aws: AwsPlayground, database_url: str, clock: Clock
) -> None:
    url = "https://bucket.s3.amazonaws.com/mailroom-role.yaml"
    async with open_world(aws, database_url, clock, mailroom_role_template_url=url) as world:
        modal = await opens(world)
        await modal.press("Create the role")
        await world.bot.tasks.idle()

        link = world.ada.last_link
        assert link is not None
        assert "templateURL=https%3A%2F%2Fbucket.s3.amazonaws.com%2Fmailroom-role.yaml" in link
        assert f"param_ExternalId={external_id(modal)}" in link
        assert f"param_MailroomAccount={OWN_ACCOUNT}" in link
        assert modal.labels == ["AWS region", "Sign in with", "Role ARN"]


@OVER_HTTP
async def test_without_a_principal_only_a_key_is_open_and_the_choice_says_why(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    modal = await opens(world)

    assert modal.value("Sign in with")["value"] == "access_key"
    assert "IAM role is not open here" in modal.text
    assert modal.labels == ["AWS region", "Sign in with", "Access key ID", "Secret access key"]
    assert await own_external_id(world) is None
    await world.connects()


@OVER_SOCKET_MODE
async def test_a_member_can_neither_see_nor_change_the_form(world: World) -> None:
    await world.bob.types(world.news, "/mailer connect")
    await world.bob.sees(world.news, "Only team admins can do this")
    assert "mailroom-" not in "\n".join(world.bob.reads(world.news))
