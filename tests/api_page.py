"""`docs/api.md`, drawn from the OpenAPI description of the API. `python -m tests.api_page` writes it."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

from handlers.http.api.endpoints import Api
from handlers.http.api.openapi import openapi

PAGE = Path(__file__).parents[1] / "docs" / "api.md"
_HEAD = """# The API

Drawn from the OpenAPI description, which `GET /api/v1/openapi.json` serves; `python -m tests.api_page` writes it again.
[Recipes](recipes/README.md) show how it is used, [interfaces](interfaces.md#http) say what holds for all of it.

{about}

Send a token with every request, as `Authorization: Bearer mr_…`. A team admin makes one in Slack with `/mailer api`.
"""
_LIMITS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "maxLength": "at most {} characters",
    "maxItems": "at most {}",
}
Json = Mapping[str, Any]


def description() -> Json:
    """Return the description of all routes, of which none needs what it is made of."""
    return openapi(Api(**dict.fromkeys((one.name for one in fields(Api)), cast("Any", None))).routes())


def page() -> str:
    """Return the Markdown."""
    described = description()
    schemas = described["components"]["schemas"]
    parts = [_HEAD.format(about=described["info"]["description"])]
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            parts.append("\n".join(_operation(f"{method.upper()} {path}", operation)))
    parts.append("## Objects\n")
    parts += ["\n".join(_object(name, schema)) for name, schema in schemas.items()]
    return "\n".join(parts)


def _operation(name: str, operation: Json) -> Iterator[str]:
    yield f"## `{name}`\n"
    yield f"{operation['summary']}.\n"
    scopes = ", ".join(f"`{scope}`" for each in operation["security"] for scope in each["token"])
    yield f"Opened by any of the scopes {scopes}.\n"
    if parameters := operation.get("parameters"):
        yield "| parameter | in | type | |\n|---|---|---|---|"
        for one in parameters:
            note = _note(one["schema"], one.get("description", ""))
            yield f"| `{one['name']}` | {one['in']} | {_type(one['schema'])} | {note} |"
        yield ""
    if body := operation.get("requestBody"):
        kinds = " or ".join(f"`{kind}`" for kind in body["content"])
        yield f"Body: {_type(next(iter(body['content'].values()))['schema'])}, as {kinds}.\n"
    yield "| answer | | |\n|---|---|---|"
    problems = []
    for status, answer in operation["responses"].items():
        if "application/problem+json" in answer.get("content", {}):
            problems.append(status)
            continue
        content = ", ".join(
            f"`{kind}`" if one["schema"].get("type") == "string" else _type(one["schema"])
            for kind, one in answer.get("content", {}).items()
        )
        yield f"| {status} | {answer['description']} | {content} |"
    yield f"| {', '.join(problems)} | what is wrong | [Problem](#problem) |"
    yield ""


def _object(name: str, schema: Json) -> Iterator[str]:
    yield f"### {name}\n"
    if text := schema.get("description"):
        yield f"{' '.join(text.split())}\n"
    if "enum" in schema:
        yield ", ".join(f"`{value}`" for value in schema["enum"]) + "\n"
        return
    yield "| member | type | |\n|---|---|---|"
    required = schema.get("required", ())
    for member, one in schema.get("properties", {}).items():
        needed = " (required)" if member in required and "default" not in one else ""
        yield f"| `{member}`{needed} | {_type(one)} | {_note(one, one.get('description', ''))} |"
    yield ""


def _type(schema: Json) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), Mapping):
        key = schema.get("propertyNames")
        return f"{_type(key) if key else 'name'}: {_type(schema['additionalProperties'])}"
    return str(schema.get("format") or schema.get("type") or f"`{schema.get('const', '')}`")


def _note(schema: Json, text: str) -> str:
    limits = [limit.format(f"{schema[key]:,}") for key, limit in _LIMITS.items() if key in schema]
    default = [f"default `{schema['default']}`"] if schema.get("default") not in (None, "", [], False) else []
    said = " ".join(text.replace("|", "\\|").split())
    return " ".join(filter(None, (said, f"({', '.join(limits + default)})" if limits or default else "")))


if __name__ == "__main__":
    PAGE.write_text(page())
