"""From the parameters of a send to the mail that would leave: content, recipients, headers, tags."""

from __future__ import annotations

import base64
import mimetypes
import re
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from typing import Any

from tests.playground.aws.addresses import addr_spec
from tests.playground.aws.answers import AwsError, Json, present
from tests.playground.aws.outbox import Attachment, Mail
from tests.playground.aws.ses_state import Ses
from tests.playground.aws.template import RenderingError, read_data, render

MAX_RECIPIENTS = 50
"""To, Cc and Bcc of one message (SES developer guide, quotas)."""
MAX_HEADERS = 15
_HEADER_NAME = re.compile(r"[!-9;-@A-~]{1,126}")
_HEADER_VALUE = re.compile(r"[ -~]{1,995}")
_TAG = re.compile(r"[\w-]{1,256}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Draft:
    """A mail, and the reason for which SES will answer SUCCESS and then fail to render it."""

    mail: Mail
    failure: str | None = None


def single(ses: Ses, params: Json) -> Draft:
    """The mail of a SendEmail.

    Raises:
        AwsError: BadRequestException; NotFoundException for a configuration set or stored template.
    """
    content = params["Content"]
    recipients = _addresses(params.get("Destination"))
    fields: dict[str, Any] = {
        "sender": params.get("FromEmailAddress") or "",
        "to": recipients,
        "tags": _tags(params.get("EmailTags")),
        "reply_to": tuple(params.get("ReplyToAddresses") or ()),
    }
    failure = None
    if "Simple" in content:
        fields |= _simple(content["Simple"])
    elif "Raw" in content:
        raw = _raw(base64.b64decode(content["Raw"]["Data"]))
        fields |= {**raw, "sender": fields["sender"] or raw["sender"], "to": recipients or raw["to"]}
    elif "Template" in content:
        template = content["Template"]
        filled, failure = _fill(_inline(template), read_data(template.get("TemplateData")))
        fields |= {
            **filled,
            "headers": _headers(template.get("Headers")),
            "attachments": _attachments(template.get("Attachments")),
        }
    else:
        raise AwsError("BadRequestException", "Content must be one of Simple, Raw and Template.")
    _check_count(fields["to"])
    configuration_set = _configuration_set(ses, params.get("ConfigurationSetName"), fields["sender"])
    return Draft(_mail(ses, "SendEmail", configuration_set=configuration_set, **fields), failure)


class Bulk:
    """What the entries of one SendBulkEmail have in common.

    Raises:
        AwsError: as `single`.
    """

    def __init__(self, ses: Ses, params: Json) -> None:
        template = params["DefaultContent"].get("Template") or {}
        self._ses = ses
        self._content = _inline(template)
        self._data = read_data(template.get("TemplateData"))
        self._headers = _headers(template.get("Headers"))
        self._tags = _tags(params.get("DefaultEmailTags"))
        self._sender = params.get("FromEmailAddress") or ""
        self._reply_to = tuple(params.get("ReplyToAddresses") or ())
        self._configuration_set = _configuration_set(ses, params.get("ConfigurationSetName"), self._sender)
        size = sum(len(text.encode()) for text in self._content.values())
        size += sum(-(-len(each["RawContent"]) // 3) * 4 for each in template.get("Attachments") or ())
        size += len((template.get("TemplateData") or "").encode())
        size += sum(len(_replacement(entry).encode()) for entry in params["BulkEmailEntries"])
        if size > ses.call_bytes:
            raise AwsError("BadRequestException", "The template and its data are too large for a call.")
        self._attachments = _attachments(template.get("Attachments"))

    def draft(self, entry: Json) -> Draft:
        """The mail of one entry.

        Raises:
            AwsError: BadRequestException; it concerns this entry alone.
        """
        recipients = _addresses(entry.get("Destination"))
        _check_count(recipients)
        filled, failure = _fill(self._content, {**self._data, **read_data(_replacement(entry))})
        mail = _mail(
            self._ses,
            "SendBulkEmail",
            sender=self._sender,
            reply_to=self._reply_to,
            to=recipients,
            configuration_set=self._configuration_set,
            headers={**self._headers, **_headers(entry.get("ReplacementHeaders"))},
            tags={**self._tags, **_tags(entry.get("ReplacementTags"))},
            attachments=self._attachments,
            **filled,
        )
        return Draft(mail, failure)


def _mail(
    ses: Ses,
    operation: str,
    *,
    sender: str,
    to: tuple[str, ...],
    reply_to: tuple[str, ...],
    tags: dict[str, str],
    headers: dict[str, str],
    configuration_set: str | None,
    subject: str,
    html: str | None,
    text: str | None,
    attachments: tuple[Attachment, ...] = (),
) -> Mail:
    unique = secrets.token_bytes(22)
    return Mail(
        message_id=f"0100{unique[:6].hex()}-{uuid.UUID(bytes=unique[6:])}-000000",
        account=ses.account,
        region=ses.region,
        sender=sender,
        reply_to=reply_to,
        to=to,
        subject=subject,
        html=html,
        text=text,
        headers=headers,
        tags=tags,
        configuration_set=configuration_set,
        at=ses.clock(),
        operation=operation,
        attachments=attachments,
    )


def _simple(simple: Json) -> Json:
    body = simple["Body"]
    if not body.get("Html") and not body.get("Text"):
        raise AwsError("BadRequestException", "The message has no body.")
    return {
        "subject": simple["Subject"]["Data"],
        "html": (body.get("Html") or {}).get("Data"),
        "text": (body.get("Text") or {}).get("Data"),
        "headers": _headers(simple.get("Headers")),
    }


def _raw(data: bytes) -> Json:
    message = message_from_bytes(data, policy=policy.default)
    html, text = message.get_body(("html",)), message.get_body(("plain",))
    named = [str(message[name]) for name in ("To", "Cc", "Bcc") if message[name]]
    return {
        "sender": str(message["From"] or ""),
        "to": tuple(addr_spec(each) for field in named for each in field.split(",")),
        "subject": str(message["Subject"] or ""),
        "html": html.get_content() if html else None,
        "text": text.get_content() if text else None,
        "headers": {name: str(value) for name, value in message.items()},
    }


def _fill(content: dict[str, str], data: Json) -> tuple[Json, str | None]:
    try:
        filled = {name: render(text, data) for name, text in content.items()}
    except RenderingError as error:
        return {"subject": "", "html": None, "text": None}, str(error)
    return {"subject": filled.get("Subject", ""), "html": filled.get("Html"), "text": filled.get("Text")}, None


def _inline(template: Json) -> dict[str, str]:
    content = template.get("TemplateContent")
    if content is None:
        name = template.get("TemplateName") or template.get("TemplateArn") or ""
        raise AwsError("NotFoundException", f"Template {name} does not exist")
    return present(Subject=content.get("Subject"), Html=content.get("Html"), Text=content.get("Text"))


def _replacement(entry: Json) -> str:
    template = (entry.get("ReplacementEmailContent") or {}).get("ReplacementTemplate") or {}
    return template.get("ReplacementTemplateData") or ""


def _addresses(destination: Json | None) -> tuple[str, ...]:
    destination = destination or {}
    names = ("ToAddresses", "CcAddresses", "BccAddresses")
    return tuple(addr_spec(each) for name in names for each in destination.get(name) or ())


def _check_count(recipients: Sequence[str]) -> None:
    if not 0 < len(recipients) <= MAX_RECIPIENTS:
        raise AwsError("BadRequestException", f"Recipient count must be between 1 and {MAX_RECIPIENTS}.")


def _headers(headers: Sequence[Json] | None) -> dict[str, str]:
    if headers and len(headers) > MAX_HEADERS:
        raise AwsError("BadRequestException", f"At most {MAX_HEADERS} headers are allowed.")
    for header in headers or ():
        if not (_HEADER_NAME.fullmatch(header["Name"]) and _HEADER_VALUE.fullmatch(header["Value"])):
            raise AwsError("BadRequestException", f"Invalid header: {header['Name']}")
    return {header["Name"]: header["Value"] for header in headers or ()}


def _attachments(attachments: Sequence[Json] | None) -> tuple[Attachment, ...]:
    """The parts as they were given; two of one id cannot both be named.

    Raises:
        AwsError: BadRequestException.
    """
    parts = tuple(
        Attachment(
            each["FileName"],
            base64.b64decode(each["RawContent"]),
            each.get("ContentType") or mimetypes.guess_type(each["FileName"])[0] or "",
            each.get("ContentId", ""),
            each.get("ContentDisposition", "ATTACHMENT"),
        )
        for each in attachments or ()
    )
    if any(part.disposition == "INLINE" and not part.content_id for part in parts):
        raise AwsError("BadRequestException", "An inline attachment needs a ContentId.")
    return parts


def _tags(tags: Sequence[Json] | None) -> dict[str, str]:
    for tag in tags or ():
        if not (_TAG.fullmatch(tag["Name"]) and _TAG.fullmatch(tag["Value"])):
            message = "Message tags may only contain ASCII letters, numbers, underscores and dashes."
            raise AwsError("BadRequestException", message)
    return {tag["Name"]: tag["Value"] for tag in tags or ()}


def _configuration_set(ses: Ses, name: str | None, sender: str) -> str | None:
    """The set the call names, else the default of the sender's identity.

    One that is gone is a bad request for whoever names none ("Specifying a configuration set", SES Classic guide).
    """
    if name is None:
        covering = ses.covering(addr_spec(sender))
        default = next((each.configuration_set for each in covering if each.configuration_set), None)
        if default is not None and default not in ses.configuration_sets:
            raise AwsError("BadRequestException", f"Configuration set <{default}> does not exist.")
        return default
    if name not in ses.configuration_sets:
        raise AwsError("NotFoundException", f"Configuration set <{name}> does not exist.")
    return name
