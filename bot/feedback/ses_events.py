"""Parses SES events from SNS messages. Nothing in them is trusted: anyone may have put it into the queue.

Shapes: SES developer guide, "Contents of event data that Amazon SES publishes to Amazon SNS"; SNS developer guide,
"Parsing Amazon SNS message formats".
"""

import json
from enum import StrEnum
from typing import Any, Final, NamedTuple

from bot import unknown_answers
from bot.ses.errors import clean
from storage import SuppressionReason

LONGEST_ADDRESS: Final = 320
"""Characters: 64 before the @, 255 after it (RFC 5321, 4.5.3.1)."""

LONGEST_ID: Final = 200
"""Characters: ids of SNS and SES have 36 and 60, ours 32."""


PERMANENT: Final = "Permanent"
"""How the stored text of a bounce begins that no later mail will mend (SES: `bounceType`)."""

BOUNCE_TYPES: Final = frozenset({PERMANENT, "Transient", "Undetermined"})
PASSED_OVER: Final = frozenset({"Open", "Click", "Subscription"})
"""Types of events that change nothing here. Mailroom does not ask for them, and anybody may in the AWS console."""

NEVER_TRIED: Final = {
    "onaccountsuppressionlist": SuppressionReason.BOUNCE,
    "ontenantsuppressionlist": SuppressionReason.BOUNCE,
    "unsubscribedrecipient": SuppressionReason.UNSUBSCRIBED,
    "emailvalidationsuppressed": None,
}
"""Sub types where SES kept the mail to itself, which it counts in no rate, and why we would not mail it again (SES
developer guide, "Bounce types"). `Suppressed`, its list for all its customers, is none of them: that counts."""


class EventKind(StrEnum):
    """What an event says: `eventType`, and what types and sub types make of it."""

    SEND = "Send"
    DELIVERY = "Delivery"
    BOUNCE = "Bounce"  # for good
    SOFT_BOUNCE = "soft bounce"  # not for good, or SES cannot tell: perhaps only an out-of-office answer
    NOT_TRIED = "not tried"  # on a list of suppressed addresses at AWS
    COMPLAINT = "Complaint"
    NOT_SPAM = "not spam"  # the recipient took the mail out of the junk folder
    REJECT = "Reject"
    RENDERING_FAILURE = "Rendering Failure"
    DELIVERY_DELAY = "DeliveryDelay"


class SesEvent(NamedTuple):
    """One event. `key` is SNS's id of the message: the same event may come twice.

    `attempt` and `broadcast_id` are empty where the mail was none of a broadcast: only that an event came counts then.
    `address` is the one recipient we gave the mail to, never what a remote server wrote. `reason` is there where nobody
    should mail it again.
    """

    key: str
    kind: EventKind
    message_id: str
    attempt: str
    broadcast_id: str
    address: str
    reason: SuppressionReason | None = None
    text: str = ""


def parse(body: str, topic_arn: str) -> SesEvent | None:
    """Return the event in an SNS notification from our topic; None for events that are not used."""
    try:
        envelope = json.loads(body)
        if envelope["Type"] != "Notification" or envelope["TopicArn"] != topic_arn:
            return None
        told = json.loads(envelope["Message"])
        mail = told["mail"]
        tags = mail.get("tags") or {}
        kind, reason, text = _read(told)
        return SesEvent(
            key=_id(envelope["MessageId"]),
            kind=kind,
            message_id=_id(mail["messageId"]),
            attempt=_tag(tags, "attempt"),
            broadcast_id=_tag(tags, "broadcast"),
            address=_recipient(mail),
            reason=reason,
            text=clean(text),
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError):
        return None


def _tag(tags: dict[str, Any], name: str) -> str:
    return _id(tags[name][0]) if name in tags else ""


def _id(value: Any) -> str:
    """Return an id for an indexed column; ValueError for one that is too long or not printable."""
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError
    return value[:LONGEST_ID]


def _recipient(mail: dict[str, Any]) -> str:
    """Return the recipient: each of our mails has one.

    The recipients of a bounce or a complaint are those that a remote server names (SES developer guide, "Bounced
    recipients": the Final-Recipient of its report): behind a forwarding it is another one, or whomever it likes.
    """
    address = mail["destination"][0]
    if not isinstance(address, str) or not address.isprintable() or len(address) > LONGEST_ADDRESS:
        raise ValueError
    return address


_Read = tuple[EventKind, SuppressionReason | None, str]
"""What an event says, whether its recipient should be mailed again, and the other side's words."""


def _read(told: dict[str, Any]) -> _Read:
    match told["eventType"]:
        case "Send" | "Delivery" | "DeliveryDelay" as kind:
            return EventKind(kind), None, ""
        case "Bounce":
            return _bounce(told["bounce"])
        case "Complaint":
            return _complaint(told["complaint"])
        case "Reject":
            return EventKind.REJECT, None, told["reject"].get("reason") or "rejected by SES"
        case "Rendering Failure":
            return EventKind.RENDERING_FAILURE, None, told["failure"].get("errorMessage") or "not rendered"
        case kind if kind not in PASSED_OVER:
            unknown_answers.answers.met("ses", "event", clean(kind))
    raise ValueError


def _bounce(bounce: dict[str, Any]) -> _Read:
    kind, sub_type = bounce["bounceType"], bounce.get("bounceSubType") or ""
    text = f"{kind}, {sub_type}: {_said(bounce.get('bouncedRecipients'))}"
    if kind not in BOUNCE_TYPES:
        unknown_answers.answers.met("ses", "event", clean(f"Bounce {kind}"))
    if kind != PERMANENT:
        return EventKind.SOFT_BOUNCE, None, text
    if sub_type.lower() in NEVER_TRIED:
        return EventKind.NOT_TRIED, NEVER_TRIED[sub_type.lower()], text
    return EventKind.BOUNCE, SuppressionReason.BOUNCE, text


def _complaint(complaint: dict[str, Any]) -> _Read:
    feedback, sub_type = complaint.get("complaintFeedbackType") or "", complaint.get("complaintSubType") or ""
    if sub_type.lower() in NEVER_TRIED:
        return EventKind.NOT_TRIED, SuppressionReason.COMPLAINT, f"Complaint, {sub_type}"
    if feedback == "not-spam":
        return EventKind.NOT_SPAM, None, feedback
    return EventKind.COMPLAINT, SuppressionReason.COMPLAINT, feedback


def _said(recipients: Any) -> str:
    """Return the first diagnosis of a remote server, which may write anything."""
    for each in recipients if isinstance(recipients, list) else ():
        if isinstance(each, dict) and isinstance(said := each.get("diagnosticCode"), str) and said:
            return said
    return ""
