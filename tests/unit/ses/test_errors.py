"""Every failure AWS and botocore are known to give, and what it is taken to mean."""

from __future__ import annotations

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.parsers import ResponseParserError
from hypothesis import given
from hypothesis import strategies as st

from bot.ses.errors import KIND_OF, MAX_TEXT, ErrorKind, SesError, classify, clean


def answer(code: str, text: str = "", status: int = 400, action: str = "ses:SendBulkEmail") -> SesError:
    error = ClientError(
        {"Error": {"Code": code, "Message": text}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]  # as thin as it comes
        "Operation",
    )
    return classify(error, action)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("UnrecognizedClientException", 403, ErrorKind.ACCESS),
        ("InvalidClientTokenId", 403, ErrorKind.ACCESS),
        ("SignatureDoesNotMatch", 403, ErrorKind.ACCESS),
        ("InvalidSignatureException", 403, ErrorKind.ACCESS),
        ("InvalidSecurity", 403, ErrorKind.ACCESS),
        ("MissingAuthenticationTokenException", 403, ErrorKind.ACCESS),
        ("ExpiredTokenException", 403, ErrorKind.EXPIRED),
        ("ExpiredToken", 403, ErrorKind.EXPIRED),
        ("RequestExpired", 400, ErrorKind.CLOCK_SKEW),
        ("AccessDeniedException", 403, ErrorKind.MISSING_ACTION),
        ("AccessDenied", 403, ErrorKind.MISSING_ACTION),
        ("AuthorizationError", 403, ErrorKind.MISSING_ACTION),
        ("OptInRequired", 403, ErrorKind.NOT_SIGNED_UP),
        ("RegionDisabledException", 403, ErrorKind.REGION_OFF),
        ("AccountSuspendedException", 400, ErrorKind.SUSPENDED),
        ("SendingPausedException", 400, ErrorKind.PAUSED),
        ("MailFromDomainNotVerifiedException", 400, ErrorKind.IDENTITY),
        ("MessageRejected", 400, ErrorKind.REJECTED),
        ("TooManyRequestsException", 429, ErrorKind.THROTTLED),
        ("ThrottlingException", 400, ErrorKind.THROTTLED),
        ("Throttling", 400, ErrorKind.THROTTLED),
        ("ConcurrentModificationException", 500, ErrorKind.THROTTLED),
        ("LimitExceededException", 400, ErrorKind.LIMIT),
        ("NotFoundException", 404, ErrorKind.NOT_FOUND),
        ("NotFound", 404, ErrorKind.NOT_FOUND),
        ("AWS.SimpleQueueService.NonExistentQueue", 400, ErrorKind.NOT_FOUND),
        ("AlreadyExistsException", 400, ErrorKind.EXISTS),
        ("ConflictException", 409, ErrorKind.CONFLICT),
        ("BadRequestException", 400, ErrorKind.BAD_REQUEST),
        ("InvalidParameter", 400, ErrorKind.BAD_REQUEST),
        ("MalformedPolicyDocument", 400, ErrorKind.BAD_REQUEST),
        ("PackedPolicyTooLarge", 400, ErrorKind.LIMIT),
        ("ServiceUnavailable", 503, ErrorKind.UNAVAILABLE),
        ("InternalError", 500, ErrorKind.UNAVAILABLE),
        ("InternalFailure", 500, ErrorKind.UNAVAILABLE),
    ],
)
def test_each_code_of_aws_has_its_class(code: str, status: int, kind: ErrorKind) -> None:
    assert answer(code, "Something.", status).kind is kind


def test_no_code_stands_under_two_classes() -> None:
    assert set(KIND_OF.values()) < set(ErrorKind)
    assert answer("BrandNewThing", status=503).kind is ErrorKind.UNAVAILABLE
    assert answer("BrandNewThing", status=400).kind is ErrorKind.BAD_REQUEST


def test_a_code_on_no_list_is_taken_for_its_most_careful_neighbour() -> None:
    assert answer("BrandNewThing", status=403).kind is ErrorKind.MISSING_ACTION
    assert answer("BrandNewThing", status=401).kind is ErrorKind.MISSING_ACTION
    assert answer("BrandNewThing", status=429).kind is ErrorKind.THROTTLED
    assert answer("BrandNewThing", status=301).kind is ErrorKind.UNAVAILABLE


@pytest.mark.parametrize(
    "code", ["ThrottlingException", "Throttling", "TooManyRequestsException", "LimitExceededException"]
)
def test_quota_and_rate_share_codes_and_differ_in_text(code: str) -> None:
    assert answer(code, "Daily message quota exceeded.").kind is ErrorKind.QUOTA
    assert answer(code, "Daily sending quota exceeded").kind is ErrorKind.QUOTA
    assert answer(code, "Maximum sending rate exceeded.").kind is ErrorKind.RATE


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "InvalidSignatureException"])
@pytest.mark.parametrize("text", ["Signature expired: 20261124T090000Z is now earlier", "Signature not yet current: 1"])
def test_a_signature_out_of_time_is_the_clock_and_no_loss(code: str, text: str) -> None:
    error = answer(code, text, 403)
    assert error.kind is ErrorKind.CLOCK_SKEW
    assert not error.is_access_loss


@pytest.mark.parametrize(
    ("text", "action"),
    [
        (
            "User: arn:aws:iam::1:user/m is not authorized to perform: ses:SendRawEmail on resource: x",
            "ses:SendRawEmail",
        ),
        ("User `arn:aws:iam::1:user/m' is not authorized to perform `ses:SendRawEmail' on x", "ses:SendRawEmail"),
        ("User is not authorized to perform: SNS:CreateTopic on resource: x", "sns:CreateTopic"),
        ("Access denied", "ses:SendBulkEmail"),
    ],
)
def test_a_denial_names_the_action_that_is_missing(text: str, action: str) -> None:
    error = answer("AccessDeniedException", text, 403)
    assert error.action == action
    assert action in str(error)


def test_a_denial_keeps_our_spelling_of_the_action() -> None:
    text = "User is not authorized to perform: sqs:createqueue on resource: x"
    assert answer("AccessDenied", text, 403, "sqs:CreateQueue").action == "sqs:CreateQueue"


def test_a_role_that_cannot_be_assumed_is_lost_access() -> None:
    assert answer("AccessDenied", status=403, action="sts:AssumeRole").kind is ErrorKind.ACCESS


@pytest.mark.parametrize(("code", "status"), [("404", 404), ("403", 403), ("502", 502), ("", 200), ("", 400)])
def test_an_answer_that_is_not_in_aws_words_settles_nothing(code: str, status: int) -> None:
    error = answer(code, "<html>", status)
    assert error.kind is ErrorKind.UNAVAILABLE
    assert error.maybe_accepted


URL = "https://email.eu-west-1.amazonaws.com/"


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (EndpointConnectionError(endpoint_url=URL), ErrorKind.NOT_SENT),
        (ConnectTimeoutError(endpoint_url=URL), ErrorKind.NOT_SENT),
        (ReadTimeoutError(endpoint_url=URL), ErrorKind.UNAVAILABLE),
        (ConnectionClosedError(endpoint_url=URL), ErrorKind.UNAVAILABLE),
        (SSLError(endpoint_url=URL, error=ValueError("bad certificate")), ErrorKind.UNAVAILABLE),
        (ProxyConnectionError(proxy_url=URL), ErrorKind.UNAVAILABLE),
        (ResponseParserError("truncated"), ErrorKind.UNAVAILABLE),
        (BotoCoreError(), ErrorKind.UNAVAILABLE),
        (NoCredentialsError(), ErrorKind.ACCESS),
        (PartialCredentialsError(provider="env", cred_var="secret"), ErrorKind.ACCESS),
        (ParamValidationError(report="Invalid length for To, value: secret@example.com"), ErrorKind.BAD_REQUEST),
    ],
)
def test_each_failure_before_an_answer_has_its_class(failure: Exception, kind: ErrorKind) -> None:
    error = classify(failure, "ses:SendBulkEmail")
    assert error.kind is kind
    assert error.code == type(failure).__name__
    assert error.action == "ses:SendBulkEmail"
    assert "secret@example.com" not in error.text


def test_only_an_answer_that_never_came_leaves_a_send_in_doubt() -> None:
    doubtful = {kind for kind in ErrorKind if SesError(kind, "Code", "ses:SendBulkEmail").maybe_accepted}
    assert doubtful == {ErrorKind.UNAVAILABLE}


def test_throttling_the_network_and_outages_are_no_loss_of_access() -> None:
    losses = {kind for kind in ErrorKind if SesError(kind, "Code", "ses:GetAccount").is_access_loss}
    assert losses == {ErrorKind.ACCESS, ErrorKind.MISSING_ACTION, ErrorKind.NOT_SIGNED_UP, ErrorKind.REGION_OFF}


def test_what_should_have_been_signed_is_not_kept() -> None:
    text = "It does not match.\n\nThe Canonical String for this request should have been\n'x-amz-security-token:TOKEN'"
    assert answer("InvalidSignatureException", text, 403).text == "It does not match."


@given(st.text(max_size=600))
def test_a_text_from_aws_becomes_one_short_visible_line(text: str) -> None:
    cleaned = answer("BadRequestException", text).text
    assert len(cleaned) <= MAX_TEXT
    assert not any(char in cleaned for char in "\r\n\t\x00\x1b\x7f\x85\u2028\u202e\u200b")
    assert clean(cleaned) == cleaned
