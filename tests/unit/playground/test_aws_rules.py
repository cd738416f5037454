"""Where AWS is unkind, by the rules of tests/playground/aws/rules.py, each of which names its source."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.playground.aws import ACCOUNT, Rules
from tests.unit.playground.aws_support import REGION, SENDER, Clients, Clock, code_of, running, simple

SET = "mailroom"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:mailroom-a"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:mailroom-q"
VALIDATED = "Successfully validated SNS topic for Amazon SES event publishing."


def policy(service: str, action: str, resource: str, **condition: Any) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": action, "Resource": resource}
    return json.dumps({"Statement": [statement | {"Condition": condition}]})


LETS_SES = policy("ses.amazonaws.com", "sns:Publish", TOPIC, StringEquals={"aws:SourceAccount": ACCOUNT})
LETS_TOPIC = policy("sns.amazonaws.com", "sqs:SendMessage", QUEUE, ArnEquals={"aws:SourceArn": TOPIC})


class Account:
    """An account that asks as a program does."""

    def __init__(self, clients: Clients, clock: Clock) -> None:
        self.clients, self.clock = clients, clock
        self.ses, self.sns, self.sqs = clients("sesv2"), clients("sns"), clients("sqs")
        self.control = clients.aws.ses()
        self.rules = clients.aws.rules

    def passes(self, seconds: float) -> None:
        self.clock.advance(seconds=seconds)

    def topic(self, text: str = LETS_SES) -> None:
        self.sns.create_topic(Name="mailroom-a")
        self.sns.set_topic_attributes(TopicArn=TOPIC, AttributeName="Policy", AttributeValue=text)
        self.passes(1)

    def destination(self, name: str = "feedback") -> None:
        self.ses.create_configuration_set_event_destination(
            ConfigurationSetName=SET,
            EventDestinationName=name,
            EventDestination={
                "Enabled": True,
                "MatchingEventTypes": ["SEND", "BOUNCE"],
                "SnsDestination": {"TopicArn": TOPIC},
            },
        )
        self.passes(1)

    def queue(self, text: str = LETS_TOPIC) -> str:
        url = str(self.sqs.create_queue(QueueName="mailroom-q", Attributes={"Policy": text})["QueueUrl"])
        self.passes(1)
        self.sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE)
        return url

    def arrived(self, url: str) -> list[str]:
        """The texts in the queue, once everything is where it belongs."""
        assert self.clients.aws.settle()
        found = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(each["Body"])["Message"] for each in found]


@pytest.fixture
def account() -> Iterator[Account]:
    clock = Clock()
    with running(clock, Rules()) as clients:
        made = Account(clients, clock)
        made.ses.create_configuration_set(ConfigurationSetName=SET)
        made.control.verify("example.com")
        made.control.grant_production(quota=1000, rate=1000)
        yield made


def refusal(call: Any, **params: Any) -> str:
    """The code with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    return code_of(caught.value)


# Topics


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="as it was made"),
        pytest.param(policy("sns.amazonaws.com", "sns:Publish", TOPIC), id="another service"),
        pytest.param(policy("ses.amazonaws.com", "sns:Subscribe", TOPIC), id="another action"),
        pytest.param(policy("ses.amazonaws.com", "sns:Publish", f"{TOPIC}-b"), id="another topic"),
        pytest.param(
            policy("ses.amazonaws.com", "sns:Publish", TOPIC, StringEquals={"aws:SourceAccount": "999900001111"}),
            id="another account",
        ),
        pytest.param(
            policy("ses.amazonaws.com", "sns:Publish", TOPIC, Bool={"aws:SecureTransport": "true"}), id="not understood"
        ),
        pytest.param(
            json.dumps(
                {
                    "Statement": [
                        json.loads(LETS_SES)["Statement"][0],
                        {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": TOPIC},
                    ]
                }
            ),
            id="denied too",
        ),
    ],
)
def test_a_destination_is_not_made_where_the_topic_does_not_let_ses(account: Account, text: str) -> None:
    account.topic(text or json.dumps({"Statement": []}))
    with pytest.raises(ClientError) as caught:
        account.destination()
    assert code_of(caught.value) == "BadRequestException"
    assert caught.value.response["Error"]["Message"] == f"Could not publish to SNS topic: {TOPIC}"


def test_nor_where_there_is_no_topic_or_its_policy_is_the_one_it_was_made_with(account: Account) -> None:
    with pytest.raises(ClientError):
        account.destination()
    account.sns.create_topic(Name="mailroom-a")
    account.passes(1)
    with pytest.raises(ClientError):
        account.destination()


def test_making_or_changing_a_destination_publishes_a_sentence_to_its_topic(account: Account) -> None:
    account.topic()
    url = account.queue()
    account.destination()
    assert account.arrived(url) == [VALIDATED]


def test_events_stop_where_the_topic_is_closed_later(account: Account) -> None:
    account.topic()
    url = account.queue()
    account.destination()
    account.topic(policy("ses.amazonaws.com", "sns:Publish", TOPIC, StringEquals={"aws:SourceAccount": "1"}))
    simple(account.ses, "a@example.net", ConfigurationSetName=SET)
    assert account.arrived(url) == [VALIDATED]


def test_the_policy_of_a_topic_counts_a_moment_late(account: Account) -> None:
    account.rules.topic_policy_seconds = 1
    account.sns.create_topic(Name="mailroom-a")
    account.sns.set_topic_attributes(TopicArn=TOPIC, AttributeName="Policy", AttributeValue=LETS_SES)
    with pytest.raises(ClientError):
        account.destination()
    account.passes(1)
    account.destination()


# Endpoints


@pytest.fixture
def door() -> Iterator[Door]:
    made = Door()
    yield made
    made.close()


class Door:
    """An endpoint that answers with `status` and counts."""

    def __init__(self) -> None:
        self.status, self.posts = 500, 0
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                door.posts += 1
                self.send_response(door.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/sns"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def posts_after(account: Account, door: Door, *seconds: float) -> list[int]:
    """How often there was a knock, after each of these waits."""
    counts = []
    for each in seconds:
        account.passes(each)
        assert account.clients.aws.settle()
        counts.append(door.posts)
    return counts


def test_an_endpoint_is_tried_three_times_more_twenty_seconds_apart(account: Account, door: Door) -> None:
    account.sns.create_topic(Name="mailroom-a")
    account.sns.subscribe(TopicArn=TOPIC, Protocol="http", Endpoint=door.url)
    assert posts_after(account, door, 0, 19, 1, 20, 20, 20, 3600) == [1, 1, 2, 3, 4, 4, 4]


def test_or_as_the_delivery_policy_of_the_topic_says(account: Account, door: Door) -> None:
    account.sns.create_topic(Name="mailroom-a")
    wanted = {"numRetries": 4, "numNoDelayRetries": 1, "minDelayTarget": 5, "maxDelayTarget": 15}
    text = json.dumps({"http": {"defaultHealthyRetryPolicy": wanted}})
    account.sns.set_topic_attributes(TopicArn=TOPIC, AttributeName="DeliveryPolicy", AttributeValue=text)
    account.sns.subscribe(TopicArn=TOPIC, Protocol="http", Endpoint=door.url)
    assert posts_after(account, door, 0, 5, 10, 15, 3600) == [2, 3, 4, 5, 5]


def test_what_a_client_does_wrong_is_not_repeated(account: Account, door: Door) -> None:
    door.status = 403
    account.sns.create_topic(Name="mailroom-a")
    account.sns.subscribe(TopicArn=TOPIC, Protocol="http", Endpoint=door.url)
    assert posts_after(account, door, 0, 20, 3600) == [1, 1, 1]


def test_a_delivery_policy_of_more_than_an_hour_is_refused(account: Account) -> None:
    account.sns.create_topic(Name="mailroom-a")
    wanted = {"numRetries": 61, "minDelayTarget": 60, "maxDelayTarget": 60}
    text = json.dumps({"http": {"defaultHealthyRetryPolicy": wanted}})
    change = {"TopicArn": TOPIC, "AttributeName": "DeliveryPolicy", "AttributeValue": text}
    assert refusal(account.sns.set_topic_attributes, **change) == "InvalidParameter"


# Queues


def test_a_queue_takes_nothing_from_a_topic_that_its_policy_does_not_name(account: Account) -> None:
    account.topic()
    url = account.queue(policy("sns.amazonaws.com", "sqs:SendMessage", QUEUE, ArnEquals={"aws:SourceArn": f"{TOPIC}b"}))
    account.destination()
    assert account.arrived(url) == []


def test_a_policy_set_later_counts_after_a_minute_though_it_is_read_at_once(account: Account) -> None:
    account.rules.queue_policy_seconds = 60
    account.topic()
    url = account.queue("")
    account.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": LETS_TOPIC})
    read = account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
    assert read["Attributes"]["Policy"] == LETS_TOPIC
    account.destination("early")
    account.passes(60)
    account.destination("later")
    assert account.arrived(url) == [VALIDATED]


def test_a_queue_is_not_there_in_its_first_second(account: Account) -> None:
    account.rules.new_queue_seconds = 1
    url = account.sqs.create_queue(QueueName="mailroom-q")["QueueUrl"]
    gone = "AWS.SimpleQueueService.NonExistentQueue"
    assert refusal(account.sqs.receive_message, QueueUrl=url) == gone
    assert refusal(account.sqs.set_queue_attributes, QueueUrl=url, Attributes={"Policy": LETS_TOPIC}) == gone
    assert refusal(account.sqs.get_queue_url, QueueName="mailroom-q") == gone
    account.passes(1)
    account.sqs.receive_message(QueueUrl=url)


def test_a_name_of_a_queue_is_free_again_a_minute_after_its_end(account: Account) -> None:
    url = account.sqs.create_queue(QueueName="mailroom-q")["QueueUrl"]
    account.passes(1)
    account.sqs.delete_queue(QueueUrl=url)
    account.passes(59)
    recently = "AWS.SimpleQueueService.QueueDeletedRecently"
    assert refusal(account.sqs.create_queue, QueueName="mailroom-q") == recently
    account.passes(1)
    account.sqs.create_queue(QueueName="mailroom-q")


# SES and IAM


def test_a_management_operation_is_answered_once_a_second_in_an_account_and_region(account: Account) -> None:
    account.rules.seconds_between_calls = 1
    account.ses.get_account()
    assert refusal(account.ses.get_account) == "TooManyRequestsException"
    account.ses.list_email_identities()  # another operation
    account.clients("sesv2", region="us-east-1").get_account()
    account.clients("sesv2", account.clients.aws.create_key("999900001111")).get_account()
    account.passes(1)
    account.ses.get_account()


def test_sends_are_no_management(account: Account) -> None:
    account.rules.seconds_between_calls = 1
    for _ in range(3):
        simple(account.ses, "a@example.net", sender=SENDER)


def test_an_identity_is_read_a_moment_after_it_was_made(account: Account) -> None:
    account.rules.new_identity_seconds = 1
    account.ses.create_email_identity(EmailIdentity="new.example")
    assert refusal(account.ses.get_email_identity, EmailIdentity="new.example") == "NotFoundException"
    listed = account.ses.list_email_identities()["EmailIdentities"]
    assert [each["IdentityName"] for each in listed] == ["example.com"]
    assert refusal(account.ses.create_email_identity, EmailIdentity="new.example") != "NotFoundException"
    account.passes(1)
    assert account.ses.get_email_identity(EmailIdentity="new.example")["VerificationStatus"] == "PENDING"


def test_what_is_changed_in_iam_counts_a_little_later(account: Account) -> None:
    account.rules.permissions_seconds = 5
    account.clients.aws.set_permissions(account.clients.key, deny=["ses:GetAccount"])
    account.ses.get_account()
    account.passes(5)
    assert refusal(account.ses.get_account) == "AccessDeniedException"
    account.clients.aws.set_permissions(account.clients.key)
    assert refusal(account.ses.get_account) == "AccessDeniedException"
    account.passes(5)
    account.ses.get_account()


def test_bounces_and_complaints_are_mailed_to_the_sender_unless_forwarding_is_off(account: Account) -> None:
    mails = account.clients.aws.feedback_mails
    account.topic()
    account.destination()
    for switched in (True, False):
        account.ses.put_email_identity_feedback_attributes(EmailIdentity="example.com", EmailForwardingEnabled=switched)
        account.passes(1)
        simple(account.ses, "bounce@simulator.amazonses.com", ConfigurationSetName=SET)
        assert [(each.to, each.subject) for each in mails] == [
            (("news@example.com",), "Delivery Status Notification (Failure)")
        ]
    assert not account.ses.get_email_identity(EmailIdentity="example.com")["FeedbackForwardingStatus"]


def test_they_are_mailed_all_the_same_where_nothing_else_hears_of_them(account: Account) -> None:
    account.ses.put_email_identity_feedback_attributes(EmailIdentity="example.com", EmailForwardingEnabled=False)
    simple(account.ses, "complaint@simulator.amazonses.com")
    simple(account.ses, "success@simulator.amazonses.com")
    (mail,) = account.clients.aws.feedback_mails
    assert mail.text == "complaint@simulator.amazonses.com"
