"""The queue in the team's account through which SES's events come back, without a public address."""

from dataclasses import dataclass, field
from typing import Any

from bot.ses.client import AwsSession

MOST_AT_ONCE = 10  # SQS API reference, ReceiveMessage and DeleteMessageBatch


@dataclass(frozen=True, slots=True)
class QueueMessage:
    receipt: str = field(repr=False)
    body: str = field(repr=False)


async def receive(session: AwsSession, queue_url: str, *, wait_seconds: int) -> list[QueueMessage]:
    """Receive up to ten messages, waiting for the first one for the given time (at most 20 s)."""
    request: dict[str, Any] = {
        "QueueUrl": queue_url,
        "MaxNumberOfMessages": MOST_AT_ONCE,
        "WaitTimeSeconds": wait_seconds,
    }
    answer = await session.call("sqs:ReceiveMessage", lambda sqs: sqs.receive_message(**request), once=True)
    return [QueueMessage(each["ReceiptHandle"], each["Body"]) for each in answer.get("Messages") or ()]


async def delete(session: AwsSession, queue_url: str, messages: list[QueueMessage]) -> None:
    """Take messages off the queue; one that stays is received again, and known by then."""
    entries = [{"Id": str(at), "ReceiptHandle": message.receipt} for at, message in enumerate(messages)]
    await session.call("sqs:DeleteMessage", lambda sqs: sqs.delete_message_batch(QueueUrl=queue_url, Entries=entries))
