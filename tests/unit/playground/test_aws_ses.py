"""The state SES shows: the account, the review, identities, configuration sets, the suppression list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.playground.aws_support import Clients, code_of, running

FORM = {
    "MailType": "MARKETING",
    "WebsiteURL": "https://example.com",
    "ContactLanguage": "EN",
    "UseCaseDescription": "News for members",
    "AdditionalContactEmailAddresses": ["ops@example.com"],
    "ProductionAccessEnabled": True,
}
TOPIC = "arn:aws:sns:eu-west-1:111122223333:mailroom-a"
DESTINATION = {
    "Enabled": True,
    "MatchingEventTypes": ["SEND", "BOUNCE"],
    "SnsDestination": {"TopicArn": TOPIC},
}


@pytest.fixture
def clients() -> Iterator[Clients]:
    with running() as made:
        yield made


@pytest.fixture
def ses(clients: Clients) -> Any:
    return clients("sesv2")


def refusal(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return code_of(caught.value)


def test_a_new_account_is_in_the_sandbox(ses: Any) -> None:
    account = ses.get_account()
    assert account["ProductionAccessEnabled"] is False
    assert account["SendingEnabled"] is True
    assert account["EnforcementStatus"] == "HEALTHY"
    assert account["SendQuota"] == {"Max24HourSend": 200, "MaxSendRate": 1, "SentLast24Hours": 0}
    assert "Details" not in account


def test_asking_for_production_opens_one_review_and_a_second_is_a_bare_conflict(clients: Clients, ses: Any) -> None:
    ses.put_account_details(**FORM)
    details = ses.get_account()["Details"]
    assert details["ReviewDetails"]["Status"] == "PENDING"
    assert details["UseCaseDescription"] == "News for members"
    with pytest.raises(ses.exceptions.ConflictException) as caught:
        ses.put_account_details(**FORM)
    assert caught.value.response["Error"].get("Message") is None
    clients.aws.ses().review("FAILED")
    ses.put_account_details(**FORM)
    assert ses.get_account()["Details"]["ReviewDetails"]["Status"] == "PENDING"
    clients.aws.ses().deny_production(case_id="1234567890")
    assert ses.get_account()["Details"]["ReviewDetails"] == {"Status": "DENIED", "CaseId": "1234567890"}
    assert refusal(ses.put_account_details, **FORM) == "ConflictException"


def test_details_without_the_wish_for_production_open_no_review(ses: Any) -> None:
    ses.put_account_details(MailType="MARKETING", WebsiteURL="https://example.com")
    assert "ReviewDetails" not in ses.get_account()["Details"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"WebsiteURL": ""},
        {"WebsiteURL": "x" * 1001},
        {"MailType": "SPAM"},
        {"ContactLanguage": "DE"},
        {"UseCaseDescription": "x" * 5001},
        {"AdditionalContactEmailAddresses": []},
        {"AdditionalContactEmailAddresses": ["nobody"]},
    ],
)
def test_a_wrong_form_is_a_bad_request(ses: Any, wrong: dict[str, Any]) -> None:
    assert refusal(ses.put_account_details, **{**FORM, **wrong}) == "BadRequestException"


def test_production_is_granted_with_a_quota(clients: Clients, ses: Any) -> None:
    clients.aws.ses().grant_production(quota=50_000, rate=14)
    account = ses.get_account()
    assert account["ProductionAccessEnabled"] is True
    assert account["Details"]["ReviewDetails"]["Status"] == "GRANTED"
    assert account["SendQuota"]["MaxSendRate"] == 14
    clients.aws.ses().set_quota(max_24h=-1, sent=150)
    assert ses.get_account()["SendQuota"] == {
        "Max24HourSend": -1,
        "MaxSendRate": 14,
        "SentLast24Hours": 150,
    }


def test_aws_pauses_warns_and_shuts(clients: Clients, ses: Any) -> None:
    clients.aws.ses().pause()
    assert ses.get_account()["SendingEnabled"] is False
    clients.aws.ses().resume()
    clients.aws.ses().enforcement("PROBATION")
    assert (ses.get_account()["SendingEnabled"], ses.get_account()["EnforcementStatus"]) == (True, "PROBATION")
    clients.aws.ses().enforcement("SHUTDOWN")
    assert ses.get_account()["SendingEnabled"] is False


def test_a_new_domain_is_pending_with_three_tokens_in_the_zone_of_its_region(ses: Any) -> None:
    made = ses.create_email_identity(EmailIdentity="Example.com", Tags=[{"Key": "by", "Value": "mailroom"}])
    assert made["VerifiedForSendingStatus"] is False
    assert made["DkimAttributes"]["Status"] == "PENDING"
    assert len(set(made["DkimAttributes"]["Tokens"])) == 3
    assert made["DkimAttributes"]["SigningHostedZone"].endswith(".dkim.eu-west-1.amazonses.com")
    seen = ses.get_email_identity(EmailIdentity="example.com")
    assert seen["VerificationStatus"] == "PENDING"
    assert seen["Tags"] == [{"Key": "by", "Value": "mailroom"}]
    assert seen["DkimAttributes"] == made["DkimAttributes"]


def test_an_identity_goes_through_every_state(clients: Clients, ses: Any) -> None:
    control = clients.aws.ses()
    ses.create_email_identity(EmailIdentity="example.com")

    def state() -> tuple[str, bool, str | None]:
        seen = ses.get_email_identity(EmailIdentity="example.com")
        listed = ses.list_email_identities()["EmailIdentities"][0]
        assert listed["VerificationStatus"] == seen["VerificationStatus"]
        assert listed["SendingEnabled"] == seen["VerifiedForSendingStatus"]
        error = seen["VerificationInfo"].get("ErrorType")
        return seen["VerificationStatus"], seen["VerifiedForSendingStatus"], error

    control.fail("example.com", error="HOST_NOT_FOUND")
    assert state() == ("FAILED", False, "HOST_NOT_FOUND")
    control.temporary_failure("example.com")
    assert state() == ("TEMPORARY_FAILURE", False, "DNS_SERVER_ERROR")
    control.verify("example.com")
    assert state() == ("SUCCESS", True, None)
    control.temporary_failure("example.com")
    assert state() == ("TEMPORARY_FAILURE", True, "DNS_SERVER_ERROR")
    control.pend("example.com", error="INVALID_VALUE")
    assert state() == ("PENDING", False, "INVALID_VALUE")
    control.vanish("example.com")
    assert refusal(ses.get_email_identity, EmailIdentity="example.com") == "NotFoundException"


def test_identities_are_made_once_and_deleted_once(ses: Any) -> None:
    ses.create_email_identity(EmailIdentity="example.com")
    assert refusal(ses.create_email_identity, EmailIdentity="EXAMPLE.com") == "AlreadyExistsException"
    ses.delete_email_identity(EmailIdentity="example.com")
    assert refusal(ses.delete_email_identity, EmailIdentity="example.com") == "NotFoundException"


@pytest.mark.parametrize("name", ["no name at all", "nodot", "a@b@", "@example.com", "-x.example", "ä@example.com"])
def test_what_is_neither_address_nor_domain_is_refused(ses: Any, name: str) -> None:
    assert refusal(ses.create_email_identity, EmailIdentity=name) == "BadRequestException"


def test_identities_come_in_pages(clients: Clients, ses: Any) -> None:
    names = [f"d{number}.example" for number in range(5)]
    clients.aws.ses().verify(*names)
    seen: list[str] = []
    token: dict[str, str] = {}
    for _ in range(3):
        page = ses.list_email_identities(PageSize=2, **token)
        seen += [each["IdentityName"] for each in page["EmailIdentities"]]
        token = {"NextToken": page.get("NextToken", "")}
    assert seen == names
    assert token == {"NextToken": ""}


def test_an_identity_keeps_its_mail_from_and_its_configuration_set(clients: Clients, ses: Any) -> None:
    ses.create_email_identity(EmailIdentity="example.com")
    outside = {"EmailIdentity": "example.com", "MailFromDomain": "mail.example.net"}
    assert refusal(ses.put_email_identity_mail_from_attributes, **outside) == "BadRequestException"
    ses.put_email_identity_mail_from_attributes(
        EmailIdentity="example.com", MailFromDomain="mail.example.com", BehaviorOnMxFailure="REJECT_MESSAGE"
    )
    unknown = {"EmailIdentity": "example.com", "ConfigurationSetName": "mailroom"}
    assert refusal(ses.put_email_identity_configuration_set_attributes, **unknown) == "NotFoundException"
    ses.create_configuration_set(ConfigurationSetName="mailroom")
    ses.put_email_identity_configuration_set_attributes(**unknown)
    clients.aws.ses().mail_from("example.com", "FAILED")
    seen = ses.get_email_identity(EmailIdentity="example.com")
    assert seen["ConfigurationSetName"] == "mailroom"
    assert seen["MailFromAttributes"] == {
        "MailFromDomain": "mail.example.com",
        "MailFromDomainStatus": "FAILED",
        "BehaviorOnMxFailure": "REJECT_MESSAGE",
    }
    missing = {"EmailIdentity": "x.invalid"}
    assert refusal(ses.put_email_identity_mail_from_attributes, **missing) == "NotFoundException"


def test_configuration_sets_and_their_destinations(ses: Any) -> None:
    name = {"ConfigurationSetName": "mailroom"}
    where = {**name, "EventDestinationName": "feedback"}
    assert refusal(ses.get_configuration_set, **name) == "NotFoundException"
    assert refusal(ses.create_configuration_set, ConfigurationSetName="not valid") == "BadRequestException"
    ses.create_configuration_set(**name, TrackingOptions={"CustomRedirectDomain": "x.example"})
    assert refusal(ses.create_configuration_set, **name) == "AlreadyExistsException"
    seen = ses.get_configuration_set(**name)
    assert seen["TrackingOptions"] == {"CustomRedirectDomain": "x.example"}
    ses.create_configuration_set_event_destination(**where, EventDestination=DESTINATION)
    again = ses.create_configuration_set_event_destination
    assert refusal(again, **where, EventDestination=DESTINATION) == "AlreadyExistsException"
    wrong = {**where, "EventDestinationName": "other", "EventDestination": {**DESTINATION, "MatchingEventTypes": ["X"]}}
    assert refusal(again, **wrong) == "BadRequestException"
    ses.update_configuration_set_event_destination(**where, EventDestination={**DESTINATION, "Enabled": False})
    listed = ses.get_configuration_set_event_destinations(**name)["EventDestinations"]
    assert listed == [{"Name": "feedback", **DESTINATION, "Enabled": False}]
    ses.delete_configuration_set_event_destination(**where)
    assert refusal(ses.delete_configuration_set_event_destination, **where) == "NotFoundException"
    ses.delete_configuration_set(**name)
    assert refusal(ses.delete_configuration_set, **name) == "NotFoundException"


def test_the_suppression_list_is_closed_in_the_sandbox_and_open_in_production(clients: Clients, ses: Any) -> None:
    address = {"EmailAddress": "Gone@example.net"}
    assert refusal(ses.get_suppressed_destination, **address) == "BadRequestException"
    assert refusal(ses.list_suppressed_destinations) == "BadRequestException"
    clients.aws.ses().grant_production()
    assert refusal(ses.get_suppressed_destination, **address) == "NotFoundException"
    ses.put_suppressed_destination(**address, Reason="COMPLAINT")
    assert ses.get_suppressed_destination(**address)["SuppressedDestination"]["Reason"] == "COMPLAINT"
    assert len(ses.list_suppressed_destinations()["SuppressedDestinationSummaries"]) == 1
    assert ses.list_suppressed_destinations(Reasons=["BOUNCE"])["SuppressedDestinationSummaries"] == []
    ses.delete_suppressed_destination(**address)
    assert refusal(ses.delete_suppressed_destination, **address) == "NotFoundException"
