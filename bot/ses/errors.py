"""Every way a call to AWS can fail, as a closed list, and the one table that leads there from AWS's own codes.

Authentication codes are not in botocore's models and reach us as plain ClientErrors, so the code is what counts, and
for a few codes the text. Sources: AWS "Common Errors", the SES v2, SNS, SQS, STS and IAM models, and SES's
"manage-sending-quotas-errors".
"""

import re
import unicodedata
from email.utils import parseaddr
from enum import StrEnum
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)
from botocore.parsers import ResponseParserError

from bot import unknown_answers

AWS_FAILURES = (ClientError, BotoCoreError, ResponseParserError)
"""What a botocore client raises when a call fails; anything else is a fault of ours."""

MAX_TEXT = 200


class ErrorKind(StrEnum):
    """What a failed call means for its caller."""

    ACCESS = "access"  # the credentials are dead: unknown, inactive, wrong secret; or the role is gone
    MISSING_ACTION = "missing_action"  # the credentials live, and may not do this
    EXPIRED = "expired"  # temporary credentials ran out: assume the role again
    PRINCIPAL = "principal"  # our own credentials, which assume roles, do not work: provably not done
    CLOCK_SKEW = "clock_skew"  # our clock, not their key
    NOT_SIGNED_UP = "not_signed_up"
    REGION_OFF = "region_off"
    SUSPENDED = "suspended"  # AWS stopped the account from sending, for a human to mend
    PAUSED = "paused"
    IDENTITY = "identity"  # the MAIL FROM domain of the sender is not verified
    QUOTA = "quota"  # of 24 hours: wait until the window frees
    RATE = "rate"  # of a second: slow down
    THROTTLED = "throttled"  # refused for now, provably not done
    LIMIT = "limit"  # of a number of resources, not of sending
    REJECTED = "rejected"
    NOT_FOUND = "not_found"
    EXISTS = "exists"
    CONFLICT = "conflict"
    BAD_REQUEST = "bad_request"
    NOT_SENT = "not_sent"  # no connection came about: provably not done
    UNAVAILABLE = "unavailable"  # no answer, or one that settles nothing: it may have been done


ACCESS_LOSS = frozenset({ErrorKind.ACCESS, ErrorKind.MISSING_ACTION, ErrorKind.NOT_SIGNED_UP, ErrorKind.REGION_OFF})

ASSUME_ROLE = "sts:AssumeRole"

UNKNOWN_KEY_CODES = frozenset({"UnrecognizedClientException", "UnrecognizedClient", "InvalidClientTokenId"})
"""Also AWS's answer to a key that was made seconds ago and is not known everywhere yet."""

_CODES_OF: dict[ErrorKind, tuple[str, ...]] = {
    ErrorKind.ACCESS: (
        *UNKNOWN_KEY_CODES,
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "InvalidSecurity",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
    ),
    ErrorKind.MISSING_ACTION: ("AccessDenied", "AccessDeniedException", "AuthorizationError", "NotAuthorized"),
    ErrorKind.EXPIRED: ("ExpiredToken", "ExpiredTokenException"),
    ErrorKind.CLOCK_SKEW: ("RequestExpired", "RequestTimeTooSkewed"),
    ErrorKind.NOT_SIGNED_UP: ("OptInRequired", "SubscriptionRequiredException"),
    ErrorKind.REGION_OFF: ("RegionDisabledException",),
    ErrorKind.SUSPENDED: ("AccountSuspendedException",),
    ErrorKind.PAUSED: ("SendingPausedException",),
    ErrorKind.IDENTITY: ("MailFromDomainNotVerifiedException",),
    ErrorKind.THROTTLED: (
        "TooManyRequestsException",
        "ThrottlingException",
        "Throttling",
        "Throttled",
        "RequestThrottled",
        "ConcurrentModificationException",
        "ConcurrentAccess",
        "AWS.SimpleQueueService.QueueDeletedRecently",  # for a minute
        "QueueDeletedRecently",
    ),
    ErrorKind.LIMIT: (
        "LimitExceededException",
        "LimitExceeded",
        "TopicLimitExceeded",
        "SubscriptionLimitExceeded",
        "PackedPolicyTooLarge",
    ),
    ErrorKind.REJECTED: ("MessageRejected",),
    ErrorKind.NOT_FOUND: (
        "NotFoundException",
        "NotFound",
        "NoSuchEntity",
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
    ),
    ErrorKind.EXISTS: ("AlreadyExistsException", "QueueAlreadyExists", "QueueNameExists"),
    ErrorKind.CONFLICT: ("ConflictException",),
    ErrorKind.BAD_REQUEST: (
        "BadRequestException",
        "InvalidParameter",
        "InvalidInput",
        "InvalidNextTokenException",
        "MalformedPolicyDocument",
        "ValidationError",
        "ValidationException",
        "ReceiptHandleIsInvalid",
        "InvalidParameterValue",
        "InvalidParameterCombination",
        "InvalidAttributeName",
        "InvalidAttributeValue",
        "MissingParameter",
        "MalformedQueryString",
        "InvalidAction",
        "UnknownOperationException",
    ),
    ErrorKind.UNAVAILABLE: (
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServiceErrorException",
        "PolicyEvaluation",
        "RequestTimeout",
        "RequestTimeoutException",
    ),
}
KIND_OF = {code: kind for kind, codes in _CODES_OF.items() for code in codes}

_OF_STATUS = {401: ErrorKind.MISSING_ACTION, 403: ErrorKind.MISSING_ACTION, 429: ErrorKind.THROTTLED}

# SES says both of these with the codes of throttling; only the text tells them apart.
_QUOTA_TEXT = re.compile(r"daily (message|sending) quota", re.IGNORECASE)
_RATE_TEXT = re.compile(r"(maximum|max) send(ing)? rate", re.IGNORECASE)
_SKEW_TEXT = re.compile(r"signature (expired|not yet current)|request (has )?expired", re.IGNORECASE)
_NAMED_ACTION = re.compile(r"not authorized to perform:?\s*[`'\"]?([A-Za-z][A-Za-z0-9-]*):([A-Za-z]+)", re.IGNORECASE)
# A refused signature is answered with the text that should have been signed, session token and all.
_SIGNED_TEXT = re.compile(r"The Canonical String\b.*", re.DOTALL)


class SesError(Exception):
    """A call to AWS that failed.

    Attributes:
        kind: what it means.
        code: AWS's own code, or the name of botocore's exception.
        action: the IAM action AWS named in its refusal, else the one that was called (`ses:GetAccount`).
        text: AWS's own words without control characters, at most 200 characters. Hostile: escape before showing.
        unverified: identities that AWS names as not verified, in all that it said.
    """

    def __init__(
        self, kind: ErrorKind, code: str, action: str, text: str = "", unverified: frozenset[str] = frozenset()
    ) -> None:
        super().__init__(f"{action}: {code} ({kind})")
        self.kind = kind
        self.code = code
        self.action = action
        self.text = text
        self.unverified = unverified

    @property
    def is_access_loss(self) -> bool:
        """Whether no waiting mends it, only other credentials or another policy."""
        return self.kind in ACCESS_LOSS

    @property
    def maybe_accepted(self) -> bool:
        """Whether AWS may have done it all the same: after a send, the recipients are in doubt."""
        return self.kind is ErrorKind.UNAVAILABLE


def classify(error: Exception, action: str) -> SesError:
    """Say what a failure of a botocore client means. `action` is the IAM action that was called."""
    if isinstance(error, ClientError):
        return _classify_answer(error, action)
    code = type(error).__name__
    if isinstance(error, ParamValidationError):  # its text repeats what was given: addresses, bodies
        return SesError(ErrorKind.BAD_REQUEST, code, action, "refused before the call")
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return SesError(ErrorKind.ACCESS, code, action, clean(str(error)))
    if isinstance(error, EndpointConnectionError | ConnectTimeoutError):
        return SesError(ErrorKind.NOT_SENT, code, action, clean(str(error)))
    return SesError(ErrorKind.UNAVAILABLE, code, action, clean(str(error)))


def clean(text: str) -> str:
    """Make a text from AWS safe to store and log: one line, no control or formatting characters, at most 200."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())[:MAX_TEXT]
    visible = "".join(" " if unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp", "Cs"} else char for char in text)
    return " ".join(visible.split())[:MAX_TEXT]


def unverified_in(text: str) -> frozenset[str]:
    """Return the identities named in a rejection, in lower case; they may be the sender, or in the sandbox recipients.

    SES: "Email address is not verified. The following identities failed the check in region EU-WEST-1: a, b".
    """
    _, found, failed = text.partition("failed the check in region")
    names = failed.partition(":")[2].split(",") if found else ()
    return frozenset(parseaddr(name)[1].lower() for name in names) - {""}


def _classify_answer(error: ClientError, action: str) -> SesError:
    answer: dict[str, Any] = dict(error.response)
    details = answer.get("Error") or {}
    code, text = str(details.get("Code") or ""), str(details.get("Message") or "")
    about = answer.get("ResponseMetadata") or {}
    if code not in KIND_OF:
        service, _, operation = action.partition(":")
        unknown_answers.answers.met(service, operation, clean(code), str(about.get("RequestId") or ""))
    kind = _kind_of(code, text, int(about.get("HTTPStatusCode") or 0), action)
    if kind is ErrorKind.MISSING_ACTION and (named := _NAMED_ACTION.search(text)):
        denied = f"{named[1].lower()}:{named[2]}"  # SNS writes its own name in capitals
        action = action if denied.lower() == action.lower() else denied
    return SesError(kind, clean(code) or "unknown", action, clean(_SIGNED_TEXT.sub("", text)), unverified_in(text))


def _kind_of(code: str, text: str, status: int, action: str) -> ErrorKind:
    listed = KIND_OF.get(code)
    if listed in {ErrorKind.THROTTLED, ErrorKind.LIMIT}:
        if _QUOTA_TEXT.search(text):
            return ErrorKind.QUOTA
        if _RATE_TEXT.search(text):
            return ErrorKind.RATE
    if listed is ErrorKind.ACCESS and _SKEW_TEXT.search(text):
        return ErrorKind.CLOCK_SKEW
    if listed is ErrorKind.MISSING_ACTION and action == ASSUME_ROLE:
        return ErrorKind.ACCESS  # the role, its trust or its ExternalId changed
    return listed or _unlisted(code, status)


def _unlisted(code: str, status: int) -> ErrorKind:
    """Take a code that is on no list for its most careful neighbour: what is forbidden proves no permission."""
    # A number is botocore's code for a body that is not in AWS's language: a proxy, a load balancer.
    if status >= 500 or status < 400 or not code or code.isdigit():
        return ErrorKind.UNAVAILABLE
    return _OF_STATUS.get(status, ErrorKind.BAD_REQUEST)
