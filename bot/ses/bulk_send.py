"""One SendBulkEmail call: what goes into it, and what its answer means for each of its recipients."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parseaddr
from enum import StrEnum
from functools import cached_property
from json.encoder import encode_basestring_ascii as as_json
from types import MappingProxyType
from typing import Any, NamedTuple

from bot import unknown_answers
from bot.ses.errors import clean, unverified_in

CALL_BYTES = 900_000
"""What a call holds unless MAILROOM_CALL_BYTES says otherwise: SES takes 1 MB of JSON a call, template, images and data
together (SES developer guide, "Using templates to send personalized email")."""


class EntryOutcome(StrEnum):
    """What became of one recipient, and what the sender does about it."""

    SENT = "sent"
    RETRY = "retry"  # provably not sent: later again
    TRANSIENT = "transient"  # not sent, this recipient only: later again, a few times
    FAILED = "failed"  # this recipient only
    REFUSED = "refused"  # not sent: the whole call, for one of its recipients or for what all of them share
    QUOTA = "quota"  # not sent: wait until the window of 24 hours frees
    PAUSED = "paused"  # not sent: AWS paused the account or the configuration set
    SUSPENDED = "suspended"  # not sent: AWS stopped the account
    IDENTITY = "identity"  # not sent: the sender is not verified (any more)
    SET_UP = "set_up"  # not sent: our configuration set is not at AWS any more
    STOP = "stop"  # not sent: what every call names is missing at AWS
    IN_DOUBT = "in_doubt"  # a status we do not know, or no result at all


_OUTCOME_OF_STATUS = {
    "SUCCESS": EntryOutcome.SENT,
    "MESSAGE_REJECTED": EntryOutcome.FAILED,
    "MAIL_FROM_DOMAIN_NOT_VERIFIED": EntryOutcome.IDENTITY,
    "CONFIGURATION_SET_NOT_FOUND": EntryOutcome.SET_UP,
    "TEMPLATE_NOT_FOUND": EntryOutcome.STOP,
    "ACCOUNT_SUSPENDED": EntryOutcome.SUSPENDED,
    "ACCOUNT_THROTTLED": EntryOutcome.RETRY,
    "ACCOUNT_DAILY_QUOTA_EXCEEDED": EntryOutcome.QUOTA,
    "INVALID_SENDING_POOL_NAME": EntryOutcome.STOP,
    "ACCOUNT_SENDING_PAUSED": EntryOutcome.PAUSED,
    "CONFIGURATION_SET_SENDING_PAUSED": EntryOutcome.PAUSED,
    "INVALID_PARAMETER": EntryOutcome.FAILED,
    "TRANSIENT_FAILURE": EntryOutcome.TRANSIENT,
    "FAILED": EntryOutcome.FAILED,
}


class InlineImage(NamedTuple):
    """A picture that the HTML shows as `cid:` and its id."""

    content_id: str  # a file's name
    content_type: str
    data: bytes


@dataclass(frozen=True)
class BulkTemplate:
    """SES template source: Handlebars, where only our own fields may stand in double braces."""

    subject: str
    html: str
    text: str
    images: Sequence[InlineImage] = ()

    @cached_property
    def content(self) -> str:
        """The `DefaultContent` of every call, as JSON."""
        template = {
            "TemplateContent": {"Subject": self.subject, "Html": self.html, "Text": self.text},
            "TemplateData": "{}",
            **attachments(self.images),
        }
        return json.dumps({"Template": template}, default=_in_base64)


class BulkEntry(NamedTuple):  # a NamedTuple, as a frozen dataclass takes four times as long to make
    """One recipient: a value for every field of the template, as a JSON object, and headers (at most 15)."""

    address: str
    data: str
    headers: Mapping[str, str] = MappingProxyType({})


class EntryResult(NamedTuple):
    outcome: EntryOutcome
    status: str  # as AWS sent it
    message_id: str = ""
    error: str = ""

    @property
    def reason(self) -> str:
        """AWS's own words, else its status."""
        return self.error or self.status


def request_body(
    sender: str,
    reply_to: Sequence[str],
    configuration_set: str,
    template: BulkTemplate,
    entries: Sequence[BulkEntry],
    tags: Mapping[str, str],
) -> bytes:
    """Return the JSON of a SendBulkEmail, with the template inline; every mail carries the tags.

    It is what botocore makes of the same parameters, which copies them piece by piece with every call first: a third of
    what a call costs. What the calls of a broadcast share is written once.
    """
    shared = {"FromEmailAddress": sender, "ReplyToAddresses": reply_to, "ConfigurationSetName": configuration_set}
    body = (
        f'{json.dumps(shared)[:-1]}, "DefaultContent": {template.content}, "DefaultEmailTags": {_named(tags)}, '
        f'"BulkEmailEntries": [{", ".join([_entry(entry) for entry in entries])}]}}'
    )
    return body.encode("ascii")


def attachments(images: Sequence[InlineImage]) -> dict[str, Any]:
    """Return them as AWS has it; without any nothing, since an account may have a policy that knows no attachments."""
    parts = [
        {
            "FileName": image.content_id,
            "ContentId": image.content_id,
            "ContentType": image.content_type,
            "ContentDisposition": "INLINE",
            "ContentTransferEncoding": "BASE64",
            "RawContent": image.data,
        }
        for image in images
    ]
    return {"Attachments": parts} if parts else {}


def read_results(answer: Mapping[str, Any], sender: str, expected: int) -> list[EntryResult]:
    """Read BulkEmailEntryResults, which SES gives in the order of the entries: always `expected` of them."""
    results = answer.get("BulkEmailEntryResults") or ()
    unread = {result.get("Status", "") for result in results} - _OUTCOME_OF_STATUS.keys()
    for status in {clean(each) for each in unread} - _OUTCOME_OF_STATUS.keys():
        request_id = str((answer.get("ResponseMetadata") or {}).get("RequestId") or "")
        unknown_answers.answers.met("ses", "SendBulkEmail", status, request_id)
    read = [_result(result, sender) for result in results[:expected]]
    return read + [EntryResult(EntryOutcome.IN_DOUBT, "", error="AWS gave no result")] * (expected - len(read))


def _entry(entry: BulkEntry) -> str:
    return (
        f'{{"Destination": {{"ToAddresses": [{as_json(entry.address)}]}}, "ReplacementEmailContent": '
        f'{{"ReplacementTemplate": {{"ReplacementTemplateData": {as_json(entry.data)}}}}}, '
        f'"ReplacementHeaders": {_named(entry.headers)}}}'
    )


def _named(values: Mapping[str, str]) -> str:
    pairs = [f'{{"Name": {as_json(name)}, "Value": {as_json(value)}}}' for name, value in values.items()]
    return f"[{', '.join(pairs)}]"


def _in_base64(data: bytes) -> str:
    return b64encode(data).decode()


def _result(result: dict[str, Any], sender: str) -> EntryResult:
    if result.get("Status") == "SUCCESS":
        return EntryResult(EntryOutcome.SENT, "SUCCESS", result.get("MessageId", ""))
    status, error = clean(result.get("Status", "")), result.get("Error", "")
    outcome = _OUTCOME_OF_STATUS.get(status, EntryOutcome.IN_DOUBT)
    if status == "MESSAGE_REJECTED" and names_sender(unverified_in(error), sender):
        outcome = EntryOutcome.IDENTITY
    return EntryResult(outcome, status, result.get("MessageId", ""), clean(error))


def names_sender(unverified: Collection[str], sender: str) -> bool:
    """Whether a rejection is about the sender, so that every other recipient would be rejected too."""
    address = parseaddr(sender)[1].lower()
    return address in unverified or address.rpartition("@")[2] in unverified
