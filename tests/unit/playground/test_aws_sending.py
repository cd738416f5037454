"""What SES sends and what it refuses, whole calls and single entries."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from email.message import EmailMessage
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.playground.aws import AwsPlayground, Ses
from tests.unit.playground.aws_support import SENDER, Clients, Clock, bulk, code_of, running, simple

SIMULATOR = "success@simulator.amazonses.com"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def clients(clock: Clock) -> Iterator[Clients]:
    with running(clock) as made:
        yield made


@pytest.fixture
def control(clients: Clients) -> Ses:
    """A production account with example.com verified."""
    control = clients.aws.ses()
    control.verify("example.com")
    control.grant_production(quota=1000, rate=100)
    return control


@pytest.fixture
def ses(clients: Clients) -> Any:
    return clients("sesv2")


def refused(call: Any, *args: Any, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(*args, **params)
    return code_of(caught.value), caught.value.response["Error"]["Message"]


def people(count: int, start: int = 0) -> list[str]:
    return [f"u{number}@example.net" for number in range(start, start + count)]


def test_a_plain_mail_arrives_whole(clients: Clients, control: Ses, ses: Any, clock: Clock) -> None:
    ses.create_configuration_set(ConfigurationSetName="mailroom")
    message_id = ses.send_email(
        FromEmailAddress=SENDER,
        ReplyToAddresses=["reply@example.com"],
        Destination={"ToAddresses": ["Ann <a@example.net>"], "BccAddresses": ["b@example.net"]},
        Content={
            "Simple": {
                "Subject": {"Data": "Hello"},
                "Body": {"Text": {"Data": "text"}, "Html": {"Data": "<p>html</p>"}},
                "Headers": [{"Name": "List-Unsubscribe", "Value": "<https://example.com/u>"}],
            }
        },
        EmailTags=[{"Name": "attempt", "Value": "1"}],
        ConfigurationSetName="mailroom",
    )["MessageId"]
    (mail,) = clients.aws.mails
    assert mail.message_id == message_id
    assert (mail.account, mail.region, mail.at) == (control.account, "eu-west-1", clock.now)
    assert (mail.sender, mail.reply_to, mail.to) == (
        SENDER,
        ("reply@example.com",),
        ("a@example.net", "b@example.net"),
    )
    assert (mail.subject, mail.text, mail.html) == ("Hello", "text", "<p>html</p>")
    assert mail.headers == {"List-Unsubscribe": "<https://example.com/u>"}
    assert (mail.tags, mail.configuration_set) == ({"attempt": "1"}, "mailroom")
    assert clients.aws.mails_to("A@example.net") == [mail]
    assert ses.get_account()["SendQuota"]["SentLast24Hours"] == 2


def test_raw_and_templated_mail_arrive(clients: Clients, control: Ses, ses: Any) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER, "a@example.net", "Raw"
    message.set_content("körper")
    ses.send_email(Content={"Raw": {"Data": bytes(message)}})
    template = {"TemplateContent": {"Subject": "Hi {{name}}", "Text": "x"}, "TemplateData": '{"name": "Ann"}'}
    ses.send_email(
        FromEmailAddress=SENDER,
        Destination={"ToAddresses": ["b@example.net"]},
        Content={"Template": template},
    )
    raw, templated = clients.aws.mails
    assert (raw.sender, raw.to, raw.subject, raw.text) == (SENDER, ("a@example.net",), "Raw", "körper\n")
    assert templated.subject == "Hi Ann"
    assert control.sent.total(control.clock()) == 2


def test_each_entry_of_a_bulk_send_has_its_own_data_headers_and_tags(clients: Clients, control: Ses, ses: Any) -> None:
    assert control.production
    results = ses.send_bulk_email(
        FromEmailAddress=SENDER,
        DefaultEmailTags=[{"Name": "broadcast", "Value": "7"}, {"Name": "attempt", "Value": "0"}],
        DefaultContent={
            "Template": {
                "TemplateContent": {"Subject": "Hi {{ name }}", "Text": "{{name}} {{city}}", "Html": "<p>{{name}}"},
                "TemplateData": json.dumps({"name": "you", "city": "Rome"}),
                "Headers": [{"Name": "X-All", "Value": "1"}],
            }
        },
        BulkEmailEntries=[
            {"Destination": {"ToAddresses": ["a@example.net"]}},
            {
                "Destination": {"ToAddresses": ["b@example.net"]},
                "ReplacementTags": [{"Name": "attempt", "Value": "2"}],
                "ReplacementHeaders": [{"Name": "List-Unsubscribe", "Value": "<https://example.com/b>"}],
                "ReplacementEmailContent": {
                    "ReplacementTemplate": {"ReplacementTemplateData": '{"name": "{{city}} & Bo"}'}
                },
            },
        ],
    )["BulkEmailEntryResults"]
    first, second = clients.aws.mails
    assert [each["MessageId"] for each in results] == [first.message_id, second.message_id]
    assert (first.subject, first.text, first.headers) == ("Hi you", "you Rome", {"X-All": "1"})
    assert first.tags == {"broadcast": "7", "attempt": "0"}
    assert (second.subject, second.html) == ("Hi {{city}} & Bo", "<p>{{city}} & Bo")
    assert second.headers == {"X-All": "1", "List-Unsubscribe": "<https://example.com/b>"}
    assert second.tags == {"broadcast": "7", "attempt": "2"}


@pytest.mark.parametrize("text", ["Hi {{missing}}", "{{#if name}}x{{/if}}", "{{{name}}}", "{{ a b }}", "{{"])
def test_what_cannot_be_rendered_is_a_success_that_nobody_gets(
    clients: Clients, control: Ses, ses: Any, text: str
) -> None:
    (result,) = bulk(ses, "a@example.net", template={"Subject": "x", "Text": text})
    assert result["Status"] == "SUCCESS"
    assert result["MessageId"]
    assert clients.aws.mails == []
    assert control.sent.total(control.clock()) == 1


def test_a_verified_domain_covers_its_addresses_and_subdomains(clients: Clients, control: Ses, ses: Any) -> None:
    control.verify("only@example.org")
    for sender in ("x@example.com", "x@a.b.example.com", "only@example.org"):
        simple(ses, "a@example.net", sender=sender)
    assert len(clients.aws.mails) == 3
    for sender in ("x@notexample.com", "other@example.org"):
        code, message = refused(simple, ses, "a@example.net", sender=sender)
        assert code == "MessageRejected"
        assert message == (
            f"Email address is not verified. The following identities failed the check in region EU-WEST-1: {sender}"
        )
        assert refused(bulk, ses, "a@example.net", sender=sender) == (code, message)
        control.refuses_whole = False
        (result,) = bulk(ses, "a@example.net", sender=sender)
        assert result == {"Status": "MESSAGE_REJECTED", "Error": message}
        control.refuses_whole = True


@pytest.mark.parametrize("how", ["fail", "pend", "vanish"])
def test_an_identity_that_is_not_verified_any_more_does_not_send(control: Ses, ses: Any, how: str) -> None:
    getattr(control, how)("example.com")
    assert refused(simple, ses, "a@example.net")[0] == "MessageRejected"


def test_a_temporary_failure_of_a_verified_identity_goes_on_sending(control: Ses, ses: Any) -> None:
    control.temporary_failure("example.com")
    assert simple(ses, "a@example.net")


def test_in_the_sandbox_only_verified_recipients_and_the_simulator_get_mail(
    clients: Clients, control: Ses, ses: Any
) -> None:
    control.production = False
    control.verify("friend@example.net")
    results = bulk(ses, "friend@example.net", "bounce+1@simulator.amazonses.com", "x@example.com", "a@example.net")
    assert [each["Status"] for each in results] == ["SUCCESS"] * 3 + ["MESSAGE_REJECTED"]
    assert results[3]["Error"].endswith("EU-WEST-1: a@example.net")
    assert refused(simple, ses, "a@example.net")[0] == "MessageRejected"
    assert len(clients.aws.mails) == 3


def test_a_custom_mail_from_that_fails_stops_the_mail_only_when_asked_to(control: Ses, ses: Any) -> None:
    control.mail_from("example.com", "FAILED")
    assert simple(ses, "a@example.net")
    control.mail_from("example.com", "FAILED", reject=True)
    assert refused(simple, ses, "a@example.net")[0] == "MailFromDomainNotVerifiedException"
    assert refused(bulk, ses, "a@example.net")[0] == "MailFromDomainNotVerifiedException"
    control.refuses_whole = False
    assert bulk(ses, "a@example.net")[0]["Status"] == "MAIL_FROM_DOMAIN_NOT_VERIFIED"


def test_a_call_carries_no_more_recipients_than_the_rate_and_neither_does_a_second(
    control: Ses, ses: Any, clock: Clock
) -> None:
    control.set_quota(rate=14.5)
    throttled = ("TooManyRequestsException", "Maximum sending rate exceeded.")
    assert refused(bulk, ses, *people(15)) == throttled
    bulk(ses, *people(10))
    clock.advance(seconds=0.5)
    bulk(ses, *people(4))
    assert refused(simple, ses, SIMULATOR) == throttled
    clock.advance(seconds=0.5)
    assert refused(bulk, ses, *people(11)) == throttled
    bulk(ses, *people(10))


def test_the_sandbox_sends_one_a_second(clients: Clients, ses: Any, clock: Clock) -> None:
    clients.aws.ses().verify("example.com")
    assert refused(bulk, ses, SIMULATOR, SIMULATOR)[0] == "TooManyRequestsException"
    simple(ses, SIMULATOR)
    clock.advance(seconds=1)
    simple(ses, SIMULATOR)


def test_the_quota_rolls_over_24_hours_and_does_not_count_the_simulator(control: Ses, ses: Any, clock: Clock) -> None:
    control.set_quota(max_24h=200, rate=100, sent=150)
    clock.advance(hours=23)
    assert {each["Status"] for each in bulk(ses, *people(49))} == {"SUCCESS"}
    clock.advance(seconds=1)
    results = bulk(ses, "a@example.net", "b@example.net", SIMULATOR)
    assert [each["Status"] for each in results] == ["SUCCESS", "ACCOUNT_DAILY_QUOTA_EXCEEDED", "SUCCESS"]
    assert results[1]["Error"] == "Daily message quota exceeded."
    used_up = ("LimitExceededException", "Daily message quota exceeded.")
    clock.advance(seconds=1)
    assert refused(simple, ses, "a@example.net") == used_up
    assert refused(bulk, ses, "a@example.net") == used_up
    assert bulk(ses, SIMULATOR)[0]["Status"] == "SUCCESS"
    clock.advance(hours=1)
    assert ses.get_account()["SendQuota"]["SentLast24Hours"] == 50
    assert simple(ses, "a@example.net")
    clock.advance(seconds=1)
    control.set_quota(max_24h=-1)
    assert len(bulk(ses, *people(50))) == 50


def test_a_paused_or_suspended_account_sends_nothing(clients: Clients, control: Ses, ses: Any) -> None:
    control.pause()
    assert refused(simple, ses, SIMULATOR)[0] == "SendingPausedException"
    assert refused(bulk, ses, SIMULATOR)[0] == "SendingPausedException"
    control.enforcement("SHUTDOWN")
    assert refused(simple, ses, SIMULATOR)[0] == "AccountSuspendedException"
    assert refused(bulk, ses, SIMULATOR)[0] == "AccountSuspendedException"
    control.resume()
    control.enforcement("PROBATION")
    simple(ses, SIMULATOR)
    assert clients.aws.mail_count == 1


def test_a_paused_or_unknown_configuration_set_sends_nothing(control: Ses, ses: Any) -> None:
    assert control.production
    assert refused(simple, ses, SIMULATOR, ConfigurationSetName="nope")[0] == "NotFoundException"
    ses.create_configuration_set(ConfigurationSetName="mailroom", SendingOptions={"SendingEnabled": False})
    assert refused(simple, ses, SIMULATOR, ConfigurationSetName="mailroom")[0] == "SendingPausedException"
    (result,) = bulk(ses, SIMULATOR, ConfigurationSetName="mailroom")
    assert result["Status"] == "CONFIGURATION_SET_SENDING_PAUSED"


def test_limits_of_one_call(control: Ses, ses: Any) -> None:
    control.set_quota(rate=1000)
    assert refused(bulk, ses, *people(51))[0] == "BadRequestException"
    assert refused(bulk, ses)[0] == "BadRequestException"
    assert refused(simple, ses, *people(51))[0] == "BadRequestException"
    assert refused(bulk, ses, SIMULATOR, template={"Subject": "x", "Text": "x" * 1_000_001})[0] == "BadRequestException"
    stored = {"DefaultContent": {"Template": {"TemplateName": "news", "TemplateData": "{}"}}}
    entries = [{"Destination": {"ToAddresses": [SIMULATOR]}}]
    code, _ = refused(ses.send_bulk_email, FromEmailAddress=SENDER, BulkEmailEntries=entries, **stored)
    assert code == "NotFoundException"


@pytest.mark.parametrize(
    "wrong",
    [
        {"Destination": {"ToAddresses": ["nobody"]}},
        {"Destination": {"ToAddresses": ["ö@example.net"]}},
        {"Destination": {"ToAddresses": ["a@exämple.net"]}},
        {"Destination": {"ToAddresses": []}},
        {"ReplacementHeaders": [{"Name": "X Y", "Value": "1"}]},
        {"ReplacementHeaders": [{"Name": "X-Y", "Value": "ö"}]},
        {"ReplacementHeaders": [{"Name": f"X-{number}", "Value": "1"} for number in range(16)]},
        {"ReplacementTags": [{"Name": "a b", "Value": "1"}]},
        {"ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": "no json"}}},
    ],
)
def test_one_wrong_entry_is_refused_and_the_others_go(
    clients: Clients, control: Ses, ses: Any, wrong: dict[str, Any]
) -> None:
    assert control.production
    good = {"Destination": {"ToAddresses": ["a@example.net"]}}
    results = ses.send_bulk_email(
        FromEmailAddress=SENDER,
        DefaultContent={"Template": {"TemplateContent": {"Subject": "x", "Text": "x"}}},
        BulkEmailEntries=[{**good, **wrong}, good],
    )["BulkEmailEntryResults"]
    assert [each["Status"] for each in results] == ["INVALID_PARAMETER", "SUCCESS"]
    assert len(clients.aws.mails) == 1


def test_recipients_are_refused_on_command_alone_or_with_their_whole_call(
    clients: Clients, control: Ses, ses: Any
) -> None:
    control.refuse("u0@*", "TRANSIENT_FAILURE", "Try again later.", times=1)
    control.refuse("u1@*", "BadRequestException", "Illegal address.")
    assert refused(bulk, ses, *people(3)) == ("BadRequestException", "Illegal address.")
    assert not clients.aws.mails
    assert bulk(ses, "U0@example.net", "u2@example.net")[0] == {
        "Status": "TRANSIENT_FAILURE",
        "Error": "Try again later.",
    }
    assert bulk(ses, "u0@example.net")[0]["Status"] == "SUCCESS"
    assert control.sent.total(clients.aws.clock()) == 2


def test_a_suppressed_recipient_is_accepted_and_gets_nothing(clients: Clients, control: Ses, ses: Any) -> None:
    control.suppress("Gone@example.net")
    assert [each["Status"] for each in bulk(ses, "gone@example.net", "a@example.net")] == ["SUCCESS", "SUCCESS"]
    assert [mail.to for mail in clients.aws.mails] == [("a@example.net",)]


def test_many_senders_at_once_get_exactly_the_quota(clients: Clients, control: Ses) -> None:
    control.set_quota(max_24h=100, rate=10_000)
    accepted: list[int] = []

    def send(client: Any) -> None:
        for number in range(5):
            with suppress(ClientError):
                results = bulk(client, *people(7, number * 7))
                accepted.append(sum(each["Status"] == "SUCCESS" for each in results))

    senders = [threading.Thread(target=send, args=(clients("sesv2"),)) for _ in range(6)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert sum(accepted) == clients.aws.mail_count == control.sent.total(control.clock()) == 100


def test_mails_can_be_counted_instead_of_kept() -> None:
    with AwsPlayground(record=False) as aws:
        aws.ses().verify("example.com")
        made = Clients(aws)
        simple(made("sesv2"), SIMULATOR)
        made.close()
        assert (aws.mail_count, aws.mails, aws.calls) == (1, [], [])
