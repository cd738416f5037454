"""Which operation a request asks for, with which parameters, and which permissions that takes."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from urllib.parse import parse_qsl, unquote

import botocore.session

from tests.playground.aws.answers import SERVICES, AwsError, Json, Protocol
from tests.playground.aws.signature import Request

_PLACEHOLDER = re.compile(r"\\\{(\w+)\\\}")

# Where IAM's action is not the operation's own name, or is more than that.
_SENDING = {
    "SendEmail": ("ses:SendEmail", "ses:SendRawEmail"),
    "SendBulkEmail": ("ses:SendBulkEmail", "ses:SendBulkTemplatedEmail"),
}
_BATCHES = {
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sns:PublishBatch": "sns:Publish",
}


def read_operation(service: str, request: Request) -> tuple[str, Json]:
    """The operation's name and its parameters: nested for JSON, flat (`Tags.member.1.Key`) for query.

    Raises:
        AwsError: UnknownOperationException, or SerializationException for a body that is not JSON.
    """
    protocol = SERVICES[service].protocol
    if protocol is Protocol.QUERY:
        params = dict(parse_qsl(request.body.decode(), keep_blank_values=True)) or request.query
        return params.pop("Action", "Unknown"), dict(params)
    try:
        body = json.loads(request.body) if request.body else {}
    except ValueError:
        raise AwsError("SerializationException", "The body is not valid JSON.") from None
    if protocol is Protocol.JSON:
        return request.headers.get("x-amz-target", "").rpartition(".")[2], body
    for method, pattern, name in _routes():
        if method == request.method and (match := pattern.fullmatch(request.raw_path)):
            in_path = {key: unquote(value) for key, value in match.groupdict().items()}
            return name, {**request.query, **body, **in_path}
    raise AwsError("UnknownOperationException", f"No operation at {request.method} {request.path}")


def actions(service: str, operation: str, params: Json) -> tuple[str, ...]:
    """Every IAM action that the caller needs. A plain send takes two, so does a bulk send (django-anymail
    documentation, "Amazon SES"); tags given while creating something take TagResource too."""
    name = f"{service}:{operation}"
    if name in {"sts:GetCallerIdentity"}:
        return ()
    needed = _SENDING.get(operation, (_BATCHES.get(name, name),)) if service == "ses" else (
        _BATCHES.get(name, name),
    )
    if operation == "SendEmail" and "Template" in params.get("Content", {}):
        needed = (*needed, "ses:SendTemplatedEmail")
    if operation.startswith("Create") and (params.get("Tags") or "Tags.member.1.Key" in params):
        needed = (*needed, f"{service}:TagResource")
    return needed


@lru_cache
def _routes() -> list[tuple[str, re.Pattern[str], str]]:
    model = botocore.session.get_session().get_service_model("sesv2")
    routes = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        pattern = _PLACEHOLDER.sub(r"(?P<\1>[^/]+)", re.escape(http["requestUri"].rstrip("/")))
        routes.append((http["method"], re.compile(f"{pattern}/?"), name))
    return routes
