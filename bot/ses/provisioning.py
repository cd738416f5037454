"""What Mailroom makes in a team's account so that mail can be followed: SES -> configuration set -> topic -> queue.

Every piece is named `mailroom-<connection>` and can be made again without harm. The queue is optional: without it, and
without an https endpoint, mail goes out and bounces are not seen.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from operator import methodcaller
from typing import Any, Protocol

from bot.ses.errors import ErrorKind, SesError
from bot.ses.retries import ExpectedRefusal

PREFIX = "mailroom-"
DESTINATION = "mailroom"
EVENT_TYPES = ("SEND", "DELIVERY", "BOUNCE", "COMPLAINT", "REJECT", "RENDERING_FAILURE", "DELIVERY_DELAY")
KEEP_EVENTS_SECONDS = 14 * 24 * 3600  # the most that SQS keeps
DELIVERY_POLICY = {
    "http": {
        "defaultHealthyRetryPolicy": {
            "numRetries": 58,
            "numNoDelayRetries": 0,
            "numMinDelayRetries": 3,
            "minDelayTarget": 5,
            "numMaxDelayRetries": 50,
            "maxDelayTarget": 60,
            "backoffFunction": "exponential",
        }
    }
}
"""How SNS repeats what our address did not take: for some 55 minutes. Unasked it is 3 times within a minute, then the
event is lost; more than 3,600 s it does not take (SNS developer guide, "Amazon SNS message delivery retries")."""


@dataclass(frozen=True)
class ResourceNames:
    """Where the pieces of one connection stand, and with it their names."""

    connection: str
    region: str
    partition: str
    account_id: str

    @property
    def name(self) -> str:
        return f"{PREFIX}{self.connection}"

    def arn(self, service: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{self.name}"


@dataclass(frozen=True)
class Provisioned:
    configuration_set: str
    topic_arn: str
    queue_url: str | None = None  # None: there is no queue
    queue_works: bool = False  # and all that is needed to collect from it is allowed
    queue_waits: bool = False  # it does not work yet, and nothing of it is denied
    found: bool = False  # a piece was there before
    has_set: bool = True
    has_topic: bool = True


# "You must wait at least one second after the queue is created" (CreateQueue, SQS API reference)
NO_QUEUE_YET = ExpectedRefusal(lambda error: error.kind is ErrorKind.NOT_FOUND, (1, 2, 4))

_SNS_TEXT = re.compile(r"\b(SNS|topic)\b", re.IGNORECASE)

# SES publishes a message to the topic before it takes it, and the topic's policy was set a moment ago.
NO_TOPIC_YET = ExpectedRefusal(
    lambda error: error.kind is ErrorKind.BAD_REQUEST and bool(_SNS_TEXT.search(error.text)), (1, 2, 4, 8)
)


class Attempt(Protocol):
    """Makes one call of the set-up. Gives the answer, or the refusal where the set-up goes on regardless.

    `fine` is the refusal that is as good as an answer, `not_yet` the one that may pass.
    """

    async def __call__(
        self,
        action: str,
        call: Callable[[Any], Any],
        *,
        required: bool = True,
        fine: ErrorKind | None = None,
        not_yet: ExpectedRefusal | None = None,
    ) -> dict[str, Any] | SesError: ...


async def provision(place: ResourceNames, attempt: Attempt, endpoint: str = "") -> Provisioned:
    """Make every missing piece and correct the others; without a queue `endpoint` gets the events.

    Each action is attempted, whatever became of those before it, so that all that is missing is found in one go.
    """
    topic_found, has_topic = await _topic(place, attempt)
    set_found, has_set = await _configuration_set(place, attempt)
    queue_url, refusals = await _queue(place, attempt)
    works = not refusals
    await _subscriptions(place, attempt, endpoint, with_queue=works)
    denied = any(error.kind is ErrorKind.MISSING_ACTION for error in refusals)
    return Provisioned(
        place.name,
        place.arn("sns"),
        queue_url,
        works,
        queue_waits=not (works or denied),
        found=topic_found or set_found,
        has_set=has_set,
        has_topic=has_topic,
    )


def topic_policy(place: ResourceNames) -> dict[str, Any]:
    """Let SES publish to the topic, for this account only (SES developer guide, "SNS topic permissions")."""
    condition = {"StringEquals": {"aws:SourceAccount": place.account_id}}
    return _policy("ses.amazonaws.com", "sns:Publish", place.arn("sns"), condition)


def queue_policy(place: ResourceNames) -> dict[str, Any]:
    """Let the topic put messages into the queue, and nobody else."""
    condition = {"ArnEquals": {"aws:SourceArn": place.arn("sns")}}
    return _policy("sns.amazonaws.com", "sqs:SendMessage", place.arn("sqs"), condition)


def _policy(service: str, action: str, resource: str, condition: dict[str, Any]) -> dict[str, Any]:
    statement = {
        "Sid": "Mailroom",
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": action,
        "Resource": resource,
        "Condition": condition,
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


async def _topic(place: ResourceNames, attempt: Attempt) -> tuple[bool, bool]:
    """Make the topic. Returns whether it was there, and whether it may be now."""
    arn = place.arn("sns")
    seen = await attempt(
        "sns:GetTopicAttributes", lambda sns: sns.get_topic_attributes(TopicArn=arn), fine=ErrorKind.NOT_FOUND
    )
    made = await attempt("sns:CreateTopic", lambda sns: sns.create_topic(Name=place.name))
    # Signature version 2 is SHA-256; SNS's default is SHA-1.
    attributes = {
        "Policy": json.dumps(topic_policy(place)),
        "SignatureVersion": "2",
        "DeliveryPolicy": json.dumps(DELIVERY_POLICY),
    }
    for name, value in attributes.items():
        change = {"TopicArn": arn, "AttributeName": name, "AttributeValue": value}
        await attempt("sns:SetTopicAttributes", methodcaller("set_topic_attributes", **change))
    found = not isinstance(seen, SesError)
    return found, found or not _is_denied(made)


async def _configuration_set(place: ResourceNames, attempt: Attempt) -> tuple[bool, bool]:
    """Make the configuration set and its way to the topic. Returns whether it was there, and whether it may be now."""
    made = await attempt(
        "ses:CreateConfigurationSet",
        lambda ses: ses.create_configuration_set(ConfigurationSetName=place.name),
        fine=ErrorKind.EXISTS,
    )
    wanted = {
        "Enabled": True,
        "MatchingEventTypes": list(EVENT_TYPES),
        "SnsDestination": {"TopicArn": place.arn("sns")},
    }
    names = {"ConfigurationSetName": place.name, "EventDestinationName": DESTINATION, "EventDestination": wanted}
    await attempt(
        "ses:CreateConfigurationSetEventDestination",
        lambda ses: ses.create_configuration_set_event_destination(**names),
        fine=ErrorKind.EXISTS,
        not_yet=NO_TOPIC_YET,
    )
    answer = await attempt(
        "ses:GetConfigurationSetEventDestinations",
        lambda ses: ses.get_configuration_set_event_destinations(ConfigurationSetName=place.name),
    )
    if not isinstance(answer, SesError) and any(
        _differs(found, wanted) for found in answer.get("EventDestinations", ())
    ):
        await attempt(
            "ses:UpdateConfigurationSetEventDestination",
            lambda ses: ses.update_configuration_set_event_destination(**names),
            not_yet=NO_TOPIC_YET,
        )
    return isinstance(made, SesError) and made.kind is ErrorKind.EXISTS, not _is_denied(made)


def _is_denied(made: dict[str, Any] | SesError) -> bool:
    return isinstance(made, SesError) and made.kind is ErrorKind.MISSING_ACTION


def _differs(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether our destination was changed behind our back."""
    return found.get("Name") == DESTINATION and (
        not found.get("Enabled")
        or set(found.get("MatchingEventTypes") or ()) != set(wanted["MatchingEventTypes"])
        or found.get("SnsDestination") != wanted["SnsDestination"]
    )


async def _queue(place: ResourceNames, attempt: Attempt) -> tuple[str | None, list[SesError]]:
    """Make the queue, and try what collecting from it needs. Returns its URL, and what was refused of it.

    Its policy is given when it is made: one that is set later may take a minute to work (SetQueueAttributes, SQS API
    reference), and what SNS cannot deliver meanwhile is lost.
    """
    attributes = {"Policy": json.dumps(queue_policy(place)), "MessageRetentionPeriod": str(KEEP_EVENTS_SECONDS)}
    made = await attempt(
        "sqs:CreateQueue",
        lambda sqs: sqs.create_queue(QueueName=place.name, Attributes=attributes),
        required=False,
        fine=ErrorKind.EXISTS,
    )
    if isinstance(made, SesError) and made.kind is ErrorKind.EXISTS:  # its attributes were changed
        made = await attempt("sqs:CreateQueue", lambda sqs: sqs.create_queue(QueueName=place.name), required=False)
    if isinstance(made, SesError):
        return None, [made]
    url: str = made["QueueUrl"]
    refused = []
    calls: list[tuple[str, Callable[[Any], Any], ErrorKind | None]] = [
        ("SetQueueAttributes", lambda sqs: sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes), None),
        ("GetQueueAttributes", lambda sqs: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"]), None),
        # No visibility timeout: a message that is there is collected as usual.
        ("ReceiveMessage", lambda sqs: sqs.receive_message(QueueUrl=url, VisibilityTimeout=0, WaitTimeSeconds=0), None),
        ("DeleteMessage", lambda sqs: sqs.delete_message(QueueUrl=url, ReceiptHandle="none"), ErrorKind.BAD_REQUEST),
    ]
    for name, call, fine in calls:
        answer = await attempt(f"sqs:{name}", call, required=False, fine=fine, not_yet=NO_QUEUE_YET)
        if isinstance(answer, SesError) and answer.kind is not fine:
            refused.append(answer)
    return url, refused


async def _subscriptions(place: ResourceNames, attempt: Attempt, endpoint: str, *, with_queue: bool) -> None:
    """Tell the queue, or the endpoint, of what the topic hears. SNS gives an existing subscription back.

    An address that SNS does not take is no missing permission: that nothing comes from there is noticed elsewhere.
    """
    topic = place.arn("sns")
    fine: ErrorKind | None = None
    if with_queue:
        arn, protocol, told = topic, "sqs", place.arn("sqs")
    elif endpoint:
        arn, protocol, told, fine = topic, endpoint.partition(":")[0], endpoint, ErrorKind.BAD_REQUEST
    else:  # without a subscriber, the permission is still checked, at a topic that does not exist
        arn, protocol, told, fine = f"{topic}-none", "sqs", place.arn("sqs"), ErrorKind.NOT_FOUND
    request = {"TopicArn": arn, "Protocol": protocol, "Endpoint": told, "ReturnSubscriptionArn": True}
    await attempt("sns:Subscribe", methodcaller("subscribe", **request), fine=fine)
