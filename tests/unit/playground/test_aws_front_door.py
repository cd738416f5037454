"""Whose request it is and what it may do, in the shape each service's protocol gives to a refusal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from tests.playground.aws import ACCOUNT
from tests.unit.playground.aws_support import Clients, Clock, code_of, running, simple

OTHER_ACCOUNT = "999988887777"
ARN = f"arn:aws:iam::{ACCOUNT}:user/mailroom"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def clients(clock: Clock) -> Iterator[Clients]:
    with running(clock) as made:
        yield made


def refused(call: object, **params: object) -> ClientError:
    with pytest.raises(ClientError) as caught:
        call(**params)  # type: ignore[operator]
    return caught.value


def test_a_key_is_known_by_its_account_and_a_root_key_by_its_name(clients: Clients) -> None:
    root = clients.aws.create_key(root=True)
    assert len(root.access_key_id) == 20
    assert root.access_key_id.startswith("AKIA")
    assert len(root.secret_access_key) == 40
    who = clients("sts").get_caller_identity()
    assert (who["Account"], who["Arn"]) == (ACCOUNT, ARN)
    assert clients("sts", root).get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"


@pytest.mark.parametrize(
    ("service", "call", "params", "unknown", "wrong", "denied"),
    [
        (
            "sesv2",
            "get_account",
            {},
            "UnrecognizedClientException",
            "InvalidSignatureException",
            "AccessDeniedException",
        ),
        ("sns", "list_topics", {}, "InvalidClientTokenId", "SignatureDoesNotMatch", "AuthorizationError"),
        ("sqs", "list_queues", {}, "InvalidClientTokenId", "SignatureDoesNotMatch", "AccessDenied"),
        (
            "sts",
            "assume_role",
            {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/x", "RoleSessionName": "y"},
            "InvalidClientTokenId",
            "SignatureDoesNotMatch",
            "AccessDenied",
        ),
    ],
)
def test_every_service_refuses_in_its_own_words(
    clients: Clients, service: str, call: str, params: dict[str, str], unknown: str, wrong: str, denied: str
) -> None:
    key = clients.key
    stranger = replace(key, access_key_id="AKIAAAAAAAAAAAAAAAAA")
    forger = replace(key, secret_access_key="x" * 40)
    powerless = clients.aws.create_key(allow=set())
    for used, code in ((stranger, unknown), (forger, wrong), (powerless, denied)):
        error = refused(getattr(clients(service, used), call), **params)
        assert code_of(error) == code
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        if used is powerless:
            assert f"User: {ARN} is not authorized to perform:" in str(error)


def test_a_denial_names_the_action_and_whether_it_was_explicit(clients: Clients) -> None:
    ses = clients("sesv2")
    clients.aws.set_permissions(clients.key, deny={"ses:Get*"})
    text = str(refused(ses.get_account))
    assert "not authorized to perform: ses:GetAccount on resource: arn:aws:ses:eu-west-1:" in text
    assert "explicit deny" in text
    clients.aws.set_permissions(clients.key, allow={"sns:*"})
    assert "no identity-based policy allows the ses:GetAccount action" in str(refused(ses.get_account))
    clients.aws.set_permissions(clients.key)
    assert ses.get_account()["SendingEnabled"]


@pytest.mark.parametrize("action", ["ses:SendEmail", "ses:SendRawEmail"])
def test_a_plain_send_needs_two_actions(clients: Clients, action: str) -> None:
    clients.aws.set_permissions(clients.key, deny={action})
    with pytest.raises(ClientError, match=f"perform: {action} "):
        simple(clients("sesv2"), "success@simulator.amazonses.com")


@pytest.mark.parametrize("action", ["ses:SendBulkEmail", "ses:SendBulkTemplatedEmail"])
def test_a_bulk_send_needs_two_actions(clients: Clients, action: str) -> None:
    clients.aws.set_permissions(clients.key, deny={action})
    error = refused(clients("sesv2").send_bulk_email, DefaultContent={}, BulkEmailEntries=[{"Destination": {}}])
    assert f"perform: {action} " in str(error)


def test_permission_is_decided_before_the_resource_is_looked_at(clients: Clients) -> None:
    ses = clients("sesv2")
    assert code_of(refused(ses.get_email_identity, EmailIdentity="x.invalid")) == "NotFoundException"
    clients.aws.set_permissions(clients.key, deny={"ses:GetEmailIdentity"})
    assert code_of(refused(ses.get_email_identity, EmailIdentity="x.invalid")) == "AccessDeniedException"


def test_an_address_in_the_path_is_signed_and_found(clients: Clients) -> None:
    ses = clients("sesv2")
    ses.create_email_identity(EmailIdentity="a+b@example.com")
    assert ses.get_email_identity(EmailIdentity="a+b@example.com")["IdentityType"] == "EMAIL_ADDRESS"


def test_a_revoked_key_is_unknown_until_it_is_restored(clients: Clients) -> None:
    ses = clients("sesv2")
    clients.aws.revoke(clients.key)
    assert code_of(refused(ses.get_account)) == "UnrecognizedClientException"
    clients.aws.restore(clients.key)
    assert ses.get_account()


def test_a_clock_that_is_far_off_is_not_a_wrong_secret(clients: Clients) -> None:
    clients.aws.skew = timedelta(minutes=20)
    error = refused(clients("sesv2").get_account)
    assert code_of(error) == "InvalidSignatureException"
    assert "Signature expired: " in str(error)
    clients.aws.skew = timedelta(minutes=-20)
    assert "Signature not yet current: " in str(refused(clients("sesv2").get_account))


def test_accounts_and_regions_do_not_see_each_other(clients: Clients) -> None:
    other = clients.aws.create_key(account=OTHER_ACCOUNT)
    clients("sesv2").create_email_identity(EmailIdentity="example.com")
    for client in (clients("sesv2", other), clients("sesv2", region="us-east-1")):
        assert client.list_email_identities()["EmailIdentities"] == []
    topic = clients("sns", other).create_topic(Name="mailroom-a")["TopicArn"]
    assert topic == f"arn:aws:sns:eu-west-1:{OTHER_ACCOUNT}:mailroom-a"
    assert clients("sns").list_topics()["Topics"] == []


def test_a_region_can_be_switched_off(clients: Clients) -> None:
    clients.aws.switch_off("eu-west-1")
    assert code_of(refused(clients("sesv2").get_account)) == "RegionDisabledException"
    clients.aws.switch_off("eu-west-1", "OptInRequired")
    assert code_of(refused(clients("sesv2").get_account)) == "OptInRequired"
    clients.aws.switch_off("eu-west-1", "refuse")
    with pytest.raises(HTTPClientError):
        clients("sesv2").get_account()
    assert clients("sts").get_caller_identity()
    assert clients("sesv2", region="us-east-1").get_account()
    clients.aws.switch_on("eu-west-1")
    assert clients("sesv2").get_account()


def test_a_role_is_assumed_with_the_right_external_id_only(clients: Clients, clock: Clock) -> None:
    role = clients.aws.create_role(external_id="mailroom-abc", trusted=OTHER_ACCOUNT)
    mine = clients("sts", clients.aws.create_key(account=OTHER_ACCOUNT))
    params = {"RoleArn": role.arn, "RoleSessionName": "mailroom"}
    for wrong in ({}, {"ExternalId": "mailroom-abd"}):
        assert code_of(refused(mine.assume_role, **params, **wrong)) == "AccessDenied"
    untrusted = clients("sts").assume_role
    assert code_of(refused(untrusted, **params, ExternalId="mailroom-abc")) == "AccessDenied"

    answer = mine.assume_role(**params, ExternalId="mailroom-abc", DurationSeconds=900)
    given = answer["Credentials"]
    session = replace(
        clients.key,
        access_key_id=given["AccessKeyId"],
        secret_access_key=given["SecretAccessKey"],
        session_token=given["SessionToken"],
    )
    ses = clients("sesv2", session)
    assert ses.get_account()
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/mailroom/mailroom"
    assert clients("sts", session).get_caller_identity()["Arn"] == arn == answer["AssumedRoleUser"]["Arn"]
    without_token = clients("sesv2", replace(session, session_token=None))
    assert code_of(refused(without_token.get_account)) == "UnrecognizedClientException"

    clock.advance(seconds=901)
    assert code_of(refused(ses.get_account)) == "ExpiredTokenException"
    assert code_of(refused(clients("sns", session).list_topics)) == "ExpiredToken"
    clients.aws.delete_role(role)
    assert code_of(refused(mine.assume_role, **params, ExternalId="mailroom-abc")) == "AccessDenied"


def test_policies_are_simulated_for_whoever_may_ask(clients: Clients) -> None:
    iam = clients("iam")
    ask = {"PolicySourceArn": ARN, "ActionNames": ["ses:GetAccount", "sns:CreateTopic", "s3:GetObject"]}
    assert code_of(refused(iam.simulate_principal_policy, **ask)) == "AccessDenied"
    clients.aws.set_permissions(
        clients.key, allow={"ses:*", "sns:*", "iam:SimulatePrincipalPolicy"}, deny={"sns:CreateTopic"}
    )
    results = iam.simulate_principal_policy(**ask)["EvaluationResults"]
    assert {each["EvalActionName"]: each["EvalDecision"] for each in results} == {
        "ses:GetAccount": "allowed",
        "sns:CreateTopic": "explicitDeny",
        "s3:GetObject": "implicitDeny",
    }
    stranger = {**ask, "PolicySourceArn": ARN + "x"}
    assert code_of(refused(iam.simulate_principal_policy, **stranger)) == "NoSuchEntity"


def test_every_call_is_written_down(clients: Clients) -> None:
    clients("sesv2").create_email_identity(EmailIdentity="example.com")
    clients.aws.set_permissions(clients.key, deny={"sns:*"})
    refused(clients("sns").create_topic, Name="mailroom-a")
    made, denied = clients.aws.calls
    assert (made.operation, made.region, made.status) == ("ses:CreateEmailIdentity", "eu-west-1", 200)
    assert made.params == {"EmailIdentity": "example.com"}
    assert (denied.operation, denied.status, denied.error) == ("sns:CreateTopic", 403, "AuthorizationError")
    assert denied.access_key_id == clients.key.access_key_id
    assert clients.aws.calls_of("sns:CreateTopic") == [denied]
