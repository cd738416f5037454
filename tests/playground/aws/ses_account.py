"""The SES v2 operations on the account itself: GetAccount and the request for production access."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from tests.playground.aws.addresses import is_address
from tests.playground.aws.answers import AwsError, Json, present
from tests.playground.aws.ses_state import Details, Review, Ses


def get_account(ses: Ses, _: Json) -> Json:
    now = ses.clock()
    return present(
        DedicatedIpAutoWarmupEnabled=True,
        EnforcementStatus=ses.enforcement_status,
        PricingAttributes={"CurrentPlan": ses.pricing_plan} if ses.pricing_plan else None,
        ProductionAccessEnabled=ses.production,
        SendQuota={
            "Max24HourSend": float(ses.max_24h),
            "MaxSendRate": float(ses.rate),
            "SentLast24Hours": float(ses.sent.total(now)),
        },
        SendingEnabled=ses.sending_enabled and ses.enforcement_status != "SHUTDOWN",
        SuppressionAttributes={"SuppressedReasons": list(ses.suppressed_reasons)},
        Details=_details(ses.details),
        VdmAttributes={"VdmEnabled": "DISABLED"},
    )


def put_account_details(ses: Ses, params: Json) -> Json:
    """Only a request with ProductionAccessEnabled opens a review. One at a time, and none after a denial:
    the answer is then a bare conflict."""
    _check_details(params)
    wants_production = bool(params.get("ProductionAccessEnabled")) and not ses.production
    review = ses.details.review if ses.details else None
    if review is Review.PENDING or (review is Review.DENIED and wants_production):
        raise AwsError("ConflictException")
    fields = {name: value for name, value in params.items() if name != "ProductionAccessEnabled"}
    if ses.details is None:
        ses.details = Details(fields)
    else:
        ses.details.fields = fields
    if wants_production:
        ses.details.case_id = None
        ses.review(Review.PENDING)
    return {}


def put_account_sending_attributes(ses: Ses, params: Json) -> Json:
    ses.sending_enabled = bool(params.get("SendingEnabled"))
    return {}


def put_account_suppression_attributes(ses: Ses, params: Json) -> Json:
    ses.suppressed_reasons = tuple(params.get("SuppressedReasons") or ())
    return {}


OPERATIONS = {
    "GetAccount": get_account,
    "PutAccountDetails": put_account_details,
    "PutAccountSendingAttributes": put_account_sending_attributes,
    "PutAccountSuppressionAttributes": put_account_suppression_attributes,
}


def _details(details: Details | None) -> Json | None:
    if details is None:
        return None
    review = details.review and present(Status=details.review.value, CaseId=details.case_id)
    return present(**details.fields, ReviewDetails=review)


def _check_details(params: Json) -> None:
    url = urlsplit(params["WebsiteURL"])
    contacts = params.get("AdditionalContactEmailAddresses")
    problems: Sequence[tuple[bool, str]] = (
        (not 1 <= len(params["WebsiteURL"]) <= 1000 or not url.path + url.netloc, "Invalid website URL."),
        (params["MailType"] not in {"MARKETING", "TRANSACTIONAL"}, "Invalid mail type."),
        (params.get("ContactLanguage") not in {None, "EN", "JA"}, "Invalid contact language."),
        (len(params.get("UseCaseDescription") or "") > 5000, "Use case description is too long."),
        (contacts is not None and not 1 <= len(contacts) <= 4, "Between 1 and 4 contact addresses."),
        (not all(is_address(each) and 6 <= len(each) <= 254 for each in contacts or ()), "Invalid contact."),
    )
    for wrong, message in problems:
        if wrong:
            raise AwsError("BadRequestException", message)
