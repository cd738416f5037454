"""SendEmail and SendBulkEmail: who may send, to whom, and how much."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import floor

from tests.playground.aws.addresses import addr_spec, is_simulator
from tests.playground.aws.answers import AwsError, Json
from tests.playground.aws.messages import Bulk, Draft, single
from tests.playground.aws.outbox import Mail
from tests.playground.aws.ses_state import UNLIMITED, Ses

MAX_ENTRIES = 50
RATE_EXCEEDED = "Maximum sending rate exceeded."
QUOTA_EXCEEDED = "Daily message quota exceeded."


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a mail is not sent: the status of a bulk entry, the error a single send gets for it, the text."""

    status: str
    code: str
    message: str
    of_sender: bool = False


def send_email(ses: Ses, params: Json) -> Json:
    with ses.lock:
        draft = single(ses, params)
        mail = draft.mail
        _check_account(ses)
        refusal = _refusal(ses, mail)
        if refusal is None:
            _check_rate(ses, len(mail.to))
            refusal = _take_quota(ses, mail)
        if refusal is not None:
            raise AwsError(refusal.code, refusal.message)
        ses.sent_last_second.add(ses.clock(), len(mail.to))
    _hand_over(ses, draft)
    return {"MessageId": mail.message_id}


def send_bulk_email(ses: Ses, params: Json) -> Json:
    """What is wrong with the account, the rate or the whole call answers the call; what is wrong with one entry answers
    that entry, and the others are sent (BulkEmailEntryResults). A refused sender answers the call (MessageRejected and
    MailFromDomainNotVerified are among the operation's errors), or every entry where `refuses_whole` is off: both are
    documented, and nobody here has seen which it is."""
    entries = params.get("BulkEmailEntries") or []
    if not 0 < len(entries) <= MAX_ENTRIES:
        raise AwsError("BadRequestException", f"A call takes between 1 and {MAX_ENTRIES} entries.")
    bulk = Bulk(ses, params)
    drafts = [_draft(bulk, entry) for entry in entries]
    mails = [each.mail for each in drafts if isinstance(each, Draft)]
    accepted: list[Draft] = []
    with ses.lock:
        _check_account(ses)
        _check_rate(ses, sum(len(mail.to) for mail in mails))
        if _quota_is_used_up(ses) and not any(is_simulator(each) for mail in mails for each in mail.to):
            raise AwsError("LimitExceededException", QUOTA_EXCEEDED)
        if refused := ses.refusal([each for mail in mails for each in mail.to], of_the_call=True):
            raise AwsError(refused.how, refused.message)
        if ses.refuses_whole and (of_call := next((_refusal(ses, mail) for mail in mails), None)) and of_call.of_sender:
            raise AwsError(of_call.code, of_call.message)
        if len(mails) > 1 and ses.is_unlucky():
            raise AwsError("MessageRejected", "Transaction failed: the message was not accepted.")
        results = [_accept(ses, each, accepted) for each in drafts]
        ses.sent_last_second.add(ses.clock(), sum(len(draft.mail.to) for draft in accepted))
    for draft in accepted:
        _hand_over(ses, draft)
    return {"BulkEmailEntryResults": results}


def _draft(bulk: Bulk, entry: Json) -> Draft | _Refusal:
    try:
        return bulk.draft(entry)
    except AwsError as error:
        return _Refusal("INVALID_PARAMETER", error.code, error.message or "")


def _accept(ses: Ses, draft: Draft | _Refusal, accepted: list[Draft]) -> Json:
    refusal = draft if isinstance(draft, _Refusal) else _refusal(ses, draft.mail)
    if refusal is None and isinstance(draft, Draft):
        if refused := ses.refusal(draft.mail.to, of_the_call=False):
            return {"Status": refused.how, "Error": refused.message}
        refusal = _take_quota(ses, draft.mail)
        if refusal is None:
            accepted.append(draft)
            return {"Status": "SUCCESS", "MessageId": draft.mail.message_id}
    return {"Status": refusal.status, "Error": refusal.message} if refusal else {"Status": "FAILED"}


def _hand_over(ses: Ses, draft: Draft) -> None:
    if draft.failure is None:
        ses.outbox.accept(ses, draft.mail)
    else:
        ses.outbox.render_failed(ses, draft.mail, draft.failure)


def _check_account(ses: Ses) -> None:
    ability = "The message can't be sent because the account's ability to send email"
    if ses.enforcement_status == "SHUTDOWN":
        raise AwsError("AccountSuspendedException", f"{ability} has been permanently restricted.")
    if not ses.sending_enabled:
        raise AwsError("SendingPausedException", f"{ability} is currently paused.")


def _refusal(ses: Ses, mail: Mail) -> _Refusal | None:
    used = ses.configuration_sets.get(mail.configuration_set or "")
    if used is not None and not used.sending_enabled:
        message = f"Sending is paused for the configuration set {used.name}."
        return _Refusal("CONFIGURATION_SET_SENDING_PAUSED", "SendingPausedException", message)
    sender = addr_spec(mail.sender)
    covering = [each for each in ses.covering(sender) if each.sends]
    failed = [] if covering else [sender]
    if not ses.production:
        failed += [each for each in mail.to if not is_simulator(each) and not _is_verified(ses, each)]
    if failed:
        message = (
            "Email address is not verified. The following identities failed the check in region "
            f"{ses.region.upper()}: {', '.join(dict.fromkeys(failed))}"
        )
        return _Refusal("MESSAGE_REJECTED", "MessageRejected", message, of_sender=not covering)
    mail_from = covering[0].mail_from
    if mail_from and mail_from.behavior == "REJECT_MESSAGE" and mail_from.status != "SUCCESS":
        message = f"The MAIL FROM domain {mail_from.domain} is not verified."
        status = "MAIL_FROM_DOMAIN_NOT_VERIFIED"
        return _Refusal(status, "MailFromDomainNotVerifiedException", message, of_sender=True)
    return None


def _is_verified(ses: Ses, address: str) -> bool:
    return any(each.sends for each in ses.covering(address))


def _check_rate(ses: Ses, recipients: int) -> None:
    """Neither one call nor any second may carry more than the rate; the simulator counts here too."""
    if ses.rate != UNLIMITED and ses.sent_last_second.total(ses.clock()) + recipients > floor(ses.rate):
        raise AwsError("TooManyRequestsException", RATE_EXCEEDED)


def _quota_is_used_up(ses: Ses) -> bool:
    return ses.max_24h != UNLIMITED and ses.sent.total(ses.clock()) >= ses.max_24h


def _take_quota(ses: Ses, mail: Mail) -> _Refusal | None:
    """Mail to the simulator does not count (SES developer guide, mailbox simulator)."""
    count = _counted(mail.to)
    now = ses.clock()
    if ses.max_24h != UNLIMITED and ses.sent.total(now) + count > ses.max_24h:
        return _Refusal("ACCOUNT_DAILY_QUOTA_EXCEEDED", "LimitExceededException", QUOTA_EXCEEDED)
    ses.sent.add(now, count)
    return None


def _counted(recipients: Iterable[str]) -> int:
    return sum(not is_simulator(each) for each in recipients)
