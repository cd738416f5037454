"""An event of SES as it comes out of SNS: read with distrust, since anything may stand in a queue.

Shapes: SES developer guide, "Contents of event data that Amazon SES publishes to Amazon SNS"; SNS developer guide,
"Parsing Amazon SNS message formats".
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bot.ses.errors import clean


class EventKind(StrEnum):
    """`eventType`, as far as it changes anything."""

    SEND = "Send"
    DELIVERY = "Delivery"
    BOUNCE = "Bounce"
    COMPLAINT = "Complaint"
    REJECT = "Reject"
    RENDERING_FAILURE = "Rendering Failure"
    DELIVERY_DELAY = "DeliveryDelay"


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `key` is SNS's id of the message: the same event may come twice.

    `attempt` and `broadcast_id` are empty where the mail was none of a broadcast: only that an event came counts then.
    """

    key: str
    kind: EventKind
    message_id: str
    attempt: str
    broadcast_id: str
    addresses: tuple[str, ...]
    permanent: bool = False  # of a bounce: no later mail will arrive either
    text: str = ""


def parse(body: str, topic_arn: str) -> Event | None:
    """Return the event in an SNS notification from our topic; None for whatever is not one that counts."""
    try:
        envelope = json.loads(body)
        if envelope["Type"] != "Notification" or envelope["TopicArn"] != topic_arn:
            return None
        told = json.loads(envelope["Message"])
        kind = EventKind(told["eventType"])
        mail = told["mail"]
        tags = mail.get("tags") or {}
        addresses, permanent, text = _details(kind, told, mail)
        return Event(
            key=str(envelope["MessageId"]),
            kind=kind,
            message_id=str(mail["messageId"]),
            attempt=_tag(tags, "attempt"),
            broadcast_id=_tag(tags, "broadcast"),
            addresses=addresses,
            permanent=permanent,
            text=text,
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError):
        return None


def _tag(tags: dict[str, Any], name: str) -> str:
    return str(tags[name][0]) if name in tags else ""


def _details(kind: EventKind, told: dict[str, Any], mail: dict[str, Any]) -> tuple[tuple[str, ...], bool, str]:
    """Return whom the event is about, whether a bounce is permanent, and what the other side said."""
    match kind:
        case EventKind.BOUNCE:
            bounce = told["bounce"]
            bounced = bounce["bouncedRecipients"]
            said = next((each["diagnosticCode"] for each in bounced if each.get("diagnosticCode")), "")
            text = clean(f"{bounce['bounceType']}, {bounce.get('bounceSubType', '')}: {said}")
            return _addresses(bounced), bounce["bounceType"] == "Permanent", text
        case EventKind.COMPLAINT:
            complaint = told["complaint"]
            return (
                _addresses(complaint["complainedRecipients"]),
                False,
                clean(complaint.get("complaintFeedbackType") or ""),
            )
        case EventKind.DELIVERY:
            return tuple(map(str, told["delivery"]["recipients"])), False, ""
        case EventKind.REJECT:
            return tuple(map(str, mail["destination"])), False, clean(told["reject"].get("reason") or "rejected by SES")
        case EventKind.RENDERING_FAILURE:
            return (
                tuple(map(str, mail["destination"])),
                False,
                clean(told["failure"].get("errorMessage") or "not rendered"),
            )
    return tuple(map(str, mail["destination"])), False, ""


def _addresses(recipients: list[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(str(each["emailAddress"]) for each in recipients)
