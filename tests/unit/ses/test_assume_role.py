"""Signing in by a role: whose session, for how long, and what it means when the role or our own key says no."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bot.ses.assume_role import OpenRoleError, new_external_id, prove
from bot.ses.client import AwsSession, SesClients
from bot.ses.cloudformation import RoleOffer, template
from bot.ses.credentials import AwsRole
from bot.ses.errors import ASSUME_ROLE, ErrorKind, SesError
from bot.ses.iam_policy import STATEMENTS
from bot.ses.operations import Ses
from tests.playground.aws import AwsPlayground, How, Key
from tests.playground.aws.calls import Call
from tests.principal import OWN_ACCOUNT, forget_credentials, give_principal
from tests.unit.ses.conftest import REGION, Ticker

ACCOUNT = "111122223333"
EXTERNAL_ID = new_external_id()
OFFER = RoleOffer(OWN_ACCOUNT, EXTERNAL_ID, "https://bucket.s3.amazonaws.com/role.yaml")


@pytest.fixture(autouse=True)
def principal(aws: AwsPlayground, monkeypatch: pytest.MonkeyPatch) -> Key:
    forget_credentials(monkeypatch)
    return give_principal(aws, monkeypatch)


@pytest.fixture
def clients(ticker: Ticker) -> Iterator[SesClients]:
    """Clients that find out anew whether there is a principal."""
    made = SesClients(threads=3, seconds=ticker, sleep=ticker.sleep)
    yield made
    made.close()


@pytest.fixture
def session(aws: AwsPlayground, clients: SesClients) -> AwsSession:
    """The way in by a role that trusts Mailroom's account and this ExternalId."""
    trusting(aws)
    return signed_in(clients)


def trusting(aws: AwsPlayground, external_id: str | None = EXTERNAL_ID) -> str:
    return aws.create_role(ACCOUNT, external_id=external_id, trusted=OWN_ACCOUNT).arn


def signed_in(clients: SesClients, owner: str = "mailer", version: int = 1) -> AwsSession:
    role = AwsRole(f"arn:aws:iam::{ACCOUNT}:role/mailroom", EXTERNAL_ID)
    return clients.sign_in(owner, version, role, REGION, "c0ffee")


def assumed(aws: AwsPlayground) -> list[Call]:
    return aws.calls_of(ASSUME_ROLE)


# Sessions


async def test_a_role_is_assumed_with_its_external_id_under_the_name_of_the_connection(
    aws: AwsPlayground, session: AwsSession, principal: Key
) -> None:
    answer = await session.call("sts:GetCallerIdentity", lambda sts: sts.get_caller_identity())
    assert answer["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/mailroom/mailroom-c0ffee"
    (call,) = assumed(aws)
    assert (call.access_key_id, call.region) == (principal.access_key_id, REGION)
    assert call.params["ExternalId"] == EXTERNAL_ID
    assert call.params["DurationSeconds"] == "3600"


async def test_a_session_is_shared_by_all_calls_of_a_mailer_and_of_no_other(
    aws: AwsPlayground, clients: SesClients, session: AwsSession
) -> None:
    for way in (session, session, signed_in(clients)):
        await Ses(way).account()
    assert len(assumed(aws)) == 1
    await Ses(signed_in(clients, version=2)).account()
    await Ses(signed_in(clients, owner="another")).account()
    assert len(assumed(aws)) == 3


async def test_a_session_is_renewed_when_four_fifths_of_its_life_are_over(
    aws: AwsPlayground, session: AwsSession, ticker: Ticker
) -> None:
    await Ses(session).account()
    ticker.seconds += 2879
    await Ses(session).account()
    assert len(assumed(aws)) == 1
    ticker.seconds += 1
    await Ses(session).account()
    assert len(assumed(aws)) == 2
    assert len({call.access_key_id for call in aws.calls_of("ses:GetAccount")}) == 2


async def test_a_session_that_has_run_out_on_aws_clock_is_opened_anew_and_the_call_is_made(
    aws: AwsPlayground, session: AwsSession
) -> None:
    aws.rules.seconds_between_calls = 0
    await Ses(session).account()
    aws.fail("ses:GetAccount", "ExpiredTokenException")
    facts = await Ses(session).account()
    assert facts.sending_enabled
    assert len(assumed(aws)) == 2
    assert [call.error for call in aws.calls_of("ses:GetAccount")] == [None, "ExpiredTokenException", None]


async def test_a_session_that_runs_out_again_and_again_is_not_tried_for_ever(
    aws: AwsPlayground, session: AwsSession
) -> None:
    aws.fail("ses:GetAccount", "ExpiredTokenException", times=None)
    with pytest.raises(SesError) as caught:
        await Ses(session).account()
    assert caught.value.kind is ErrorKind.EXPIRED
    assert not caught.value.is_access_loss
    assert len(assumed(aws)) == 2


async def test_the_old_session_does_until_its_end_while_no_new_one_can_be_had(
    aws: AwsPlayground, session: AwsSession, ticker: Ticker
) -> None:
    await Ses(session).account()
    fault = aws.fail(ASSUME_ROLE, How.THROTTLE, times=None)
    ticker.seconds += 3000
    await Ses(session).account()
    hits = fault.hits
    await Ses(session).account()
    assert fault.hits == hits  # the renewal is not tried at every call
    ticker.seconds += 600
    with pytest.raises(SesError) as caught:
        await Ses(session).account()
    assert caught.value.kind is ErrorKind.THROTTLED
    aws.heal()
    await Ses(session).account()


async def test_forgetting_an_owner_forgets_its_session(
    aws: AwsPlayground, clients: SesClients, session: AwsSession
) -> None:
    await Ses(session).account()
    clients.forget("mailer")
    await Ses(session).account()
    assert len(assumed(aws)) == 2


# Refusals


@pytest.mark.parametrize("change", ["the ExternalId", "the account", "no role"])
async def test_a_role_that_no_longer_trusts_mailroom_is_access_loss_as_soon_as_it_is_asked_anew(
    aws: AwsPlayground, session: AwsSession, change: str
) -> None:
    await Ses(session).account()
    if change == "the ExternalId":
        trusting(aws, new_external_id())
    elif change == "the account":
        aws.create_role(ACCOUNT, external_id=EXTERNAL_ID, trusted="444455556666")
    else:
        aws.delete_role(f"arn:aws:iam::{ACCOUNT}:role/mailroom")
    session.renew()
    with pytest.raises(SesError) as caught:
        await Ses(session).account()
    assert (caught.value.kind, caught.value.action) == (ErrorKind.ACCESS, ASSUME_ROLE)
    assert caught.value.is_access_loss


async def test_our_own_key_being_refused_costs_no_team_its_access_and_is_logged(
    aws: AwsPlayground, session: AwsSession, principal: Key, caplog: pytest.LogCaptureFixture
) -> None:
    aws.revoke(principal)
    with pytest.raises(SesError) as caught:
        await Ses(session).account()
    assert caught.value.kind is ErrorKind.PRINCIPAL
    assert not caught.value.is_access_loss
    assert not caught.value.maybe_accepted
    assert "Mailroom's own AWS credentials cannot assume roles" in caplog.text


async def test_having_no_credentials_of_our_own_costs_no_team_its_access(
    aws: AwsPlayground, clients: SesClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_credentials(monkeypatch)
    trusting(aws)
    with pytest.raises(SesError) as caught:
        await Ses(signed_in(clients)).account()
    assert caught.value.kind is ErrorKind.PRINCIPAL
    assert await clients.own_account() is None
    assert aws.calls == []


async def test_a_sts_that_does_not_answer_leaves_no_send_in_doubt(aws: AwsPlayground, session: AwsSession) -> None:
    aws.fail(ASSUME_ROLE, How.UNAVAILABLE, times=None)
    with pytest.raises(SesError) as caught:
        await session.call("ses:SendBulkEmail", lambda ses: ses.send_bulk_email(), once=True)
    assert caught.value.kind is ErrorKind.NOT_SENT
    assert not caught.value.maybe_accepted


async def test_a_switched_off_region_is_said_to_be_that(aws: AwsPlayground, session: AwsSession) -> None:
    aws.fail(ASSUME_ROLE, "RegionDisabledException")
    with pytest.raises(SesError) as caught:
        await Ses(session).account()
    assert caught.value.kind is ErrorKind.REGION_OFF


async def test_where_a_region_does_not_know_our_key_the_home_regions_sts_is_asked(
    aws: AwsPlayground, session: AwsSession
) -> None:
    fault = aws.fail(ASSUME_ROLE, "InvalidClientTokenId", times=None, region=REGION)
    (answer,) = await asyncio.gather(Ses(session).account(), return_exceptions=True)
    assert not isinstance(answer, SesError)
    assert fault.hits == 1
    aws.fail(ASSUME_ROLE, "InvalidClientTokenId", times=None)
    session.renew()
    await Ses(session).account()  # by the session that is there: nothing of the team's is in doubt


# Our own account


async def test_our_own_account_is_asked_for_once(aws: AwsPlayground, clients: SesClients) -> None:
    assert [await clients.own_account() for _ in range(2)] == [OWN_ACCOUNT, OWN_ACCOUNT]
    assert len(aws.calls_of("sts:GetCallerIdentity")) == 1


async def test_that_our_key_failed_once_is_not_remembered(
    aws: AwsPlayground, clients: SesClients, principal: Key
) -> None:
    aws.revoke(principal)
    assert await clients.own_account() is None
    aws.restore(principal)
    assert await clients.own_account() == OWN_ACCOUNT


async def test_credentials_that_come_later_are_found_after_ten_minutes(
    aws: AwsPlayground, clients: SesClients, ticker: Ticker, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_credentials(monkeypatch)
    assert await clients.own_account() is None
    give_principal(aws, monkeypatch)
    assert await clients.own_account() is None
    ticker.seconds += 600
    assert await clients.own_account() == OWN_ACCOUNT


# The proof


async def test_a_role_proves_that_it_refuses_no_and_a_wrong_external_id(
    aws: AwsPlayground, session: AwsSession, ticker: Ticker
) -> None:
    await session.prove(ticker.sleep)
    right, missing, wrong = assumed(aws)
    assert (right.params["ExternalId"], right.error) == (EXTERNAL_ID, None)
    assert "ExternalId" not in missing.params
    assert wrong.params["ExternalId"] != EXTERNAL_ID
    assert [missing.error, wrong.error] == ["AccessDenied", "AccessDenied"]
    assert ticker.seconds == 0


async def test_a_role_that_asks_for_no_external_id_is_open(
    aws: AwsPlayground, clients: SesClients, ticker: Ticker
) -> None:
    trusting(aws, None)
    with pytest.raises(OpenRoleError):
        await signed_in(clients).prove(ticker.sleep)


async def test_a_role_that_takes_any_external_id_is_open(ticker: Ticker) -> None:
    async def assume(external_id: str | None) -> None:
        if external_id is None:
            raise SesError(ErrorKind.ACCESS, "AccessDenied", ASSUME_ROLE)

    with pytest.raises(OpenRoleError):
        await prove(assume, EXTERNAL_ID, ticker.sleep)


async def test_a_role_that_asks_for_an_external_id_only_where_one_is_given_is_open(ticker: Ticker) -> None:
    async def assume(external_id: str | None) -> None:
        if external_id not in {None, EXTERNAL_ID}:  # StringEqualsIfExists
            raise SesError(ErrorKind.ACCESS, "AccessDenied", ASSUME_ROLE)

    with pytest.raises(OpenRoleError):
        await prove(assume, EXTERNAL_ID, ticker.sleep)


async def test_no_answer_is_no_proof(aws: AwsPlayground, session: AwsSession, ticker: Ticker) -> None:
    aws.fail(ASSUME_ROLE, How.THROTTLE, times=None)
    with pytest.raises(SesError) as caught:
        await session.prove(ticker.sleep)
    assert caught.value.kind is ErrorKind.THROTTLED


async def test_a_role_made_just_now_is_waited_for(aws: AwsPlayground, clients: SesClients, ticker: Ticker) -> None:
    async def sleep(seconds: float) -> None:
        await ticker.sleep(seconds)
        if ticker.seconds >= 6:
            trusting(aws)

    await signed_in(clients).prove(sleep)
    assert ticker.seconds == 6


async def test_a_role_that_does_not_let_us_in_is_waited_for_14_seconds(
    aws: AwsPlayground, clients: SesClients, ticker: Ticker
) -> None:
    trusting(aws, new_external_id())
    with pytest.raises(SesError) as caught:
        await signed_in(clients).prove(ticker.sleep)
    assert (caught.value.kind, caught.value.action) == (ErrorKind.ACCESS, ASSUME_ROLE)
    assert ticker.seconds == 14


# What the team is given


def test_external_ids_are_long_and_never_the_same() -> None:
    made = [new_external_id() for _ in range(100)]
    assert len(set(made)) == 100
    assert all(len(name) == 41 and name.startswith("mailroom-") and name[9:].isalnum() for name in made)


def test_the_external_id_is_in_no_repr() -> None:
    assert EXTERNAL_ID not in repr(AwsRole("arn:aws:iam::111122223333:role/mailroom", EXTERNAL_ID))


def test_the_template_trusts_one_account_with_one_external_id() -> None:
    made = yaml.safe_load(template())
    role = made["Resources"]["MailroomRole"]
    (statement,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert role["Type"] == "AWS::IAM::Role"
    assert role["Properties"]["MaxSessionDuration"] == 3600
    assert statement == {
        "Effect": "Allow",
        "Principal": {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${MailroomAccount}:root"}},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}}},
    }
    assert set(made["Parameters"]) == {"MailroomAccount", "ExternalId"}
    assert not any("NoEcho" in parameter or "Default" in parameter for parameter in made["Parameters"].values())
    assert made["Outputs"]["RoleArn"]["Value"] == {"Fn::GetAtt": ["MailroomRole", "Arn"]}


def test_the_template_grants_the_policy_and_nothing_else() -> None:
    properties = yaml.safe_load(template())["Resources"]["MailroomRole"]["Properties"]
    (policy,) = properties["Policies"]
    granted = policy["PolicyDocument"]["Statement"]
    assert "ManagedPolicyArns" not in properties
    assert [(statement["Sid"], tuple(statement["Action"])) for statement in granted] == [
        (statement.sid, statement.actions) for statement in STATEMENTS
    ]
    resources = {statement["Sid"]: statement["Resource"] for statement in granted}
    assert resources["MailroomTopic"] == {"Fn::Sub": "arn:${AWS::Partition}:sns:*:${AWS::AccountId}:mailroom-*"}
    assert {resources["MailroomManage"], resources["MailroomSend"], resources["MailroomSuppressions"]} == {"*"}


def test_the_command_makes_the_stack_and_prints_the_role() -> None:
    command = OFFER.command("eu-west-1")
    assert f"ParameterKey=MailroomAccount,ParameterValue={OWN_ACCOUNT}" in command
    assert f"ParameterKey=ExternalId,ParameterValue={EXTERNAL_ID}" in command
    assert "--capabilities CAPABILITY_IAM" in command
    assert command.count("--region eu-west-1") == 3


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-1", "eu-west-1.console.aws.amazon.com"),
        ("eusc-de-east-1", "eusc-de-east-1.console.amazonaws-eusc.eu"),
        ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_the_quick_create_link_has_everything_filled_in(region: str, host: str) -> None:
    assert OFFER.link(region) == (
        f"https://{host}/cloudformation/home?region={region}#/stacks/create/review"
        f"?templateURL=https%3A%2F%2Fbucket.s3.amazonaws.com%2Frole.yaml&stackName={OFFER.stack_name}"
        f"&param_MailroomAccount={OWN_ACCOUNT}&param_ExternalId={EXTERNAL_ID}"
    )


def test_without_a_template_in_s3_there_is_no_link() -> None:
    assert RoleOffer(OWN_ACCOUNT, EXTERNAL_ID).link("eu-west-1") == ""


def test_the_documentation_shows_the_template_as_it_is() -> None:
    page = Path(__file__).parents[3] / "docs" / "iam-role.md"
    assert f"```yaml\n{template()}```" in page.read_text()
