"""A second opinion on every view and message: Slack's own types (npm `@slack/types`), as a JSON schema.

`npm run schema` in tests/second_opinions makes the schema of the types. They know which members there are, of which
kind, and which must be there; lengths and counts they leave to `blocks.py`. Where a list begins (`offset`) they do not
know, and the documentation does (docs.slack.dev/reference/block-kit/block-elements/rich-text-list-element).
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema_rs import Draft7Validator

SCHEMA = Path(__file__).parents[2] / "second_opinions" / "slack_types.schema.json"


def type_problems(kind: str, value: Any) -> list[str]:
    """What Slack's types say against a `modal`, a `home` or the blocks of a `message`; nothing where it fits."""
    return [
        f"[ERROR] {error.message[:300]} [json-pointer:/{_path(error)}]"
        for error in _validator(kind).iter_errors(_without_offset(value))
    ]


def _without_offset(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_offset(item) for item in value]
    if not isinstance(value, dict):
        return value
    known = {name: item for name, item in value.items() if name != "offset" or value.get("type") != "rich_text_list"}
    return {name: _without_offset(item) for name, item in known.items()}


def _path(error: Any) -> str:
    return "/".join(map(str, error.instance_path))


@cache
def _validator(kind: str) -> Draft7Validator:
    schema = json.loads(SCHEMA.read_text())
    return Draft7Validator(
        {**schema["definitions"]["Surfaces"]["properties"][kind], "definitions": schema["definitions"]}
    )
