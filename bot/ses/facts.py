"""What SES says of an account and its identities."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.ses.errors import clean
from storage import IdentityKind


@dataclass(frozen=True)
class AccountFacts:
    """Rates in recipients: a second, and in 24 hours (-1 is unlimited)."""

    production_access: bool
    review_status: str  # "" where nothing was asked for yet
    review_case_id: str
    sending_enabled: bool
    enforcement_status: str
    pricing_plan: str  # "" where AWS says none
    max_24_hour_send: float
    max_send_rate: float
    sent_last_24_hours: float


@dataclass(frozen=True)
class ListedIdentity:
    name: str
    kind: IdentityKind
    verification_status: str
    sending_enabled: bool


@dataclass(frozen=True)
class IdentityFacts:
    name: str
    kind: IdentityKind
    verification_status: str
    verified_for_sending: bool
    error_type: str  # what AWS's last look at the DNS found wrong
    dkim_status: str
    dkim_tokens: tuple[str, ...]
    dkim_zone: str  # the CNAMEs point to <token>.<zone>
    mail_from_domain: str
    mail_from_status: str
    configuration_set: str
    feedback_forwarding: bool  # bounces and complaints are mailed to the sender, too


@dataclass(frozen=True)
class Suppressed:
    """An address on the account's own suppression list at AWS."""

    address: str
    reason: str
    since: datetime


def suppressed_of(entry: dict[str, Any]) -> Suppressed:
    address, reason = entry.get("EmailAddress", ""), clean(entry.get("Reason", ""))
    return Suppressed(address, reason, entry["LastUpdateTime"].astimezone(UTC))


def listed_of(entry: dict[str, Any]) -> ListedIdentity:
    name = entry.get("IdentityName", "")
    return ListedIdentity(
        name=name,
        kind=kind_of(name),
        verification_status=_verification(entry, "SendingEnabled"),
        sending_enabled=bool(entry.get("SendingEnabled")),
    )


def _verification(answer: dict[str, Any], flag: str) -> str:
    """Read VerificationStatus, which older answers do not have: AWS's own flag says enough."""
    return clean(answer.get("VerificationStatus") or ("SUCCESS" if answer.get(flag) else "PENDING"))


def kind_of(name: str) -> IdentityKind:
    return IdentityKind.ADDRESS if "@" in name else IdentityKind.DOMAIN


def account_of(answer: dict[str, Any]) -> AccountFacts:
    quota = answer.get("SendQuota") or {}
    review = (answer.get("Details") or {}).get("ReviewDetails") or {}
    return AccountFacts(
        production_access=bool(answer.get("ProductionAccessEnabled")),
        review_status=clean(review.get("Status", "")),
        review_case_id=clean(review.get("CaseId", "")),
        sending_enabled=bool(answer.get("SendingEnabled")),
        enforcement_status=clean(answer.get("EnforcementStatus", "")),
        pricing_plan=clean((answer.get("PricingAttributes") or {}).get("CurrentPlan", "")),
        max_24_hour_send=float(quota.get("Max24HourSend", 0)),
        max_send_rate=float(quota.get("MaxSendRate", 0)),
        sent_last_24_hours=float(quota.get("SentLast24Hours", 0)),
    )


def identity_of(name: str, answer: dict[str, Any]) -> IdentityFacts:
    dkim, mail_from = answer.get("DkimAttributes") or {}, answer.get("MailFromAttributes") or {}
    return IdentityFacts(
        name=name,
        kind=kind_of(name),
        verification_status=_verification(answer, "VerifiedForSendingStatus"),
        verified_for_sending=bool(answer.get("VerifiedForSendingStatus")),
        error_type=clean((answer.get("VerificationInfo") or {}).get("ErrorType", "")),
        dkim_status=clean(dkim.get("Status", "")),
        dkim_tokens=tuple(dkim.get("Tokens") or ()),
        dkim_zone=dkim.get("SigningHostedZone", ""),
        mail_from_domain=mail_from.get("MailFromDomain", ""),
        mail_from_status=clean(mail_from.get("MailFromDomainStatus", "")),
        configuration_set=answer.get("ConfigurationSetName", ""),
        feedback_forwarding=bool(answer.get("FeedbackForwardingStatus", True)),
    )
