"""SendEmail and SendBulkEmail: who may send, to whom, how much; and the mails that come of it."""

from __future__ import annotations

import base64
import re
import secrets
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from math import floor

from tests.playground.aws.addresses import addr_spec, is_simulator
from tests.playground.aws.answers import AwsError, Json, present
from tests.playground.aws.outbox import Mail
from tests.playground.aws.ses_state import UNLIMITED, Ses
from tests.playground.aws.template import MAX_CALL_BYTES, RenderingFailure, read_data, render

MAX_ENTRIES = 50
MAX_RECIPIENTS = 50
MAX_HEADERS = 15
RATE_EXCEEDED = "Maximum sending rate exceeded."
QUOTA_EXCEEDED = "Daily message quota exceeded."
_HEADER_NAME = re.compile(r"[!-9;-@A-~]{1,126}")
_HEADER_VALUE = re.compile(r"[ -~]{1,995}")
_TAG = re.compile(r"[\w-]{1,256}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why one entry of a bulk call is not sent."""

    status: str
    error: str


def send_email(ses: Ses, params: Json) -> Json:
    with ses.lock:
        mail, failure = _single(ses, params)
        if not mail.to or len(mail.to) > MAX_RECIPIENTS:
            raise AwsError("BadRequestException", "Recipient count must be between 1 and 50.")
        _check_account(ses)
        configuration_set = _configuration_set(ses, mail.configuration_set, mail.sender)
        if configuration_set is not None and not ses.configuration_sets[configuration_set].sending_enabled:
            message = f"Sending is paused for configuration set {configuration_set}"
            raise AwsError("SendingPausedException", message)
        refusal = _refusal(ses, mail.sender, mail.to)
        if refusal is not None:
            code = "MessageRejected" if refusal.status == "MESSAGE_REJECTED" else "MailFromDomainNotVerifiedException"
            raise AwsError(code, refusal.error)
        _check_rate(ses, len(mail.to))
        if not _take_quota(ses, mail.to):
            raise AwsError("LimitExceededException", QUOTA_EXCEEDED)
        ses.sent_last_second.add(ses.clock(), len(mail.to))
    _hand_over(ses, replace(mail, configuration_set=configuration_set), failure)
    return {"MessageId": mail.message_id}


def send_bulk_email(ses: Ses, params: Json) -> Json:
    """Some refusals answer the whole call, others one entry: BulkEmailEntryResults."""
    entries = params.get("BulkEmailEntries") or []
    if not 0 < len(entries) <= MAX_ENTRIES:
        raise AwsError("BadRequestException", f"A call takes between 1 and {MAX_ENTRIES} bulk email entries.")
    bulk = _Bulk(ses, params)
    with ses.lock:
        _check_account(ses)
        mails = [bulk.mail(entry) for entry in entries]
        _check_rate(ses, sum(len(mail.to) for mail, _ in mails))
        if _quota_is_used_up(ses) and not any(is_simulator(each) for mail, _ in mails for each in mail.to):
            raise AwsError("LimitExceededException", QUOTA_EXCEEDED)
        results: list[Json] = []
        accepted: list[tuple[Mail, _Refusal | str | None]] = []
        for mail, problem in mails:
            refusal = problem if isinstance(problem, _Refusal) else _entry_refusal(ses, mail)
            if refusal is None:
                accepted.append((mail, problem))
                results.append({"Status": "SUCCESS", "MessageId": mail.message_id})
            else:
                results.append({"Status": refusal.status, "Error": refusal.error})
        ses.sent_last_second.add(ses.clock(), sum(len(mail.to) for mail, _ in accepted))
    for mail, problem in accepted:
        _hand_over(ses, mail, problem if isinstance(problem, str) else None)
    return {"BulkEmailEntryResults": results}


class _Bulk:
    """What the entries of one bulk call have in common."""

    def __init__(self, ses: Ses, params: Json) -> None:
        template = params["DefaultContent"].get("Template") or {}
        self.ses = ses
        self.content = _inline_content(template)
        self.data = read_data(template.get("TemplateData"))
        self.headers = _headers(template.get("Headers"))
        self.tags = _tags(params.get("DefaultEmailTags"))
        self.sender = params.get("FromEmailAddress") or ""
        addr_spec(self.sender)
        self.reply_to = tuple(params.get("ReplyToAddresses") or ())
        self.configuration_set = _configuration_set(ses, params.get("ConfigurationSetName"), self.sender)
        size = sum(len(text.encode()) for text in self.content.values())
        size += len(template.get("TemplateData") or "") + sum(
            len(_replacement(entry).encode()) for entry in params["BulkEmailEntries"]
        )
        if size > MAX_CALL_BYTES:
            raise AwsError("BadRequestException", "The template and its data are larger than 1 MB")

    def mail(self, entry: Json) -> tuple[Mail, _Refusal | str | None]:
        """The entry's mail; with it a refusal, or the text of a rendering failure."""
        problem: _Refusal | str | None = None
        mail = _blank(self.ses, self.sender, self.reply_to, "SendBulkEmail", self.configuration_set)
        try:
            mail = replace(
                mail,
                to=_recipients(entry.get("Destination")),
                headers={**self.headers, **_headers(entry.get("ReplacementHeaders"))},
                tags={**self.tags, **_tags(entry.get("ReplacementTags"))},
            )
            if not mail.to or len(mail.to) > MAX_RECIPIENTS:
                problem = _Refusal("INVALID_PARAMETER", "Recipient count must be between 1 and 50.")
            else:
                mail, problem = _fill(mail, self.content, {**self.data, **read_data(_replacement(entry))})
        except AwsError as error:
            problem = _Refusal("INVALID_PARAMETER", error.message or "")
        return mail, problem


def _entry_refusal(ses: Ses, mail: Mail) -> _Refusal | None:
    if mail.configuration_set is not None and not ses.configuration_sets[mail.configuration_set].sending_enabled:
        return _Refusal("CONFIGURATION_SET_SENDING_PAUSED", "Sending is paused for the configuration set.")
    refusal = _refusal(ses, mail.sender, mail.to)
    if refusal is None and not _take_quota(ses, mail.to):
        return _Refusal("ACCOUNT_DAILY_QUOTA_EXCEEDED", QUOTA_EXCEEDED)
    return refusal


# What is built


def _single(ses: Ses, params: Json) -> tuple[Mail, str | None]:
    content = params["Content"]
    mail = _blank(
        ses,
        params.get("FromEmailAddress") or "",
        tuple(params.get("ReplyToAddresses") or ()),
        "SendEmail",
        params.get("ConfigurationSetName"),
    )
    mail = replace(mail, to=_recipients(params.get("Destination")), tags=_tags(params.get("EmailTags")))
    failure: str | None = None
    if "Simple" in content:
        mail = _simple(mail, content["Simple"])
    elif "Raw" in content:
        mail = _raw(mail, base64.b64decode(content["Raw"]["Data"]))
    elif "Template" in content:
        template = content["Template"]
        mail = replace(mail, headers=_headers(template.get("Headers")))
        mail, failure = _fill(mail, _inline_content(template), read_data(template.get("TemplateData")))
    else:
        raise AwsError("BadRequestException", "Content must be one of Simple, Raw and Template.")
    addr_spec(mail.sender)
    return mail, failure


def _simple(mail: Mail, simple: Json) -> Mail:
    body = simple["Body"]
    if not body.get("Html") and not body.get("Text"):
        raise AwsError("BadRequestException", "The message has no body.")
    return replace(
        mail,
        subject=simple["Subject"]["Data"],
        html=(body.get("Html") or {}).get("Data"),
        text=(body.get("Text") or {}).get("Data"),
        headers=_headers(simple.get("Headers")),
    )


def _raw(mail: Mail, data: bytes) -> Mail:
    message = message_from_bytes(data, policy=policy.default)
    html, text = message.get_body(("html",)), message.get_body(("plain",))
    named = [str(message[name]) for name in ("To", "Cc", "Bcc") if message[name]]
    return replace(
        mail,
        sender=mail.sender or str(message["From"] or ""),
        to=mail.to or tuple(addr_spec(each) for field in named for each in field.split(",")),
        subject=str(message["Subject"] or ""),
        html=html.get_content() if html else None,
        text=text.get_content() if text else None,
        headers={name: str(value) for name, value in message.items()},
    )


def _fill(mail: Mail, content: dict[str, str], data: Json) -> tuple[Mail, str | None]:
    try:
        filled = {name: render(text, data) for name, text in content.items()}
    except RenderingFailure as failure:
        return mail, str(failure)
    return replace(
        mail, subject=filled.get("Subject", ""), html=filled.get("Html"), text=filled.get("Text")
    ), None


def _blank(
    ses: Ses, sender: str, reply_to: tuple[str, ...], operation: str, configuration_set: str | None
) -> Mail:
    return Mail(
        message_id=f"0100{secrets.token_hex(6)}-{uuid.UUID(bytes=secrets.token_bytes(16))}-000000",
        account=ses.account,
        region=ses.region,
        sender=sender,
        reply_to=reply_to,
        to=(),
        subject="",
        html=None,
        text=None,
        headers={},
        tags={},
        configuration_set=configuration_set,
        at=ses.clock(),
        operation=operation,
    )


def _hand_over(ses: Ses, mail: Mail, failure: str | None) -> None:
    if failure is None:
        ses.outbox.accept(ses, mail)
    else:
        ses.outbox.render_failed(ses, mail, failure)


# What is asked for


def _inline_content(template: Json) -> dict[str, str]:
    content = template.get("TemplateContent")
    if content is None:
        name = template.get("TemplateName") or template.get("TemplateArn") or ""
        raise AwsError("NotFoundException", f"Template {name} does not exist")
    return present(
        Subject=content.get("Subject"), Html=content.get("Html"), Text=content.get("Text")
    )


def _replacement(entry: Json) -> str:
    template = (entry.get("ReplacementEmailContent") or {}).get("ReplacementTemplate") or {}
    return template.get("ReplacementTemplateData") or ""


def _recipients(destination: Json | None) -> tuple[str, ...]:
    destination = destination or {}
    names = ("ToAddresses", "CcAddresses", "BccAddresses")
    return tuple(addr_spec(each) for name in names for each in destination.get(name) or ())


def _headers(headers: Sequence[Json] | None) -> dict[str, str]:
    if headers and len(headers) > MAX_HEADERS:
        raise AwsError("BadRequestException", f"At most {MAX_HEADERS} headers are allowed.")
    for header in headers or ():
        if not (_HEADER_NAME.fullmatch(header["Name"]) and _HEADER_VALUE.fullmatch(header["Value"])):
            raise AwsError("BadRequestException", f"Invalid header: {header['Name']}")
    return {header["Name"]: header["Value"] for header in headers or ()}


def _tags(tags: Sequence[Json] | None) -> dict[str, str]:
    for tag in tags or ():
        if not (_TAG.fullmatch(tag["Name"]) and _TAG.fullmatch(tag["Value"])):
            message = "Message tags may only contain ASCII letters, numbers, underscores and dashes."
            raise AwsError("BadRequestException", message)
    return {tag["Name"]: tag["Value"] for tag in tags or ()}


# What is allowed


def _check_account(ses: Ses) -> None:
    if ses.enforcement_status == "SHUTDOWN":
        raise AwsError(
            "AccountSuspendedException",
            "The message can't be sent because the account's ability to send email has been permanently restricted.",
        )
    if not ses.sending_enabled:
        raise AwsError(
            "SendingPausedException",
            "The message can't be sent because the account's ability to send email is currently paused.",
        )


def _configuration_set(ses: Ses, name: str | None, sender: str = "") -> str | None:
    """The set the call names, else the default of the sender's identity."""
    if name is None:
        covering = ses.covering(addr_spec(sender)) if sender else ()
        return next((each.configuration_set for each in covering if each.configuration_set), None)
    if name not in ses.configuration_sets:
        raise AwsError("NotFoundException", f"Configuration set <{name}> does not exist.")
    return name


def _refusal(ses: Ses, sender: str, recipients: Iterable[str]) -> _Refusal | None:
    address = addr_spec(sender)
    covering = [each for each in ses.covering(address) if each.sends]
    failed = [] if covering else [address]
    if not ses.production:
        failed += [
            each
            for each in recipients
            if not is_simulator(each) and not any(identity.sends for identity in ses.covering(each))
        ]
    if failed:
        return _Refusal(
            "MESSAGE_REJECTED",
            "Email address is not verified. The following identities failed the check in region "
            f"{ses.region.upper()}: {', '.join(dict.fromkeys(failed))}",
        )
    mail_from = covering[0].mail_from
    if mail_from and mail_from.behavior == "REJECT_MESSAGE" and mail_from.status != "SUCCESS":
        return _Refusal("MAIL_FROM_DOMAIN_NOT_VERIFIED", f"MAIL FROM domain {mail_from.domain} is not verified.")
    return None


def _check_rate(ses: Ses, recipients: int) -> None:
    """The simulator counts here too. Neither one call nor any second may carry more than the rate."""
    if ses.rate == UNLIMITED:
        return
    if ses.sent_last_second.total(ses.clock()) + recipients > floor(ses.rate):
        raise AwsError("TooManyRequestsException", RATE_EXCEEDED)


def _quota_is_used_up(ses: Ses) -> bool:
    return ses.max_24h != UNLIMITED and ses.sent.total(ses.clock()) >= ses.max_24h


def _take_quota(ses: Ses, recipients: Iterable[str]) -> bool:
    """Mail to the simulator does not count (SES developer guide, mailbox simulator)."""
    count = sum(not is_simulator(each) for each in recipients)
    now = ses.clock()
    if ses.max_24h != UNLIMITED and ses.sent.total(now) + count > ses.max_24h:
        return False
    ses.sent.add(now, count)
    return True
