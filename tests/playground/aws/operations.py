"""Which operation a request asks for, with which parameters, and which permissions that takes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qs, parse_qsl, unquote

import botocore.session

from tests.playground.aws.answers import SERVICES, AwsError, Json, Protocol
from tests.playground.aws.signature import Request

_PLACEHOLDER = re.compile(r"\\\{(\w+)\\\}")

# Where IAM's action is not the operation's own name, or is more than that.
_SENDING = {
    "ses:SendEmail": ("ses:SendEmail", "ses:SendRawEmail"),
    "ses:SendBulkEmail": ("ses:SendBulkEmail", "ses:SendBulkTemplatedEmail"),
}
_BATCHES = {
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sns:PublishBatch": "sns:Publish",
}
_TAGS = ("Tags", "tags", "Tags.member.1.Key")


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
    for route in _routes():
        if route.method == request.method and (match := route.pattern.fullmatch(request.raw_path)):
            in_path = {key: unquote(value) for key, value in match.groupdict().items()}
            return route.name, {**route.read_query(request), **body, **in_path}
    raise AwsError("UnknownOperationException", f"No operation at {request.method} {request.path}")


def actions(service: str, operation: str, params: Json) -> tuple[str, ...]:
    """Every IAM action that the caller needs. A plain send takes two, so does a bulk send (django-anymail
    documentation, "Amazon SES"); tags given while creating something take TagResource too."""
    name = f"{service}:{operation}"
    if name == "sts:GetCallerIdentity":
        return ()
    needed = _SENDING.get(name) or (_BATCHES.get(name, name),)
    if operation == "SendEmail" and "Template" in params.get("Content", {}):
        needed = (*needed, "ses:SendTemplatedEmail")
    if operation.startswith("Create") and any(params.get(each) for each in _TAGS):
        needed = (*needed, "sqs:TagQueue" if service == "sqs" else f"{service}:TagResource")
    return needed


@dataclass(frozen=True, slots=True)
class _Route:
    """How a REST operation is spelled in HTTP; `query` gives (member, is a list) by the name in the query."""

    method: str
    pattern: re.Pattern[str]
    name: str
    query: Mapping[str, tuple[str, bool]]

    def read_query(self, request: Request) -> Json:
        given = parse_qs(request.target.partition("?")[2], keep_blank_values=True)
        named = [(self.query[name], values) for name, values in given.items() if name in self.query]
        return {member: values if is_list else values[0] for (member, is_list), values in named}


@lru_cache
def _routes() -> list[_Route]:
    model = botocore.session.get_session().get_service_model("sesv2")
    routes = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        members = operation.input_shape.members if operation.input_shape else {}
        query = {
            shape.serialization.get("name", member): (member, shape.type_name == "list")
            for member, shape in members.items()
            if shape.serialization.get("location") == "querystring"
        }
        path = re.escape(operation.http["requestUri"].rstrip("/"))
        pattern = re.compile(_PLACEHOLDER.sub(r"(?P<\1>[^/]+)", path) + "/?")
        routes.append(_Route(operation.http["method"], pattern, name, query))
    return routes
