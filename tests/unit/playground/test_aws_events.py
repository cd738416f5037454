"""SES events on their way: configuration set, SNS topic, SQS queue or HTTP endpoint, with right signatures."""

from __future__ import annotations

import base64
import http.client
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tests.playground.aws import AwsPlayground
from tests.unit.playground.aws_support import Clients, bulk, code_of, running, simple

SIGNED = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
EVERY_EVENT = ["SEND", "DELIVERY", "BOUNCE", "COMPLAINT", "RENDERING_FAILURE", "REJECT", "DELIVERY_DELAY"]


@pytest.fixture
def clients() -> Iterator[Clients]:
    with running() as made:
        control = made.aws.ses()
        control.verify("example.com")
        control.grant_production(quota=1000, rate=1000)
        yield made


@pytest.fixture
def topic(clients: Clients) -> str:
    """A topic to which the configuration set `mailroom` sends every event."""
    topic = str(clients("sns").create_topic(Name="mailroom-a")["TopicArn"])
    ses = clients("sesv2")
    ses.create_configuration_set(ConfigurationSetName="mailroom")
    ses.create_configuration_set_event_destination(
        ConfigurationSetName="mailroom",
        EventDestinationName="feedback",
        EventDestination={
            "Enabled": True,
            "MatchingEventTypes": EVERY_EVENT,
            "SnsDestination": {"TopicArn": topic},
        },
    )
    return topic


class Endpoint:
    """An HTTP endpoint that keeps what it gets, and fails the first `failures` times."""

    def __init__(self) -> None:
        self.got: SimpleQueue[tuple[dict[str, str], dict[str, str]]] = SimpleQueue()
        self.failures = 0
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = 500 if endpoint.failures > 0 else 200
                endpoint.failures -= 1
                if status == 200:  # kept before it is answered: the next one comes with the answer
                    endpoint.got.put((dict(self.headers), json.loads(body)))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/sns/abc"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    yield made
    made.close()


def queue_on(clients: Clients, topic: str, **attributes: str) -> str:
    sqs = clients("sqs")
    url = str(sqs.create_queue(QueueName="mailroom-q")["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    clients("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
    return url


def received(clients: Clients, url: str) -> list[dict[str, str]]:
    """Everything in the queue, once every event has arrived."""
    assert clients.aws.settle()
    sqs = clients("sqs")
    found: list[dict[str, str]] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [json.loads(each["Body"]) for each in messages]
    return found


def events(clients: Clients, url: str) -> list[dict[str, Any]]:
    return [json.loads(each["Message"]) for each in received(clients, url)]


def verify(aws: AwsPlayground, envelope: dict[str, str]) -> None:
    """As a careful receiver does it: raises InvalidSignature."""
    url = urlsplit(envelope["SigningCertURL"])
    assert (url.scheme, url.netloc) == ("https", "sns.eu-west-1.amazonaws.com")
    connection = http.client.HTTPConnection(urlsplit(aws.url).netloc)
    connection.request("GET", url.path)
    pem = connection.getresponse().read()
    connection.close()
    key = x509.load_pem_x509_certificate(pem).public_key()
    assert isinstance(key, RSAPublicKey)
    assert envelope["SignatureVersion"] == "2"
    text = "".join(f"{name}\n{envelope[name]}\n" for name in SIGNED if name in envelope)
    key.verify(base64.b64decode(envelope["Signature"]), text.encode(), padding.PKCS1v15(), hashes.SHA256())


def test_a_delivered_mail_sends_two_events_with_its_tags(clients: Clients, topic: str) -> None:
    url = queue_on(clients, topic)
    message_id = simple(
        clients("sesv2"),
        "a@example.net",
        ConfigurationSetName="mailroom",
        EmailTags=[{"Name": "attempt", "Value": "42"}],
    )
    sent, delivered = events(clients, url)
    assert (sent["eventType"], sent["send"]) == ("Send", {})
    assert (delivered["eventType"], delivered["delivery"]["recipients"]) == ("Delivery", ["a@example.net"])
    for event in (sent, delivered):
        assert event["mail"]["messageId"] == message_id
        assert event["mail"]["destination"] == ["a@example.net"]
        assert event["mail"]["tags"]["attempt"] == ["42"]
        assert event["mail"]["tags"]["ses:configuration-set"] == ["mailroom"]
        assert event["mail"]["timestamp"].endswith("Z")


@pytest.mark.parametrize(
    ("recipient", "expected"),
    [
        ("success@simulator.amazonses.com", ["Send", "Delivery"]),
        ("bounce+a@simulator.amazonses.com", ["Send", "Bounce"]),
        ("complaint@simulator.amazonses.com", ["Send", "Delivery", "Complaint"]),
        ("suppressionlist@simulator.amazonses.com", ["Send", "Bounce"]),
        ("gone@example.net", ["Send", "Bounce"]),
        ("slow@example.net", ["Send", "DeliveryDelay"]),
        ("virus@example.net", ["Send", "Reject"]),
        ("listed@example.net", ["Send", "Complaint"]),
    ],
)
def test_recipients_behave_by_name_or_as_told(
    clients: Clients, topic: str, recipient: str, expected: list[str]
) -> None:
    control = clients.aws.ses()
    control.outcome("gone@example.net", "BOUNCE")
    control.outcome("slow@example.net", "DELIVERY_DELAY")
    control.outcome("virus@example.net", "REJECT")
    control.suppress("listed@example.net", "COMPLAINT")
    url = queue_on(clients, topic)
    bulk(clients("sesv2"), recipient, ConfigurationSetName="mailroom")
    found = events(clients, url)
    assert [each["eventType"] for each in found] == expected
    if "Bounce" in expected:
        assert found[1]["bounce"]["bounceType"] == "Permanent"
        named = found[1]["bounce"]["bouncedRecipients"][0]["emailAddress"]
        assert named == recipient.replace("@example.net", "@forwarded.example.net")
    if recipient.startswith("listed"):
        assert found[1]["complaint"]["complaintSubType"] == "OnAccountSuppressionList"


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("SOFT_BOUNCE", [("Bounce", "Transient", "MailboxFull")]),
        ("UNDETERMINED", [("Bounce", "Undetermined", "Undetermined")]),
        ("OUT_OF_OFFICE", [("Delivery",), ("Bounce", "Transient", "General")]),
        ("NOT_SPAM", [("Delivery",), ("Complaint", "not-spam", None)]),
    ],
)
def test_what_is_neither_a_hard_bounce_nor_a_complaint(
    clients: Clients, topic: str, outcome: str, expected: list[tuple[str, ...]]
) -> None:
    clients.aws.ses().outcome("ann@example.net", outcome)
    url = queue_on(clients, topic)
    bulk(clients("sesv2"), "ann@example.net", ConfigurationSetName="mailroom")
    found = []
    for event in events(clients, url)[1:]:
        kind, bounce, complaint = event["eventType"], event.get("bounce"), event.get("complaint")
        types = (bounce["bounceType"], bounce["bounceSubType"]) if bounce else ()
        types = (complaint["complaintFeedbackType"], complaint["complaintSubType"]) if complaint else types
        found.append((kind, *types))
    assert found == expected


def test_a_rendering_failure_is_told_by_an_event_alone(clients: Clients, topic: str) -> None:
    url = queue_on(clients, topic)
    template = {"Subject": "x", "Text": "{{missing}}"}
    (result,) = bulk(clients("sesv2"), "a@example.net", template=template, ConfigurationSetName="mailroom")
    (event,) = events(clients, url)
    assert event["eventType"] == "Rendering Failure"
    assert event["mail"]["messageId"] == result["MessageId"]
    assert "missing" in event["failure"]["errorMessage"]


def test_only_enabled_destinations_get_the_events_they_ask_for(clients: Clients, topic: str) -> None:
    url, ses = queue_on(clients, topic), clients("sesv2")

    def destination(*, enabled: bool, types: list[str]) -> None:
        ses.update_configuration_set_event_destination(
            ConfigurationSetName="mailroom",
            EventDestinationName="feedback",
            EventDestination={
                "Enabled": enabled,
                "MatchingEventTypes": types,
                "SnsDestination": {"TopicArn": topic},
            },
        )

    destination(enabled=False, types=EVERY_EVENT)
    simple(ses, "a@example.net", ConfigurationSetName="mailroom")
    destination(enabled=True, types=["DELIVERY"])
    simple(ses, "a@example.net")
    simple(ses, "b@example.net", ConfigurationSetName="mailroom")
    assert [each["mail"]["destination"] for each in events(clients, url)] == [["b@example.net"]]


def test_notifications_are_signed_with_and_without_a_subject(clients: Clients, topic: str) -> None:
    url = queue_on(clients, topic)
    simple(clients("sesv2"), "a@example.net", ConfigurationSetName="mailroom")
    clients.aws.settle()
    clients("sns").publish(TopicArn=topic, Message="plain")
    with_subject, _, without = received(clients, url)
    assert with_subject["Subject"] == "Amazon SES Email Event Notification"
    assert without["Message"] == "plain"
    assert "Subject" not in without
    for envelope in (with_subject, without):
        verify(clients.aws, envelope)
        with pytest.raises(InvalidSignature):
            verify(clients.aws, {**envelope, "Message": "forged"})


def test_raw_delivery_leaves_the_envelope_away(clients: Clients, topic: str) -> None:
    url = queue_on(clients, topic, RawMessageDelivery="true")
    simple(clients("sesv2"), "a@example.net", ConfigurationSetName="mailroom")
    assert [each["eventType"] for each in received(clients, url)] == ["Send", "Delivery"]


def test_an_endpoint_gets_nothing_until_it_confirms_with_the_right_token(
    clients: Clients, topic: str, endpoint: Endpoint
) -> None:
    sns = clients("sns")
    endpoint.failures = 1
    answer = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
    assert answer["SubscriptionArn"] == "pending confirmation"
    headers, confirmation = endpoint.got.get(timeout=5)
    assert headers["x-amz-sns-message-type"] == confirmation["Type"] == "SubscriptionConfirmation"
    verify(clients.aws, confirmation)
    listed = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert [each["SubscriptionArn"] for each in listed] == ["PendingConfirmation"]

    simple(clients("sesv2"), "a@example.net", ConfigurationSetName="mailroom")
    assert clients.aws.settle()
    assert endpoint.got.empty()
    with pytest.raises(ClientError) as caught:
        sns.confirm_subscription(TopicArn=topic, Token="x" * 128)
    assert code_of(caught.value) == "InvalidParameter"

    arn = sns.confirm_subscription(TopicArn=topic, Token=confirmation["Token"])["SubscriptionArn"]
    attributes = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert attributes["PendingConfirmation"] == "false"
    simple(clients("sesv2"), "a@example.net", ConfigurationSetName="mailroom")
    headers, notification = endpoint.got.get(timeout=5)
    assert headers["x-amz-sns-subscription-arn"] == arn
    assert json.loads(notification["Message"])["eventType"] == "Send"
    verify(clients.aws, notification)
    sns.unsubscribe(SubscriptionArn=arn)
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_a_topic_that_is_gone_is_not_found(clients: Clients, topic: str) -> None:
    sns = clients("sns")
    sns.delete_topic(TopicArn=topic)
    for call in (sns.get_topic_attributes, sns.list_subscriptions_by_topic):
        with pytest.raises(ClientError) as caught:
            call(TopicArn=topic)
        assert code_of(caught.value) == "NotFound"
    assert simple(clients("sesv2"), "a@example.net", ConfigurationSetName="mailroom")
    assert clients.aws.settle()


def test_topics_keep_their_attributes_and_tags(clients: Clients, topic: str) -> None:
    sns = clients("sns")
    for name, value in (("SignatureVersion", "2"), ("Policy", '{"Version":"2012-10-17","Statement":[]}')):
        sns.set_topic_attributes(TopicArn=topic, AttributeName=name, AttributeValue=value)
    attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert json.loads(attributes["Policy"])["Version"] == "2012-10-17"
    sns.tag_resource(ResourceArn=topic, Tags=[{"Key": "by", "Value": "mailroom"}])
    assert sns.create_topic(Name="mailroom-a")["TopicArn"] == topic
