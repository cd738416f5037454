"""SES events on their way out: configuration set -> event destination -> SNS topic.

Event JSON: SES developer guide, "Contents of event data that Amazon SES publishes to Amazon SNS". Events are
made and published by a thread of their own, in order, after the call that caused them: as at AWS, an event
may come before or after the call's answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.playground.aws.addresses import addr_spec, domain_of
from tests.playground.aws.answers import AwsError
from tests.playground.aws.worker import Worker

if TYPE_CHECKING:
    from tests.playground.aws.outbox import Mail
    from tests.playground.aws.ses_state import Ses

NOT_SPAM = "not-spam"
"""RFC 5965, 3.1: the recipient says that it is no junk; the event is a complaint all the same."""
SUBJECT = "Amazon SES Email Event Notification"
VALIDATED = "Successfully validated SNS topic for Amazon SES event publishing."
Publish = Callable[[str, str | None, str, str], Any]
"""Publishes a subject and a message to a topic, given by its ARN, for a configuration set, given by its own."""

_NAMES = {
    "SEND": "Send",
    "REJECT": "Reject",
    "BOUNCE": "Bounce",
    "COMPLAINT": "Complaint",
    "DELIVERY": "Delivery",
    "RENDERING_FAILURE": "Rendering Failure",
    "DELIVERY_DELAY": "DeliveryDelay",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One event of one mail, for these of its recipients; `named`: whom the other side names in their stead.

    `sub_type` of a bounce may have a type before it (`Transient/General`), and of a complaint may be NOT_SPAM.
    """

    kind: str
    mail: Mail
    recipients: tuple[str, ...]
    named: tuple[str, ...]
    at: datetime
    sub_type: str = ""
    reason: str = ""


class EventPublisher:
    """Finds the destinations of an event and leaves the publishing to a worker."""

    def __init__(self, worker: Worker, publish: Publish) -> None:
        self._worker = worker
        self._publish = publish

    def publish(
        self,
        ses: Ses,
        mail: Mail,
        kind: str,
        recipients: tuple[str, ...],
        *,
        sub_type: str = "",
        reason: str = "",
    ) -> None:
        """Publish to every destination of the mail's configuration set that wants this kind of event."""
        for topic_arn in self._topics(ses, mail, kind):
            named = tuple(ses.named(each, kind) for each in recipients)
            event = Event(kind, mail, recipients, named, ses.clock(), sub_type, reason)
            self._worker.do(partial(self._send, topic_arn, event))

    def hears(self, ses: Ses, mail: Mail, kind: str) -> bool:
        """Whether any destination wants this kind of event."""
        return bool(self._topics(ses, mail, kind))

    @staticmethod
    def _topics(ses: Ses, mail: Mail, kind: str) -> list[str]:
        configuration_set = ses.configuration_sets.get(mail.configuration_set or "")
        destinations = list(configuration_set.destinations.values()) if configuration_set else []
        return [each.topic_arn for each in destinations if each.enabled and each.topic_arn and kind in each.event_types]

    def _send(self, topic_arn: str, event: Event) -> None:
        source_arn = set_arn(event.mail.region, event.mail.account, event.mail.configuration_set or "")
        with suppress(AwsError):  # where the topic is gone or closed, nobody hears of it
            self._publish(topic_arn, SUBJECT, json.dumps(event_json(event)), source_arn)

    def try_topic(self, ses: Ses, configuration_set: str, topic_arn: str) -> None:
        """Tell the topic that SES can publish to it.

        Raises:
            AwsError: as the topic.
        """
        self._publish(topic_arn, None, VALIDATED, set_arn(ses.region, ses.account, configuration_set))


def set_arn(region: str, account: str, name: str) -> str:
    return f"arn:aws:ses:{region}:{account}:configuration-set/{name}"


def event_json(event: Event) -> dict[str, Any]:
    name = _NAMES[event.kind]
    member = "failure" if event.kind == "RENDERING_FAILURE" else name[0].lower() + name[1:]
    return {"eventType": name, "mail": _mail(event), member: _detail(event)}


def _mail(event: Event) -> dict[str, Any]:
    mail = event.mail
    headers = [
        {"name": "From", "value": mail.sender},
        {"name": "To", "value": ", ".join(mail.to)},
        {"name": "Subject", "value": mail.subject},
        *({"name": name, "value": value} for name, value in mail.headers.items()),
    ]
    return {
        "timestamp": _stamp(mail.at),
        "source": mail.sender,
        "sourceArn": f"arn:aws:ses:{mail.region}:{mail.account}:identity/{domain_of(addr_spec(mail.sender))}",
        "sendingAccountId": mail.account,
        "messageId": mail.message_id,
        "destination": list(mail.to),
        "headersTruncated": False,
        "headers": headers,
        "commonHeaders": {
            "from": [mail.sender],
            "to": list(mail.to),
            "messageId": mail.message_id,
            "subject": mail.subject,
        },
        "tags": {
            "ses:operation": [mail.operation],
            "ses:configuration-set": [mail.configuration_set],
            "ses:source-ip": ["127.0.0.1"],
            "ses:from-domain": [domain_of(addr_spec(mail.sender))],
            **{name: [value] for name, value in mail.tags.items()},
        },
    }


def _detail(event: Event) -> dict[str, Any]:
    detail = _DETAILS.get(event.kind)
    return detail(event) if detail else {}


def _bounce(event: Event) -> dict[str, Any]:
    """`emailAddress` is the Final-Recipient of a report that another server wrote (developer guide, "Bounced
    recipients"), so that it may be anything."""
    kind, _, sub_type = event.sub_type.rpartition("/")
    failed = {"action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
    return {
        "feedbackId": _feedback_id(event),
        "bounceType": kind or "Permanent",
        "bounceSubType": sub_type,
        "bouncedRecipients": [{"emailAddress": address, **failed} for address in event.named],
        "timestamp": _stamp(event.at),
        "reportingMTA": "dsn; a8-50.smtp-out.amazonses.com",
    }


def _complaint(event: Event) -> dict[str, Any]:
    return {
        "feedbackId": _feedback_id(event),
        "complaintSubType": None if event.sub_type == NOT_SPAM else event.sub_type or None,
        "complainedRecipients": [{"emailAddress": address} for address in event.named],
        "timestamp": _stamp(event.at),
        "complaintFeedbackType": NOT_SPAM if event.sub_type == NOT_SPAM else "abuse",
        "arrivalDate": _stamp(event.at),
    }


def _delivery(event: Event) -> dict[str, Any]:
    return {
        "timestamp": _stamp(event.at),
        "processingTimeMillis": 642,
        "recipients": list(event.named),
        "smtpResponse": "250 2.6.0 Message received",
        "reportingMTA": "a8-50.smtp-out.amazonses.com",
    }


def _delivery_delay(event: Event) -> dict[str, Any]:
    delayed = {"status": "4.2.2", "diagnosticCode": "smtp; 452 4.2.2 mailbox full"}
    return {
        "timestamp": _stamp(event.at),
        "delayType": "MailboxFull",
        "expirationTime": _stamp(event.at),
        "delayedRecipients": [{"emailAddress": address, **delayed} for address in event.recipients],
    }


_DETAILS: dict[str, Callable[[Event], dict[str, Any]]] = {
    "BOUNCE": _bounce,
    "COMPLAINT": _complaint,
    "DELIVERY": _delivery,
    "DELIVERY_DELAY": _delivery_delay,
    "REJECT": lambda _: {"reason": "Bad content"},
    "RENDERING_FAILURE": lambda event: {"errorMessage": event.reason, "templateName": "inline"},
}


def _feedback_id(event: Event) -> str:
    return f"{event.mail.message_id[:-6]}fb0000"


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
