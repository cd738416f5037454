"""An event of SES as it comes out of SNS: read with distrust, since anything may stand in a queue.

Shapes: SES developer guide, "Contents of event data that Amazon SES publishes to Amazon SNS"; SNS developer guide,
"Parsing Amazon SNS message formats".
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from bot.ses.errors import clean

LONGEST_ADDRESS: Final = 320
"""Characters: 64 before the @, 255 after it (RFC 5321, 4.5.3.1)."""

LONGEST_ID: Final = 200
"""Characters: ids of SNS and SES have 36 and 60, ours 32."""


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
    `address` is the one recipient we gave the mail to, never what a remote server wrote.
    """

    key: str
    kind: EventKind
    message_id: str
    attempt: str
    broadcast_id: str
    address: str
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
        permanent, text = _details(kind, told)
        return Event(
            key=_id(envelope["MessageId"]),
            kind=kind,
            message_id=_id(mail["messageId"]),
            attempt=_tag(tags, "attempt"),
            broadcast_id=_tag(tags, "broadcast"),
            address=_recipient(mail),
            permanent=permanent,
            text=clean(text),
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError):
        return None


def _tag(tags: dict[str, Any], name: str) -> str:
    return _id(tags[name][0]) if name in tags else ""


def _id(value: Any) -> str:
    """Return what goes into a column with an index; ValueError for what no database takes, or nobody can read."""
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError
    return value[:LONGEST_ID]


def _recipient(mail: dict[str, Any]) -> str:
    """Return whom the mail was for: each mail of ours has one recipient.

    The recipients of a bounce or a complaint are those that a remote server names (SES developer guide, "Bounced
    recipients": the Final-Recipient of its report): behind a forwarding it is another one, or whomever it likes.
    """
    address = mail["destination"][0]
    if not isinstance(address, str) or not address.isprintable() or len(address) > LONGEST_ADDRESS:
        raise ValueError
    return address


def _details(kind: EventKind, told: dict[str, Any]) -> tuple[bool, str]:
    """Return whether a bounce is permanent, and what the other side said."""
    match kind:
        case EventKind.BOUNCE:
            bounce = told["bounce"]
            said = _said(bounce.get("bouncedRecipients"))
            return bounce["bounceType"] == "Permanent", f"{bounce['bounceType']}, {bounce.get('bounceSubType')}: {said}"
        case EventKind.COMPLAINT:
            return False, told["complaint"].get("complaintFeedbackType") or ""
        case EventKind.REJECT:
            return False, told["reject"].get("reason") or "rejected by SES"
        case EventKind.RENDERING_FAILURE:
            return False, told["failure"].get("errorMessage") or "not rendered"
    return False, ""


def _said(recipients: Any) -> str:
    """Return the first diagnosis in what a remote server wrote, which may be anything."""
    for each in recipients if isinstance(recipients, list) else ():
        if isinstance(each, dict) and isinstance(said := each.get("diagnosticCode"), str) and said:
            return said
    return ""
