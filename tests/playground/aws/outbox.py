"""Every mail that SES really sent, and what the recipients' side did with it."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from tests.playground.aws.addresses import addr_spec, is_simulator
from tests.playground.aws.events import NOT_SPAM

if TYPE_CHECKING:
    from tests.playground.aws.events import EventPublisher
    from tests.playground.aws.ses_state import Ses


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part of a mail beside its text; `content_id` is what its HTML may name."""

    name: str
    content: bytes
    content_type: str
    content_id: str
    disposition: str


@dataclass(frozen=True, slots=True)
class Mail:
    """One message as accepted: addresses in `to` are bare, `sender` and `reply_to` as they were given."""

    message_id: str
    account: str
    region: str
    sender: str
    reply_to: tuple[str, ...]
    to: tuple[str, ...]
    subject: str
    html: str | None
    text: str | None
    headers: Mapping[str, str]
    tags: Mapping[str, str]
    configuration_set: str | None
    at: datetime
    operation: str = "SendEmail"
    attachments: tuple[Attachment, ...] = ()


@dataclass(slots=True)
class Outbox:
    publisher: EventPublisher
    keep: bool = True
    """False counts mails instead of keeping them, for loads of a million."""
    mails: list[Mail] = field(default_factory=list)
    feedback: list[Mail] = field(default_factory=list)
    """What SES itself mailed to senders about bounces and complaints."""
    count: int = 0
    _by_address: defaultdict[str, list[Mail]] = field(default_factory=lambda: defaultdict(list))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def to(self, address: str) -> list[Mail]:
        return list(self._by_address.get(address.lower(), ()))

    def clear(self) -> None:
        with self._lock:
            self.mails.clear()
            self.feedback.clear()
            self._by_address.clear()
            self.count = 0

    def accept(self, ses: Ses, mail: Mail) -> None:
        """SES took the mail: it goes to those recipients that are not suppressed, and events follow."""
        blocked = {address for address in mail.to if self._is_suppressed(ses, address)}
        if len(blocked) < len(mail.to):
            self.record(mail)
        publish = self.publisher.publish
        publish(ses, mail, "SEND", mail.to)
        for address in mail.to:
            if address in blocked:
                reason = ses.suppressed[address.lower()].reason
                publish(ses, mail, reason, (address,), sub_type="OnAccountSuppressionList")
                continue
            for event, sub_type in _outcome(ses, address):
                self.happens(ses, mail, event, (address,), sub_type)

    def happens(self, ses: Ses, mail: Mail, event: str, recipients: tuple[str, ...], sub_type: str = "General") -> None:
        """Something becomes known about these recipients: events go out, and a mail to the sender where wanted."""
        self.publisher.publish(ses, mail, event, recipients, sub_type=sub_type)
        if self.keep and event in _FEEDBACK and self._forwards(ses, mail, event):
            about = replace(
                mail,
                message_id=f"{mail.message_id}-feedback",
                sender=f"MAILER-DAEMON@{ses.region}.amazonses.com",
                to=(addr_spec(mail.sender),),
                subject=_FEEDBACK[event],
                html=None,
                text="\n".join(recipients),
                headers={},
                tags={},
                configuration_set=None,
                at=ses.clock(),
            )
            with self._lock:
                self.feedback.append(about)

    def _forwards(self, ses: Ses, mail: Mail, event: str) -> bool:
        """Whether the identity forwards feedback, or there is nobody else who hears of it."""
        used = next((each for each in ses.covering(addr_spec(mail.sender)) if each.sends), None)
        heard = self.publisher.hears(ses, mail, event)
        return ses.rules().feedback_mails and (used is None or used.forwards_feedback or not heard)

    def render_failed(self, ses: Ses, mail: Mail, reason: str) -> None:
        """SES answered SUCCESS, and then could not build the mail. Nobody gets it."""
        if mail.configuration_set is not None:
            self.publisher.publish(ses, mail, "RENDERING_FAILURE", mail.to, reason=reason)

    def _is_suppressed(self, ses: Ses, address: str) -> bool:
        entry = ses.suppressed.get(address.lower())
        return entry is not None and entry.reason in ses.suppressed_reasons

    def record(self, mail: Mail) -> None:
        """Keep a mail that somebody gets."""
        with self._lock:
            self.count += 1
            if self.keep:
                self.mails.append(mail)
                for address in mail.to:
                    self._by_address[address.lower()].append(mail)


def _outcome(ses: Ses, address: str) -> list[tuple[str, str]]:
    """The events of one recipient, each with its sub type: by the mailbox simulator's names, or as set."""
    planted = ses.outcomes.get(address.lower())
    if planted is None and is_simulator(address):
        mailbox = address.partition("@")[0].partition("+")[0].lower()
        if mailbox == "suppressionlist":
            return [("BOUNCE", "Suppressed")]
        planted = {"bounce": "BOUNCE", "complaint": "COMPLAINT"}.get(mailbox)
    if planted is None:
        return [("DELIVERY", "")]
    return _EVENTS_OF.get(planted) or [(planted, "General")]


_FEEDBACK = {"BOUNCE": "Delivery Status Notification (Failure)", "COMPLAINT": "Complaint about your mail"}
_EVENTS_OF = {
    "COMPLAINT": [("DELIVERY", ""), ("COMPLAINT", "")],
    "NOT_SPAM": [("DELIVERY", ""), ("COMPLAINT", NOT_SPAM)],
    "SOFT_BOUNCE": [("BOUNCE", "Transient/MailboxFull")],
    "UNDETERMINED": [("BOUNCE", "Undetermined/Undetermined")],
    "OUT_OF_OFFICE": [("DELIVERY", ""), ("BOUNCE", "Transient/General")],
}
