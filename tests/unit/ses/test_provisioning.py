"""The way of an event from SES to the queue, and the policies along it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.ses.bulk_send import BulkEntry, BulkTemplate
from bot.ses.client import AwsSession
from bot.ses.operations import Ses
from bot.ses.permission_check import check, recheck
from bot.ses.provisioning import EVENT_TYPES, Provisioned, ResourceNames, queue_policy, topic_policy
from tests.playground.aws import ACCOUNT, AwsPlayground
from tests.unit.ses.conftest import REGION, SignIn

CONNECTION = "c0ffee"
NAME = f"mailroom-{CONNECTION}"
ENDPOINT = "http://127.0.0.1:9/sns/c0ffee"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:{NAME}"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{NAME}"


@pytest.fixture
def session(aws: AwsPlayground, sign_in: SignIn) -> AwsSession:
    return sign_in(aws.create_key())


async def connect(session: AwsSession) -> Provisioned:
    report = await check(session, CONNECTION)
    assert report.set_up is not None
    return report.set_up


async def topic_attributes(session: AwsSession) -> dict[str, Any]:
    answer = await session.call("sns:GetTopicAttributes", lambda sns: sns.get_topic_attributes(TopicArn=TOPIC))
    attributes: dict[str, Any] = answer["Attributes"]
    return attributes


async def subscriptions(session: AwsSession) -> list[tuple[str, str]]:
    answer = await session.call(
        "sns:ListSubscriptionsByTopic", lambda sns: sns.list_subscriptions_by_topic(TopicArn=TOPIC)
    )
    return sorted((each["Protocol"], each["Endpoint"]) for each in answer["Subscriptions"])


def signature_versions(aws: AwsPlayground) -> list[str]:
    """What was asked for: moto does not give the attribute back."""
    changes = [call.params for call in aws.calls_of("sns:SetTopicAttributes")]
    return [change["AttributeValue"] for change in changes if change["AttributeName"] == "SignatureVersion"]


async def test_the_topic_signs_with_sha_256(aws: AwsPlayground, session: AwsSession) -> None:
    await connect(session)
    assert signature_versions(aws) == ["2"]


def retry_seconds(policy: dict[str, Any]) -> tuple[int, int]:
    """The least and the most that the retries of a policy take together, without the time of the tries themselves."""
    shortest, longest = policy["minDelayTarget"], policy["maxDelayTarget"]
    backed_off = policy["numRetries"] - sum(policy[f"num{part}Retries"] for part in ("NoDelay", "MinDelay", "MaxDelay"))
    assert backed_off >= 0
    sure = policy["numMinDelayRetries"] * shortest + policy["numMaxDelayRetries"] * longest
    return sure + backed_off * shortest, sure + backed_off * longest


async def test_sns_repeats_what_our_address_does_not_take_for_nearly_an_hour(session: AwsSession) -> None:
    await connect(session)

    policy = json.loads((await topic_attributes(session))["DeliveryPolicy"])["http"]["defaultHealthyRetryPolicy"]

    least, most = retry_seconds(policy)
    assert least > 50 * 60
    assert most < 3_600  # SNS takes no policy of more
    assert policy["numRetries"] <= 100
    assert 1 <= policy["minDelayTarget"] <= policy["maxDelayTarget"]


async def test_only_ses_for_this_account_may_publish_to_the_topic(session: AwsSession) -> None:
    await connect(session)
    (statement,) = json.loads((await topic_attributes(session))["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "ses.amazonaws.com"}
    assert statement["Action"] == "sns:Publish"
    assert statement["Resource"] == TOPIC
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


async def test_only_the_topic_may_send_to_the_queue(session: AwsSession) -> None:
    done = await connect(session)
    answer = await session.call(
        "sqs:GetQueueAttributes", lambda sqs: sqs.get_queue_attributes(QueueUrl=done.queue_url, AttributeNames=["All"])
    )
    (statement,) = json.loads(answer["Attributes"]["Policy"])["Statement"]
    assert answer["Attributes"]["QueueArn"] == QUEUE
    assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
    assert statement["Action"] == "sqs:SendMessage"
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": TOPIC}}
    assert await subscriptions(session) == [("sqs", QUEUE)]


async def test_ses_tells_the_topic_of_every_event_that_counts(aws: AwsPlayground, session: AwsSession) -> None:
    await connect(session)
    (destination,) = aws.ses().configuration_sets[NAME].destinations.values()
    assert destination.enabled
    assert destination.topic_arn == TOPIC
    assert set(destination.event_types) == set(EVENT_TYPES)


async def test_an_event_arrives_in_the_queue_in_its_signed_envelope(aws: AwsPlayground, session: AwsSession) -> None:
    done = await connect(session)
    aws.ses().grant_production()
    aws.ses().verify("example.com")
    await Ses(session).send_bulk(
        sender="news@example.com",
        reply_to=[],
        configuration_set=done.configuration_set,
        template=BulkTemplate("Hi", "<p>Hi</p>", "Hi"),
        entries=[BulkEntry("a@example.org", "{}")],
        tags={"attempt": "chunk1"},
    )
    assert aws.settle()
    answer = await session.call(
        "sqs:ReceiveMessage",
        lambda sqs: sqs.receive_message(QueueUrl=done.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1),
    )
    envelope = json.loads(answer["Messages"][0]["Body"])
    assert envelope["Type"] == "Notification"
    assert envelope["SignatureVersion"] == "2"
    assert json.loads(envelope["Message"])["mail"]["tags"]["attempt"] == ["chunk1"]


async def test_an_endpoint_is_told_where_the_policy_has_no_queue(aws: AwsPlayground, sign_in: SignIn) -> None:
    session = sign_in(aws.create_key(deny=["sqs:*"]))
    done = await connect(session)
    assert done.queue_url is None
    assert await subscriptions(session) == [], "nobody could confirm it yet"
    report = await recheck(session, CONNECTION, endpoint=ENDPOINT)
    assert report.passed
    assert await subscriptions(session) == [("http", ENDPOINT)]


async def test_where_a_queue_works_no_endpoint_is_told(session: AwsSession) -> None:
    await connect(session)
    await recheck(session, CONNECTION, endpoint=ENDPOINT)
    assert await subscriptions(session) == [("sqs", QUEUE)]


async def test_an_endpoint_that_sns_does_not_take_is_no_missing_permission(aws: AwsPlayground, sign_in: SignIn) -> None:
    session = sign_in(aws.create_key(deny=["sqs:*"]))
    await connect(session)
    aws.fail("sns:Subscribe", "InvalidParameter", times=None)
    report = await recheck(session, CONNECTION, endpoint=ENDPOINT)
    assert report.passed


async def test_what_somebody_changed_or_removed_is_mended(aws: AwsPlayground, session: AwsSession) -> None:
    await connect(session)
    (destination,) = aws.ses().configuration_sets[NAME].destinations.values()
    destination.enabled = False
    destination.event_types = ("BOUNCE",)
    await session.call("sns:DeleteTopic", lambda sns: sns.delete_topic(TopicArn=TOPIC))
    report = await recheck(session, CONNECTION)
    assert report.passed
    (destination,) = aws.ses().configuration_sets[NAME].destinations.values()
    assert destination.enabled
    assert set(destination.event_types) == set(EVENT_TYPES)
    assert await subscriptions(session) == [("sqs", QUEUE)]
    assert signature_versions(aws) == ["2", "2"]
    assert (await topic_attributes(session))["DeliveryPolicy"]


async def test_a_new_queue_has_its_policy_from_the_start(aws: AwsPlayground, session: AwsSession) -> None:
    await connect(session)
    (made,) = aws.calls_of("sqs:CreateQueue")
    assert json.loads(made.params["Attributes"]["Policy"]) == queue_policy(
        ResourceNames(CONNECTION, REGION, "aws", ACCOUNT)
    )
    assert made.params["Attributes"]["MessageRetentionPeriod"] == "1209600"


async def test_a_queue_whose_attributes_somebody_changed_is_put_right(aws: AwsPlayground, session: AwsSession) -> None:
    await connect(session)
    aws.sqs.queues[QUEUE].attributes["Policy"] = "{}"
    report = await recheck(session, CONNECTION)
    assert report.set_up is not None
    assert report.set_up.queue_works
    assert json.loads(aws.sqs.queues[QUEUE].attributes["Policy"])["Statement"]


async def test_a_second_set_up_makes_nothing_twice(session: AwsSession) -> None:
    first = await connect(session)
    report = await recheck(session, CONNECTION)
    assert report.set_up is not None
    assert (report.set_up.topic_arn, report.set_up.queue_url) == (first.topic_arn, first.queue_url)
    assert await subscriptions(session) == [("sqs", QUEUE)]


def test_arns_are_of_the_partition_of_the_account() -> None:
    place = ResourceNames(CONNECTION, "us-gov-west-1", "aws-us-gov", ACCOUNT)
    assert place.arn("sns") == f"arn:aws-us-gov:sns:us-gov-west-1:{ACCOUNT}:{NAME}"
    assert topic_policy(place)["Statement"][0]["Resource"] == place.arn("sns")
    assert queue_policy(place)["Statement"][0]["Resource"] == place.arn("sqs")
