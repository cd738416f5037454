"""Where AWS is less kind than an imitation is by nature; in force for everybody who does not ask for less.

A test asks by changing one: `aws.rules.policies = False`, `aws.rules.new_queue_seconds = 0`. Seconds are of the
playground's clock. Each rule names its source.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

T = TypeVar("T")
LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Rules:
    policies: bool = True
    """SES reaches a topic, and a topic a queue, only where its policy says so: SES developer guide, "Give Amazon SES
    permissions to publish to your topic"; SNS developer guide, "sns-sqs-as-subscriber"."""

    topic_is_tried: bool = True
    """An event destination is made by publishing to its topic: snapshots of LocalStack recorded on AWS, tests/aws/
    services/ses/test_ses.snapshot.json. Where that fails, terraform-provider-aws#14773 has the text."""

    topic_policy_seconds: float = 1
    """A policy of a topic counts as late as that. SNS documents no time; 1 s is a judgement."""

    new_queue_seconds: float = 1
    """SQS API, CreateQueue: "you must wait at least one second after the queue is created to be able to use it"."""

    queue_policy_seconds: float = 60
    """SQS API, SetQueueAttributes: "can take up to 60 seconds"; what CreateQueue is given counts at once."""

    deleted_queue_seconds: float = 60
    """SQS API, CreateQueue, QueueDeletedRecently: "you must wait 60 seconds after deleting a queue"."""

    new_identity_seconds: float = 1
    """Reads may not know an identity just made: ansible#36515. No time is documented; 1 s is a judgement."""

    permissions_seconds: float = 5
    """IAM user guide, "Changes that I make are not always immediately visible". The time is a judgement."""

    feedback_mails: bool = True
    """Bounces and complaints are mailed to the sender while forwarding is on, or no event destination hears of them:
    SES API v2, PutEmailIdentityFeedbackAttributes."""

    seconds_between_calls: float = 1
    """Of one management operation, by account and region: SES API v1 says of each "no more than once per second"; where
    API v2 says nothing, it means the same service."""

    delivery_policy: bool = True
    """SNS posts again as the topic's DeliveryPolicy says, by default three times, 20 s apart; then the message is lost:
    SNS developer guide, "sns-message-delivery-retries". False: three times at once."""

    @classmethod
    def kind(cls) -> Rules:
        """None of them."""
        nothing: dict[str, Any] = dict.fromkeys((each.name for each in fields(cls)), 0)
        return cls(**nothing)


class Late(Generic[T]):
    """A value whose changes count later than they are made."""

    def __init__(self, value: T) -> None:
        self._changes = [(LONG_AGO, value)]

    def change(self, value: T, now: datetime, seconds: float) -> None:
        self._changes.append((now + timedelta(seconds=seconds), value))

    def at(self, now: datetime) -> T:
        return next(value for since, value in reversed(self._changes) if since <= now)
