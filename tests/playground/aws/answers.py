"""Answers and errors in the wire protocol of each AWS service, as botocore expects to parse them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from xml.sax.saxutils import escape

Json = dict[str, Any]


class Protocol(StrEnum):
    REST_JSON = "rest-json"
    JSON = "json"
    QUERY = "query"


@dataclass(frozen=True, slots=True)
class Service:
    """One AWS service: the name of its botocore model, its protocol and (query only) its XML namespace."""

    model: str
    protocol: Protocol
    namespace: str = ""


SERVICES = {
    "ses": Service("sesv2", Protocol.REST_JSON),
    "sns": Service("sns", Protocol.QUERY, "http://sns.amazonaws.com/doc/2010-03-31/"),
    "sts": Service("sts", Protocol.QUERY, "https://sts.amazonaws.com/doc/2011-06-15/"),
    "iam": Service("iam", Protocol.QUERY, "https://iam.amazonaws.com/doc/2010-05-08/"),
    "sqs": Service("sqs", Protocol.JSON),
}

_STATUS = {
    "AccessDenied": 403,
    "AccessDeniedException": 403,
    "AuthorizationError": 403,
    "ConcurrentModificationException": 500,
    "ConflictException": 409,
    "ExpiredToken": 403,
    "ExpiredTokenException": 403,
    "InternalError": 500,
    "InternalFailure": 500,
    "InternalServiceError": 500,
    "InvalidClientTokenId": 403,
    "InvalidSignatureException": 403,
    "MissingAuthenticationToken": 403,
    "MissingAuthenticationTokenException": 403,
    "NotFound": 404,
    "NotFoundException": 404,
    "OptInRequired": 403,
    "RegionDisabledException": 403,
    "RequestExpired": 403,
    "ServiceUnavailable": 503,
    "ServiceUnavailableException": 503,
    "SignatureDoesNotMatch": 403,
    "TooManyRequestsException": 429,
    "UnknownOperationException": 404,
    "UnrecognizedClientException": 403,
}

# One meaning, two spellings: JSON services name errors as exceptions, query services as bare codes.
_QUERY_SPELLING = {
    "UnrecognizedClientException": "InvalidClientTokenId",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "AccessDeniedException": "AccessDenied",
    "ExpiredTokenException": "ExpiredToken",
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "ServiceUnavailableException": "ServiceUnavailable",
    "ThrottlingException": "Throttling",
    "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDeletedRecently": "AWS.SimpleQueueService.QueueDeletedRecently",
    "QueueNameExists": "QueueAlreadyExists",
    "TooManyEntriesInBatchRequest": "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
    "MessageNotInflight": "AWS.SimpleQueueService.MessageNotInflight",
}


class AwsError(Exception):
    """An error answer. `message=None` is the bare error AWS sends for some conflicts."""

    def __init__(self, code: str, message: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    """The error code as botocore will report it, or None."""


def json_answer(data: Json) -> Answer:
    return Answer(200, json.dumps(data).encode(), {"Content-Type": "application/json"})


def query_answer(service: Service, operation: str, result: str = "") -> Answer:
    """A query protocol answer around `result`, which is XML already."""
    body = (
        f'<{operation}Response xmlns="{service.namespace}"><{operation}Result>{result}</{operation}Result>'
        f"<ResponseMetadata><RequestId>{request_id()}</RequestId></ResponseMetadata></{operation}Response>"
    )
    return Answer(200, body.encode(), {"Content-Type": "text/xml"})


def error_answer(service: Service, name: str, error: AwsError) -> Answer:
    """`error` in the shape of the service `name`; the same cause has another code in each family."""
    status = _STATUS.get(error.code, 400)
    if service.protocol is Protocol.REST_JSON:
        headers = {"Content-Type": "application/json", "x-amzn-ErrorType": error.code}
        return Answer(status, json.dumps({"message": error.message}).encode(), headers, error.code)
    code = _QUERY_SPELLING.get(error.code, error.code)
    if service.protocol is Protocol.JSON:
        headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-query-error": f"{code};Sender"}
        body = json.dumps({"__type": f"com.amazonaws.{name}#{error.code}", "message": error.message})
        return Answer(status, body.encode(), headers, code)
    if name == "sns" and code == "AccessDenied":
        code = "AuthorizationError"
    body = (
        f'<ErrorResponse xmlns="{service.namespace}"><Error><Type>Sender</Type><Code>{escape(code)}</Code>'
        f"<Message>{escape(error.message or '')}</Message></Error>"
        f"<RequestId>{request_id()}</RequestId></ErrorResponse>"
    )
    return Answer(status, body.encode(), {"Content-Type": "text/xml"}, code)


def present(**fields: Any) -> Json:
    """The fields that have a value: AWS leaves absent members out instead of sending null."""
    return {name: value for name, value in fields.items() if value is not None}


def request_id() -> str:
    token = secrets.token_hex(16)
    return f"{token[:8]}-{token[8:12]}-{token[12:16]}-{token[16:20]}-{token[20:]}"
