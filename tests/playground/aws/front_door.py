"""The way into the playground's AWS: whose request is it, is it signed, is it allowed, does it fail on command.

Only then it reaches the service. Every call is written down.
"""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.playground.aws import control, sts
from tests.playground.aws.answers import (
    SERVICES,
    Answer,
    AwsError,
    Json,
    error_answer,
    json_answer,
    query_answer,
)
from tests.playground.aws.calls import Call
from tests.playground.aws.faults import Fault, How
from tests.playground.aws.operations import actions, read_operation
from tests.playground.aws.principals import Credential, Permissions
from tests.playground.aws.server import Outcome
from tests.playground.aws.ses_api import OPERATIONS, SENDS
from tests.playground.aws.signature import Request, Signature, is_right, read_signature

if TYPE_CHECKING:
    from tests.playground.aws.playground import AwsPlayground

_log = logging.getLogger(__name__)
_SKEW = timedelta(minutes=15)
_AMZ_DATE = "%Y%m%dT%H%M%SZ"
_WRONG_SIGNATURE = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
    "Key and signing method. Consult the service documentation for details."
)
_MESSAGES = {
    "OptInRequired": "The AWS Access Key Id needs a subscription for the service",
    "RegionDisabledException": "The region is not enabled in the account.",
    "UnrecognizedClientException": "The security token included in the request is invalid.",
    "InvalidSignatureException": _WRONG_SIGNATURE,
    "ExpiredTokenException": "The security token included in the request is expired",
}
# Message texts name the action in each service's own way.
_SPELLING = {"sns": lambda action: action.replace("sns:", "SNS:"), "sqs": str.lower}


class FrontDoor:
    def __init__(self, aws: AwsPlayground) -> None:
        self._aws = aws

    def __call__(self, request: Request) -> Outcome:
        if request.path.startswith("/playground/"):
            return Outcome(control.answer(self._aws, request))
        if request.path.startswith("/SimpleNotificationService-"):
            pem = self._aws.sns.certificate(request.path.removeprefix("/"))
            return Outcome(Answer(404, b"") if pem is None else Answer(200, pem))
        claimed = read_signature(request)
        if claimed is None or claimed.service not in SERVICES:
            service = "ses" if request.path.startswith("/v2/email") else "sts"
            error = AwsError("MissingAuthenticationTokenException", "Missing Authentication Token")
            return Outcome(error_answer(SERVICES[service], service, error))
        return self._serve(request, claimed)

    def _serve(self, request: Request, claimed: Signature) -> Outcome:
        at = self._aws.clock()
        caller = self._aws.directory.find(claimed.access_key_id)
        operation = "Unknown"
        params: Json = {}
        fault: Fault | None = None
        try:
            operation, params = read_operation(claimed.service, request)
            name = f"{claimed.service}:{operation}"
            account = caller.key.account if caller else None
            fault = self._aws.faults.meet(name, account, claimed.region)
            if fault is not None and fault.how == How.HANG_BEFORE:
                fault.reached.set()
                fault.released.wait()
            answer = self._answer(request, claimed, caller, operation, params, fault)
        except AwsError as error:
            answer = error_answer(SERVICES[claimed.service], claimed.service, error)
        except _CutError:
            answer = None
        except Exception as error:  # noqa: BLE001 - a mistake here is answered as AWS's own failure, and logged
            _log.exception("the playground failed at %s", operation)
            broken = AwsError("InternalFailure", f"The playground is broken: {error!r}")
            answer = error_answer(SERVICES[claimed.service], claimed.service, broken)
        self._aws.record(_call(claimed, caller, operation, params, answer, at))
        return _outcome(answer, fault)

    def _answer(
        self,
        request: Request,
        claimed: Signature,
        caller: Credential | None,
        operation: str,
        params: Json,
        fault: Fault | None,
    ) -> Answer:
        self._check_region(claimed)
        if fault is not None:
            _fail_before(claimed, caller, operation, fault)
        caller = self._authenticate(request, claimed, caller)
        _authorize(claimed, caller, operation, params, self._aws.clock())
        return self._dispatch(request, claimed, caller, operation, params)

    def _check_region(self, claimed: Signature) -> None:
        how = self._aws.regions_off.get(claimed.region)
        if how is None or claimed.service in {"sts", "iam"}:
            return
        if how == How.REFUSE:
            raise _CutError
        raise AwsError(how, _MESSAGES.get(how, how))

    def _authenticate(self, request: Request, claimed: Signature, caller: Credential | None) -> Credential:
        token = request.headers.get("x-amz-security-token")
        if caller is None or not caller.active or token != caller.key.session_token:
            raise AwsError("UnrecognizedClientException", _MESSAGES["UnrecognizedClientException"])
        if not is_right(request, claimed, caller.key.secret_access_key):
            raise AwsError("InvalidSignatureException", _WRONG_SIGNATURE)
        _check_age(request.headers["x-amz-date"], datetime.now(UTC) + self._aws.skew)
        if caller.expires is not None and caller.expires <= self._aws.clock():
            raise AwsError("ExpiredTokenException", _MESSAGES["ExpiredTokenException"])
        return caller

    def _dispatch(
        self, request: Request, claimed: Signature, caller: Credential, operation: str, params: Json
    ) -> Answer:
        if claimed.service == "ses":
            return json_answer(self._ses(claimed, caller, operation, params))
        if claimed.service == "sqs":
            scope = f"{claimed.region}:{caller.key.account}"
            return json_answer(self._aws.sqs.answer(operation, scope, params))
        result = self._query_result(claimed.service, caller, operation, params)
        if result is None:
            return self._aws.moto.answer(request, caller.key.account)
        return query_answer(SERVICES[claimed.service], operation, result)

    def _ses(self, claimed: Signature, caller: Credential, operation: str, params: Json) -> Json:
        handler = OPERATIONS.get(operation)
        if handler is None:
            raise AwsError("UnknownOperationException", f"The playground has no {operation}")
        account, rules, now = caller.key.account, self._aws.rules, self._aws.clock()
        self._aws.rates.take(account, claimed.region, operation, now, rules.seconds_between_calls)
        ses = self._aws.ses(account, claimed.region)
        if operation in SENDS:
            return handler(ses, params)
        with ses.lock:
            return handler(ses, params)

    def _query_result(self, service: str, caller: Credential, operation: str, params: Json) -> str | None:
        """The XML of the result, or None where moto answers."""
        if service == "sns":
            return self._aws.sns.answer(operation, params)
        handler = sts.OPERATIONS.get(f"{service}:{operation}")
        if handler is None:
            raise AwsError("InvalidAction", f"The playground has no {service}:{operation}")
        return handler(self._aws.directory, self._aws.clock, caller, params)


class _CutError(Exception):
    """The connection ends here."""


def _fail_before(claimed: Signature, caller: Credential | None, operation: str, fault: Fault) -> None:
    """Raise what the fault says, unless it is one that strikes after the effect."""
    if fault.how in {How.HANG, How.HANG_BEFORE, How.CLOSE_AFTER}:
        return
    fault.reached.set()
    match fault.how:
        case How.REFUSE:
            raise _CutError
        case How.THROTTLE:
            code = "TooManyRequestsException" if claimed.service == "ses" else "ThrottlingException"
            raise AwsError(code, fault.message or "Rate exceeded")
        case How.UNAVAILABLE:
            raise AwsError("ServiceUnavailable", fault.message or "Service is unable to handle request.")
    message = fault.message or _MESSAGES.get(fault.how, fault.how)
    if fault.how in {"AccessDenied", "AccessDeniedException", "AuthorizationError"} and caller is not None:
        action = f"{claimed.service}:{operation}"
        message = fault.message or sts.denial(caller, Permissions(frozenset()), action, "*")
    raise AwsError(fault.how, message)


def _authorize(claimed: Signature, caller: Credential, operation: str, params: Json, now: datetime) -> None:
    granted = caller.principal.permissions.at(now)
    for action in actions(claimed.service, operation, params):
        if not granted.allows(action):
            text = sts.denial(caller, granted, action, _resource(claimed, caller, params))
            spelling = _SPELLING.get(claimed.service, str)
            raise AwsError("AccessDeniedException", text.replace(action, spelling(action)))


def _resource(claimed: Signature, caller: Credential, params: Json) -> str:
    """The ARN that the operation is about, as far as its parameters tell."""
    if claimed.service in {"sts", "iam"}:
        return str(params.get("RoleArn") or params.get("PolicySourceArn") or caller.principal.arn)
    about = "*"
    for name in ("TopicArn", "QueueUrl", "QueueName", "Name"):
        if name in params:
            about = re.split("[:/]", params[name])[-1]
            break
    for name, kind in (("EmailIdentity", "identity"), ("ConfigurationSetName", "configuration-set")):
        if name in params:
            about = f"{kind}/{params[name]}"
            break
    return f"arn:aws:{claimed.service}:{claimed.region}:{caller.key.account}:{about}"


def _check_age(stamp: str, now: datetime) -> None:
    signed = datetime.strptime(stamp, _AMZ_DATE).replace(tzinfo=UTC)
    if abs(now - signed) <= _SKEW:
        return
    edge = now - _SKEW if signed < now else now + _SKEW
    what = "Signature expired" if signed < now else "Signature not yet current"
    than = "earlier" if signed < now else "later"
    sign = "-" if signed < now else "+"
    raise AwsError(
        "InvalidSignatureException",
        f"{what}: {stamp} is now {than} than {edge:{_AMZ_DATE}} ({now:{_AMZ_DATE}} {sign} 15 min.)",
    )


def _call(
    claimed: Signature,
    caller: Credential | None,
    operation: str,
    params: Json,
    answer: Answer | None,
    at: datetime,
) -> Call:
    error = answer.error if answer else None
    if answer is not None and error is None and answer.status >= 400:
        error = str(answer.status)
    return Call(
        operation=f"{claimed.service}:{operation}",
        access_key_id=claimed.access_key_id,
        account=caller.key.account if caller else None,
        region=claimed.region,
        params=params,
        status=answer.status if answer else None,
        error=error,
        at=at,
    )


def _outcome(answer: Answer | None, fault: Fault | None) -> Outcome:
    if fault is None or answer is None:
        return Outcome(answer)
    fault.reached.set()
    if fault.how == How.CLOSE_AFTER:
        return Outcome(None)
    return Outcome(answer, fault.released if fault.how == How.HANG else None)
