"""The SES v2 operations: the table of them all, and those on identities, suppression and tags.

A handler takes the state and the parameters by the names of the API, and gives the members of the answer.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from tests.playground.aws import sending, ses_account, ses_sets
from tests.playground.aws.addresses import domain_of, is_address, is_domain, normal_identity
from tests.playground.aws.answers import AwsError, Json, present
from tests.playground.aws.ses_state import Identity, MailFrom, Ses, Suppressed

Handler = Callable[[Ses, Json], Json]
_ARN = re.compile(r"arn:aws:ses:[^:]*:\d{12}:(?P<kind>identity|configuration-set)/(?P<name>.+)")


def list_email_identities(ses: Ses, params: Json) -> Json:
    identities = [
        {
            "IdentityType": _kind(identity),
            "IdentityName": identity.name,
            "SendingEnabled": identity.sends,
            "VerificationStatus": identity.status.value,
        }
        for identity in ses.identities.values()
        if identity.known_from <= ses.clock()
    ]
    return _page("EmailIdentities", identities, params, most=1000)


def create_email_identity(ses: Ses, params: Json) -> Json:
    name = normal_identity(params["EmailIdentity"])
    if not (is_address(name) or is_domain(name)):
        raise AwsError("BadRequestException", f"Invalid email address or domain: {name}")
    if name in ses.identities:
        raise AwsError("AlreadyExistsException", f"Email identity {name} already exist.")
    configuration_set = params.get("ConfigurationSetName")
    if configuration_set is not None and configuration_set not in ses.configuration_sets:
        raise AwsError("NotFoundException", f"Configuration set <{configuration_set}> does not exist.")
    identity = ses.create_identity(name, ses_sets.read_tags(params))
    identity.configuration_set = configuration_set
    identity.known_from = ses.clock() + timedelta(seconds=ses.rules().new_identity_seconds)
    return present(
        IdentityType=_kind(identity),
        VerifiedForSendingStatus=identity.sends,
        DkimAttributes=_dkim(identity),
    )


def get_email_identity(ses: Ses, params: Json) -> Json:
    identity = _identity(ses, params)
    if identity.known_from > ses.clock():
        raise _unknown(identity.name)
    mail_from = identity.mail_from
    return present(
        IdentityType=_kind(identity),
        FeedbackForwardingStatus=identity.forwards_feedback,
        VerifiedForSendingStatus=identity.sends,
        DkimAttributes=_dkim(identity),
        MailFromAttributes=mail_from
        and {
            "MailFromDomain": mail_from.domain,
            "MailFromDomainStatus": mail_from.status,
            "BehaviorOnMxFailure": mail_from.behavior,
        },
        Policies={},
        Tags=ses_sets.write_tags(identity.tags),
        ConfigurationSetName=identity.configuration_set,
        VerificationStatus=identity.status.value,
        VerificationInfo=present(
            LastCheckedTimestamp=_stamp(identity.checked),
            LastSuccessTimestamp=_stamp(identity.verified),
            ErrorType=identity.error,
        ),
    )


def delete_email_identity(ses: Ses, params: Json) -> Json:
    del ses.identities[_identity(ses, params).name]
    return {}


def put_email_identity_mail_from_attributes(ses: Ses, params: Json) -> Json:
    identity = _identity(ses, params)
    domain = params.get("MailFromDomain")
    if not domain:
        identity.mail_from = None
        return {}
    if not domain.endswith(f".{domain_of(identity.name)}"):
        message = f"Provided MAIL-FROM domain <{domain}> is not subdomain of the domain of the identity."
        raise AwsError("BadRequestException", message)
    identity.mail_from = MailFrom(domain, params.get("BehaviorOnMxFailure") or "USE_DEFAULT_VALUE")
    return {}


def put_email_identity_configuration_set_attributes(ses: Ses, params: Json) -> Json:
    identity = _identity(ses, params)
    name = params.get("ConfigurationSetName")
    if name is not None:
        ses_sets.find(ses, {"ConfigurationSetName": name})
    identity.configuration_set = name
    return {}


def put_email_identity_feedback_attributes(ses: Ses, params: Json) -> Json:
    _identity(ses, params).forwards_feedback = bool(params.get("EmailForwardingEnabled"))
    return {}


def get_suppressed_destination(ses: Ses, params: Json) -> Json:
    return {"SuppressedDestination": _suppressed(_suppression(ses, params))}


def list_suppressed_destinations(ses: Ses, params: Json) -> Json:
    _refuse_in_sandbox(ses)
    reasons = params.get("Reasons") or ("BOUNCE", "COMPLAINT")
    start = datetime.fromisoformat(params.get("StartDate") or "1970-01-01T00:00:00Z")
    entries = [_suppressed(entry) for entry in ses.suppressed.values() if entry.reason in reasons and entry.at >= start]
    return _page("SuppressedDestinationSummaries", entries, params, most=1000)


def put_suppressed_destination(ses: Ses, params: Json) -> Json:
    _refuse_in_sandbox(ses)
    if not is_address(params["EmailAddress"]):
        raise AwsError("BadRequestException", "Invalid email address.")
    ses.suppress(params["EmailAddress"], params["Reason"])
    return {}


def delete_suppressed_destination(ses: Ses, params: Json) -> Json:
    del ses.suppressed[_suppression(ses, params).address.lower()]
    return {}


def get_message_insights(ses: Ses, params: Json) -> Json:
    mail = next((each for each in ses.outbox.mails if each.message_id == params["MessageId"]), None)
    if mail is None:
        raise AwsError("NotFoundException", f"Message {params['MessageId']} not found.")
    events = [{"Timestamp": _stamp(mail.at), "Type": "SEND"}]
    return present(
        MessageId=mail.message_id,
        FromEmailAddress=mail.sender,
        Subject=mail.subject or None,
        EmailTags=[{"Name": name, "Value": value} for name, value in mail.tags.items()],
        Insights=[{"Destination": address, "Events": events} for address in mail.to],
    )


def tag_resource(ses: Ses, params: Json) -> Json:
    _tags_of(ses, params).update(ses_sets.read_tags(params))
    return {}


def untag_resource(ses: Ses, params: Json) -> Json:
    tags = _tags_of(ses, params)
    for key in params["TagKeys"]:
        tags.pop(key, None)
    return {}


def list_tags_for_resource(ses: Ses, params: Json) -> Json:
    return {"Tags": ses_sets.write_tags(_tags_of(ses, params))}


SENDS: dict[str, Handler] = {"SendEmail": sending.send_email, "SendBulkEmail": sending.send_bulk_email}
"""These lock the state themselves, for as short as they can."""

OPERATIONS: dict[str, Handler] = {
    "ListEmailIdentities": list_email_identities,
    "CreateEmailIdentity": create_email_identity,
    "GetEmailIdentity": get_email_identity,
    "DeleteEmailIdentity": delete_email_identity,
    "PutEmailIdentityMailFromAttributes": put_email_identity_mail_from_attributes,
    "PutEmailIdentityConfigurationSetAttributes": put_email_identity_configuration_set_attributes,
    "PutEmailIdentityFeedbackAttributes": put_email_identity_feedback_attributes,
    "GetSuppressedDestination": get_suppressed_destination,
    "ListSuppressedDestinations": list_suppressed_destinations,
    "PutSuppressedDestination": put_suppressed_destination,
    "DeleteSuppressedDestination": delete_suppressed_destination,
    "GetMessageInsights": get_message_insights,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_tags_for_resource,
    **SENDS,
    **ses_account.OPERATIONS,
    **ses_sets.OPERATIONS,
}
"""Each must have a check in tests/unit/playground/test_aws_shapes.py, or that test fails."""


def _identity(ses: Ses, params: Json) -> Identity:
    name = normal_identity(params["EmailIdentity"])
    if name not in ses.identities:
        raise _unknown(name)
    return ses.identities[name]


def _unknown(name: str) -> AwsError:
    return AwsError("NotFoundException", f"Email identity {name} does not exist.")


def _suppression(ses: Ses, params: Json) -> Suppressed:
    _refuse_in_sandbox(ses)
    address = params["EmailAddress"]
    if address.lower() not in ses.suppressed:
        message = f"Email address {address} does not exist on your suppression list."
        raise AwsError("NotFoundException", message)
    return ses.suppressed[address.lower()]


def _refuse_in_sandbox(ses: Ses) -> None:
    if not ses.production:
        message = "Suppression list management is not available while the account is in the sandbox."
        raise AwsError("BadRequestException", message)


def _tags_of(ses: Ses, params: Json) -> dict[str, str]:
    match = _ARN.fullmatch(params["ResourceArn"])
    if match is None:
        raise AwsError("BadRequestException", f"Invalid ARN: {params['ResourceArn']}")
    if match["kind"] == "identity":
        return _identity(ses, {"EmailIdentity": match["name"]}).tags
    return ses_sets.find(ses, {"ConfigurationSetName": match["name"]}).tags


def _kind(identity: Identity) -> str:
    return "DOMAIN" if identity.is_domain else "EMAIL_ADDRESS"


def _dkim(identity: Identity) -> Json:
    return present(
        SigningEnabled=identity.is_domain,
        Status=identity.dkim_status.value,
        Tokens=list(identity.tokens) or None,
        SigningHostedZone=identity.hosted_zone or None,
        SigningAttributesOrigin="AWS_SES",
        NextSigningKeyLength="RSA_2048_BIT" if identity.is_domain else None,
        CurrentSigningKeyLength="RSA_2048_BIT" if identity.is_domain else None,
        LastKeyGenerationTimestamp=_stamp(identity.created) if identity.is_domain else None,
    )


def _suppressed(entry: Suppressed) -> Json:
    return {"EmailAddress": entry.address, "Reason": entry.reason, "LastUpdateTime": _stamp(entry.at)}


def _page(member: str, items: list[Json], params: Json, most: int) -> Json:
    size = int(params.get("PageSize") or 100)
    if not 0 < size <= most:
        raise AwsError("BadRequestException", f"PageSize must be between 1 and {most}.")
    try:
        start = int(base64.urlsafe_b64decode(params.get("NextToken") or "MA=="))
    except ValueError:
        raise AwsError("BadRequestException", "Invalid next token.") from None
    end = start + size
    token = base64.urlsafe_b64encode(str(end).encode()).decode() if end < len(items) else None
    return present(**{member: items[start:end]}, NextToken=token)


def _stamp(at: datetime | None) -> Any:
    """Timestamps in REST JSON are seconds since the epoch."""
    return None if at is None else round(at.timestamp(), 3)
