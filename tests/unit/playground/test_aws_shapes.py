"""Every answer of our own, against botocore's service models: names, types, enums, required members.

The playground is our reading of AWS; the models are AWS's own. Answers are checked as they come over the wire,
before botocore drops what it does not know.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import botocore.session
import pytest
from botocore.exceptions import ClientError

from tests.playground.aws import sts
from tests.playground.aws.rules import Rules
from tests.playground.aws.ses_api import OPERATIONS
from tests.playground.aws.sqs import Sqs
from tests.unit.playground.aws_support import SENDER, Clients, Clock, running

SET = {"ConfigurationSetName": "mailroom"}
WHERE = {**SET, "EventDestinationName": "feedback"}
TOPIC = "arn:aws:sns:eu-west-1:111122223333:mailroom-a"
ARN = "arn:aws:ses:eu-west-1:111122223333:identity/example.com"
FORM = {"MailType": "MARKETING", "WebsiteURL": "https://example.com", "ContactLanguage": "EN"}
DESTINATION = {"Enabled": True, "MatchingEventTypes": ["SEND"], "SnsDestination": {"TopicArn": TOPIC}}
MESSAGE = {"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "x"}}}}
TEMPLATE = {"Template": {"TemplateContent": {"Subject": "x", "Text": "x"}}}
PERSON = {"Destination": {"ToAddresses": ["a@example.net"]}}
STRANGER = {"Destination": {"ToAddresses": ["no address"]}}
UNLUCKY = {"Destination": {"ToAddresses": ["unlucky@example.net"]}}
REFUSED = {"Destination": {"ToAddresses": ["refused@example.net"]}}

# In this order each finds what the ones before have made. A new operation has to be put in here.
SES_CALLS: list[tuple[str, dict[str, Any]]] = [
    (
        "PutAccountDetails",
        {**FORM, "ProductionAccessEnabled": True, "AdditionalContactEmailAddresses": ["a@b.example"]},
    ),
    ("GetAccount", {}),
    ("PutAccountSendingAttributes", {"SendingEnabled": True}),
    ("PutAccountSuppressionAttributes", {"SuppressedReasons": ["BOUNCE"]}),
    ("CreateConfigurationSet", {**SET, "TrackingOptions": {"CustomRedirectDomain": "t.example"}}),
    ("GetConfigurationSet", SET),
    ("ListConfigurationSets", {}),
    ("PutConfigurationSetSendingOptions", {**SET, "SendingEnabled": True}),
    ("CreateConfigurationSetEventDestination", {**WHERE, "EventDestination": DESTINATION}),
    ("UpdateConfigurationSetEventDestination", {**WHERE, "EventDestination": DESTINATION}),
    ("GetConfigurationSetEventDestinations", SET),
    ("CreateEmailIdentity", {"EmailIdentity": "new.example", "Tags": [{"Key": "by", "Value": "mailroom"}]}),
    ("CreateEmailIdentity", {"EmailIdentity": "new@new.example"}),
    ("PutEmailIdentityMailFromAttributes", {"EmailIdentity": "new.example", "MailFromDomain": "m.new.example"}),
    ("PutEmailIdentityFeedbackAttributes", {"EmailIdentity": "new.example", "EmailForwardingEnabled": False}),
    ("PutEmailIdentityConfigurationSetAttributes", {"EmailIdentity": "new.example", **SET}),
    ("GetEmailIdentity", {"EmailIdentity": "new.example"}),
    ("GetEmailIdentity", {"EmailIdentity": "failed.example"}),
    ("GetEmailIdentity", {"EmailIdentity": "new@new.example"}),
    ("ListEmailIdentities", {"PageSize": 1}),
    ("TagResource", {"ResourceArn": ARN, "Tags": [{"Key": "by", "Value": "mailroom"}]}),
    ("ListTagsForResource", {"ResourceArn": ARN}),
    ("UntagResource", {"ResourceArn": ARN, "TagKeys": ["by"]}),
    ("PutSuppressedDestination", {"EmailAddress": "gone@example.net", "Reason": "BOUNCE"}),
    ("GetSuppressedDestination", {"EmailAddress": "gone@example.net"}),
    ("ListSuppressedDestinations", {"Reasons": ["BOUNCE"], "PageSize": 1}),
    ("DeleteSuppressedDestination", {"EmailAddress": "gone@example.net"}),
    ("SendEmail", {"FromEmailAddress": SENDER, **PERSON, "Content": MESSAGE}),
    ("GetMessageInsights", {}),
    (
        "SendBulkEmail",
        {
            "FromEmailAddress": SENDER,
            "DefaultContent": TEMPLATE,
            "BulkEmailEntries": [PERSON, STRANGER, UNLUCKY],
        },
    ),
    ("DeleteConfigurationSetEventDestination", WHERE),
    ("DeleteEmailIdentity", {"EmailIdentity": "new.example"}),
    ("DeleteConfigurationSet", SET),
]
SQS_CALLS: list[tuple[str, dict[str, Any]]] = [
    ("CreateQueue", {"QueueName": "mailroom-q"}),
    ("GetQueueUrl", {"QueueName": "mailroom-q"}),
    ("ListQueues", {}),
    ("SetQueueAttributes", {"Attributes": {"VisibilityTimeout": "30"}}),
    ("GetQueueAttributes", {"AttributeNames": ["All"]}),
    ("TagQueue", {"Tags": {"by": "mailroom"}}),
    ("SendMessage", {"MessageBody": "x"}),
    ("ReceiveMessage", {"AttributeNames": ["All"]}),
    ("ChangeMessageVisibility", {"VisibilityTimeout": 5}),
    ("DeleteMessage", {}),
    ("DeleteMessageBatch", {"Entries": [{"Id": "0", "ReceiptHandle": "x"}]}),
    ("PurgeQueue", {}),
    ("DeleteQueue", {}),
]
# operation, parameters, code: each code must be one that the model has for that operation.
SES_ERRORS: list[tuple[str, dict[str, Any], str]] = [
    ("PutAccountDetails", {**FORM, "WebsiteURL": ""}, "BadRequestException"),
    ("CreateEmailIdentity", {"EmailIdentity": "example.com"}, "AlreadyExistsException"),
    ("CreateEmailIdentity", {"EmailIdentity": "neither"}, "BadRequestException"),
    ("CreateEmailIdentity", {"EmailIdentity": "a.example", **SET}, "NotFoundException"),
    ("GetEmailIdentity", {"EmailIdentity": "x.invalid"}, "NotFoundException"),
    ("DeleteEmailIdentity", {"EmailIdentity": "x.invalid"}, "NotFoundException"),
    ("ListEmailIdentities", {"NextToken": "?"}, "BadRequestException"),
    ("GetConfigurationSet", SET, "NotFoundException"),
    ("GetSuppressedDestination", {"EmailAddress": "a@example.net"}, "NotFoundException"),
    ("GetMessageInsights", {"MessageId": "x"}, "NotFoundException"),
    ("TagResource", {"ResourceArn": "x", "Tags": []}, "BadRequestException"),
    ("SendEmail", {"FromEmailAddress": "a@x.invalid", **PERSON, "Content": MESSAGE}, "MessageRejected"),
    ("SendEmail", {"FromEmailAddress": SENDER, **STRANGER, "Content": MESSAGE}, "BadRequestException"),
    ("SendEmail", {"FromEmailAddress": SENDER, **PERSON, "Content": MESSAGE, **SET}, "NotFoundException"),
    (
        "SendBulkEmail",
        {"FromEmailAddress": SENDER, "DefaultContent": TEMPLATE, "BulkEmailEntries": []},
        "BadRequestException",
    ),
    (
        "SendBulkEmail",
        {"FromEmailAddress": SENDER, "DefaultContent": TEMPLATE, "BulkEmailEntries": [PERSON, REFUSED]},
        "BadRequestException",
    ),
]


@pytest.fixture
def clients() -> Iterator[Clients]:
    with running(Clock()) as made:
        control = made.aws.ses()
        control.verify("example.com")
        control.fail("failed.example", error="HOST_NOT_FOUND")
        control.refuse("unlucky@*", "TRANSIENT_FAILURE", "Try again later.")
        control.refuse("refused@*", "BadRequestException", "Invalid parameter.")
        yield made


SCALARS: dict[str, set[type]] = {
    "string": {str},
    "boolean": {bool},
    "integer": {int},
    "long": {int},
    "double": {int, float},
    "timestamp": {int, float},
}


@lru_cache
def model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def check(shape: Any, value: Any, where: str) -> None:
    """Fail where `value`, as JSON, is not of that shape (a botocore Shape)."""
    match shape.type_name:
        case "structure":
            assert set(value) <= set(shape.members), f"{where}: {set(value) - set(shape.members)}"
            assert set(shape.required_members) <= set(value), f"{where}: lacks a required member"
            for name, each in value.items():
                check(shape.members[name], each, f"{where}.{name}")
        case "list":
            assert isinstance(value, list), where
            for place, each in enumerate(value):
                check(shape.member, each, f"{where}[{place}]")
        case "map":
            for name, each in value.items():
                check(shape.key, name, where)
                check(shape.value, each, f"{where}.{name}")
        case scalar:
            assert type(value) in SCALARS[scalar], f"{where}: {value!r} is no {scalar}"
            enum = getattr(shape, "enum", None)
            assert not enum or value in enum, f"{where}: {value} is not in the enum"


def check_xml(shape: Any, element: Element, where: str) -> None:
    """Fail where an element of a query answer is not of that shape."""
    children = list(element)
    if shape.type_name == "structure":
        names = [_local(child) for child in children]
        assert set(names) <= set(shape.members), f"{where}: {set(names) - set(shape.members)}"
        assert set(shape.required_members) <= set(names), f"{where}: lacks a required member"
        for name, child in zip(names, children, strict=True):
            check_xml(shape.members[name], child, f"{where}.{name}")
    elif shape.type_name == "list":
        for child in children:
            assert _local(child) == "member", where
            check_xml(shape.member, child, where)
    else:
        assert not children, where
        enum = getattr(shape, "enum", None)
        assert not enum or element.text in enum, f"{where}: {element.text} is not in the enum"


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def raw_call(client: Any, operation: str, params: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """The answer's body before botocore parses it, and what botocore makes of it."""
    seen: list[bytes] = []
    client.meta.events.register("before-parse", lambda **event: seen.append(event["response_dict"]["body"]))
    parsed = client._make_api_call(operation, params)
    return seen[-1], parsed


def call(client: Any, operation: str, params: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(raw_call(client, operation, params)[0] or b"{}"))


def test_every_ses_answer_has_the_shape_of_the_model(clients: Clients) -> None:
    client = clients("sesv2")
    checked = set()
    last: dict[str, Any] = {}
    for operation, params in SES_CALLS:
        if operation == "CreateEmailIdentity":
            clients.aws.ses().grant_production(rate=100)
        given = {"MessageId": last["MessageId"]} if operation == "GetMessageInsights" else params
        last = call(client, operation, given)
        shape = model("sesv2").operation_model(operation).output_shape
        assert shape is not None
        check(shape, last, operation)
        checked.add(operation)
    assert checked == set(OPERATIONS)


def test_every_sqs_answer_has_the_shape_of_the_model(clients: Clients) -> None:
    client = clients("sqs")
    checked = set()
    more: dict[str, Any] = {}
    for operation, params in SQS_CALLS:
        wanted = model("sqs").operation_model(operation).input_shape.members
        answer = call(client, operation, {**{name: more[name] for name in more if name in wanted}, **params})
        shape = model("sqs").operation_model(operation).output_shape
        if shape is None:
            assert answer == {}
        else:
            check(shape, answer, operation)
        more |= {"QueueUrl": answer["QueueUrl"]} if "QueueUrl" in answer else {}
        more |= {"ReceiptHandle": answer["Messages"][0]["ReceiptHandle"]} if "Messages" in answer else {}
        checked.add(operation)
    assert checked == Sqs(clients.aws.clock, str, Rules).operations


def test_every_query_answer_of_our_own_has_the_shape_of_the_model(clients: Clients) -> None:
    aws = clients.aws
    aws.set_permissions(clients.key, allow={"*"})
    role = aws.create_role()
    topic = {"TopicArn": clients("sns").create_topic(Name="mailroom-a")["TopicArn"]}
    subscribe = {**topic, "Protocol": "http", "Endpoint": "http://127.0.0.1:1/", "ReturnSubscriptionArn": True}
    arn = clients("sns").subscribe(**subscribe)["SubscriptionArn"]
    calls: list[tuple[str, dict[str, Any]]] = [
        ("sts:GetCallerIdentity", {}),
        ("sts:AssumeRole", {"RoleArn": role.arn, "RoleSessionName": "mailroom"}),
        ("iam:SimulatePrincipalPolicy", {"PolicySourceArn": clients.key.arn, "ActionNames": ["ses:GetAccount"]}),
        ("sns:Subscribe", subscribe),
        ("sns:ListSubscriptionsByTopic", topic),
        ("sns:ConfirmSubscription", {**topic, "Token": aws.sns.token(arn)}),
        ("sns:Publish", {**topic, "Message": "x"}),
    ]
    for name, params in calls:
        service, _, operation = name.partition(":")
        body, _ = raw_call(clients(service), operation, params)
        root = fromstring(body)  # noqa: S314 - our own server's answer
        shape = model(service).operation_model(operation).output_shape
        assert _local(root) == f"{operation}Response"
        assert root.tag == f"{{{model(service).metadata['xmlNamespace']}}}{operation}Response"
        result = next(child for child in root if _local(child) == f"{operation}Result")
        check_xml(shape, result, name)
    assert {name for name, _ in calls} == {*sts.OPERATIONS, *(f"sns:{each}" for each in aws.sns.operations)}


@pytest.mark.parametrize(("operation", "params", "code"), SES_ERRORS)
def test_ses_errors_are_those_of_the_operation_and_become_their_exceptions(
    clients: Clients, operation: str, params: dict[str, Any], code: str
) -> None:
    clients.aws.ses().grant_production(rate=100)
    client = clients("sesv2")
    with pytest.raises(ClientError) as caught:
        client._make_api_call(operation, params)
    modelled = {
        shape.name: shape.metadata["error"]["httpStatusCode"]
        for shape in model("sesv2").operation_model(operation).error_shapes
    }
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == modelled[code]
    assert isinstance(caught.value, getattr(client.exceptions, code))
    assert caught.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("set_up", "code"),
    [
        ("pause", "SendingPausedException"),
        ("shut", "AccountSuspendedException"),
        ("quota", "LimitExceededException"),
        ("rate", "TooManyRequestsException"),
        ("mail_from", "MailFromDomainNotVerifiedException"),
    ],
)
def test_refused_sends_become_their_exceptions(clients: Clients, set_up: str, code: str) -> None:
    control = clients.aws.ses()
    control.grant_production(rate=100)
    if set_up == "pause":
        control.pause()
    elif set_up == "shut":
        control.enforcement("SHUTDOWN")
    elif set_up == "quota":
        control.set_quota(max_24h=0)
    elif set_up == "rate":
        control.set_quota(rate=0)
    else:
        control.mail_from("example.com", "FAILED", reject=True)
    client = clients("sesv2")
    with pytest.raises(getattr(client.exceptions, code)) as caught:
        client.send_email(FromEmailAddress=SENDER, **PERSON, Content=MESSAGE)
    operation = model("sesv2").operation_model("SendEmail")
    modelled = {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in operation.error_shapes}
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == modelled[code]


def test_the_checker_sees_what_is_wrong() -> None:
    shape = model("sesv2").operation_model("SendBulkEmail").output_shape
    good = {"BulkEmailEntryResults": [{"Status": "SUCCESS", "MessageId": "x"}]}
    check(shape, good, "good")
    wrong: list[Any] = [
        {},
        {**good, "Extra": 1},
        {"BulkEmailEntryResults": {}},
        {"BulkEmailEntryResults": [{"Status": "OK"}]},
        {"BulkEmailEntryResults": [{"MessageId": 1}]},
    ]
    for answer in wrong:
        with pytest.raises(AssertionError):
            check(shape, answer, "wrong")
