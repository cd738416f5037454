"""The OpenAPI 3.1 description (https://spec.openapis.org/oas/v3.1.1), made from the routes and their models."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from handlers.http.api.problems import MEDIA_TYPE, Problem
from handlers.http.api.routing import MERGE_PATCH, MOUNTED, NDJSON, VERSION, Route
from storage import TokenScope

Json = dict[str, Any]

_TEXT: Json = {"schema": {"type": "string"}}
_SCHEMAS = "#/components/schemas/"
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same body gets the same answer for a day, and has one effect.",
    "schema": {"type": "string", "maxLength": 255},
}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The `ETag` of what is to be changed, as it was seen (RFC 9110); `*` is whichever it has.",
    **_TEXT,
}
_MAY_MATCH = {
    **_IF_MATCH,
    "required": False,
    "description": "The `ETag` of what was seen (RFC 9110): nothing is changed where it has another one by now.",
}
_IF_NONE = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "`*`: only where there is none of this name yet.",
    **_TEXT,
}
_ETAG = {"description": "Names this version of it, for `If-Match`.", "schema": {"type": "string"}}


def openapi(routes: Sequence[Route[Any]]) -> Json:
    """Return the description, ready to be written as JSON."""
    schemas = _schemas(routes)
    paths: Json = {}
    for route in routes:
        paths.setdefault(MOUNTED + VERSION + route.path, {})[route.method.lower()] = _operation(route, schemas)
    bodies = {route.takes.__name__ for route in routes if _takes_json(route)}
    inputs = {route.takes.__name__ for route in routes if not _takes_json(route)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mailroom",
            "version": "1",
            "description": "What Mailroom knows of one team. Reads answer from what is stored: a mailer whose "
            "credentials were lost, or an identity that failed, is a state in a 200 and never an error.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`mr_…`, made by a team admin with `/mailer api`. An operation names the scopes "
                    "of which any one opens it.",
                }
            },
            "schemas": {name: schema for name, schema in schemas.items() if name not in inputs - bodies},
        },
    }


def _schemas(routes: Sequence[Route[Any]]) -> Json:
    modes: dict[type[BaseModel], JsonSchemaMode] = {Problem: "serialization"}
    for route in routes:
        modes[route.takes] = "validation"
        modes |= {model: "serialization" for model in route.gives.values() if model}
    models = sorted(modes.items(), key=lambda pair: pair[0].__name__)
    _, definitions = models_json_schema(models, ref_template=_SCHEMAS + "{model}")
    return dict(definitions["$defs"])


def _operation(route: Route[Any], schemas: Json) -> Json:
    in_path = re.findall(r"{(\w+)}", route.path)
    parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in in_path]
    operation: Json = {
        "operationId": route.handle.__name__,
        "summary": route.summary,
        "security": [{"token": [scope]} for scope in TokenScope if scope in route.opened_by],
    }
    if not _takes_json(route):
        parameters += _query_parameters(schemas[route.takes.__name__])
    if route.has_body:
        operation["requestBody"] = _request_body(route)
    parameters += _header_parameters(route)
    if parameters:
        operation["parameters"] = parameters
    operation["responses"] = _responses(route) | {str(status): _problem(status) for status in _problems(route, in_path)}
    return operation


def _request_body(route: Route[Any]) -> Json:
    if route.ndjson or route.has_file:
        return {"required": True, "content": dict.fromkeys(route.files or NDJSON[:1], _TEXT)}
    body = {"schema": {"$ref": _SCHEMAS + route.takes.__name__}}
    kinds = ["application/json", *([MERGE_PATCH] if route.is_merge_patch else [])]
    needed = any(field.is_required() for field in route.takes.model_fields.values())
    return {"required": needed, "content": dict.fromkeys(kinds, body)}


def _header_parameters(route: Route[Any]) -> list[Json]:
    if route.is_idempotent_by_key:
        return [_KEY]
    if route.is_merge_patch:
        return [_IF_MATCH]
    if route.revised and route.method != "GET":
        return [_MAY_MATCH, *([_IF_NONE] if route.method == "PUT" else [])]
    return []


def _responses(route: Route[Any]) -> Json:
    responses = {str(status): _response(status, model) for status, model in route.gives.items()}
    if route.ndjson:
        responses["200"]["content"] = {NDJSON[0]: _TEXT}
    if route.files and not route.has_body:
        responses["200"]["content"] = dict.fromkeys(route.files, _TEXT)
    if route.csv:
        responses["200"]["content"]["text/csv"] = {"schema": {"type": "string"}}
    for status, described in responses.items():
        if route.conditional or (route.revised and status != "204"):
            described["headers"] = {"ETag": _ETAG}
    return responses


def _takes_json(route: Route[Any]) -> bool:
    """Whether what it takes is the body; else it is the query."""
    return route.has_body and not route.ndjson and not route.has_file


def _query_parameters(takes: Json) -> list[Json]:
    required = takes.get("required", [])
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": schema.get("description", ""),
            "schema": {key: value for key, value in schema.items() if key not in {"description", "title"}},
        }
        for name, schema in takes.get("properties", {}).items()
    ]


def _problems(route: Route[Any], in_path: Sequence[str]) -> list[int]:
    statuses = [400, 401, 403, 415, 422, 429]
    if in_path or route.method == "DELETE":
        statuses.append(404)
    if route.method != "GET":
        statuses.append(409)
    if route.has_body:
        statuses.append(413)
    if route.is_merge_patch:
        statuses += [412, 428]
    elif route.revised and route.method != "GET":
        statuses.append(412)
    return sorted(statuses)


def _response(status: int, model: type[BaseModel] | None) -> Json:
    described: Json = {"description": HTTPStatus(status).phrase}
    if model is not None:
        described["content"] = {"application/json": {"schema": {"$ref": _SCHEMAS + model.__name__}}}
    return described


def _problem(status: int) -> Json:
    content = {MEDIA_TYPE: {"schema": {"$ref": f"{_SCHEMAS}{Problem.__name__}"}}}
    return {"description": HTTPStatus(status).phrase, "content": content}
