"""The description of the API as a page: nothing is fetched for it, and no script is needed to read it."""

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Mailroom API</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }}
body {{ color: #1d1c1d; background: #fff }}
h2 {{ margin-top: 2.5rem; border-top: 1px solid #8886; padding-top: 1rem }}
code {{ font-size: .95em; overflow-wrap: anywhere }}
table {{ border-collapse: collapse; width: 100% }}
caption {{ text-align: left; font-weight: 600; padding-top: 1rem }}
th, td {{ text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #8884 }}
a {{ color: #14532d }}
@media (prefers-color-scheme: dark) {{ body {{ color: #e8e8e8; background: #1a1d21 }} a {{ color: #86efac }} }}
</style>
</head>
<body>
<main>
<h1>Mailroom API</h1>
<p>{about}</p>
<p>Send a token with every request, as <code>Authorization: Bearer mr_…</code>. A team admin makes one in Slack
with <code>/mailer api</code>. For programs the same is in <a href="/api/v1/openapi.json">openapi.json</a>.</p>
<nav><ul>{contents}</ul></nav>
{operations}
<h2 id="objects">Objects</h2>
{objects}
</main>
</body>
</html>
"""


_LIMITS = {"minimum": "at least {}", "maximum": "at most {}", "maxLength": "at most {} characters"}


def page(description: Mapping[str, Any]) -> str:
    """Return the HTML of an OpenAPI description of ours."""
    operations = [
        (f"{method.upper()} {path}", operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]
    schemas = description["components"]["schemas"]
    return _PAGE.format(
        about=escape(description["info"]["description"]),
        contents="".join(
            f'<li><a href="#{_anchor(name)}"><code>{escape(name)}</code></a> {escape(one["summary"])}</li>'
            for name, one in operations
        ),
        operations="".join(_operation(name, one) for name, one in operations),
        objects="".join(_object(name, schema) for name, schema in schemas.items()),
    )


def _operation(name: str, operation: Mapping[str, Any]) -> str:
    parts = [f'<h2 id="{_anchor(name)}"><code>{escape(name)}</code></h2><p>{escape(operation["summary"])}</p>']
    scopes = [name for alternative in operation["security"] for name in alternative["token"]]
    parts.append(f"<p>Any of the scopes {_values(scopes)} opens it.</p>")
    if parameters := operation.get("parameters"):
        rows = (
            (f"{one['name']} ({one['in']})", _type(one["schema"]), _note(one["schema"], one.get("description", "")))
            for one in parameters
        )
        parts.append(_table("Parameters", rows))
    if body := operation.get("requestBody"):
        kinds = " or ".join(f"<code>{escape(kind)}</code>" for kind in body["content"])
        parts.append(f"<p>Body: {_type(next(iter(body['content'].values()))['schema'])}, as {kinds}.</p>")
    answers = ((status, _content(one), escape(one["description"])) for status, one in operation["responses"].items())
    parts.append(_table("Answers", answers))
    return "".join(parts)


def _object(name: str, schema: Mapping[str, Any]) -> str:
    heading = f'<h3 id="{escape(name)}">{escape(name)}</h3><p>{_prose(schema.get("description", ""))}</p>'
    if "enum" in schema:
        return heading + f"<p>{_values(schema['enum'])}</p>"
    fields = schema.get("properties", {})
    rows = ((field, _type(one), _note(one, one.get("description", ""))) for field, one in fields.items())
    return heading + _table("Members", rows)


def _table(caption: str, rows: Iterable[tuple[str, str, str]]) -> str:
    """Draw rows of a name, which is escaped here, and two pieces of HTML."""
    body = "".join(
        f'<tr><th scope="row"><code>{escape(name)}</code></th><td>{kind}</td><td>{note}</td></tr>'
        for name, kind, note in rows
    )
    return f"<table><caption>{caption}</caption>{body}</table>"


def _content(response: Mapping[str, Any]) -> str:
    return " ".join(_type(one["schema"]) for one in response.get("content", {}).values())


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if "additionalProperties" in schema:
        key = schema.get("propertyNames")
        return f"{_type(key) if key else 'name'}: {_type(schema['additionalProperties'])}"
    return escape(str(schema.get("format") or schema.get("type") or schema.get("const", "")))


def _note(schema: Mapping[str, Any], text: str) -> str:
    limits = [limit.format(schema[key]) for key, limit in _LIMITS.items() if key in schema]
    default = [f"default {schema['default']}"] if schema.get("default") not in (None, "", []) else []
    return " ".join(filter(None, (_prose(text), escape(", ".join(limits + default)))))


def _prose(text: str) -> str:
    """Escape a text, and show what stands in backticks as code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))


def _values(values: Iterable[object]) -> str:
    return ", ".join(f"<code>{escape(str(value))}</code>" for value in values)


def _anchor(name: str) -> str:
    return escape("".join(char if char.isalnum() else "-" for char in name.lower()).strip("-"))
