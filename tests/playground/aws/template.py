"""The subset of Handlebars that the playground renders: `{{name}}`, and nothing else.

Whatever else begins with `{{` is a rendering failure, so that text people typed can never be read as a
template by accident. Values are put in as they are: SES does not escape them (SES developer guide, "Using
templates to send personalized email").
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from tests.playground.aws.answers import AwsError

MAX_CALL_BYTES = 1_000_000
"""An inline template with all its data, per call."""
MAX_DATA_CHARACTERS = 262_144
_FIELD = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")


class RenderingError(Exception):
    """The mail cannot be built from the template and its data; the text is SES's reason."""


@lru_cache(maxsize=256)
def _parts(text: str) -> tuple[str, ...]:
    """Literal text at even places, variable names at odd ones."""
    parts = tuple(_FIELD.split(text))
    if any("{{" in literal for literal in parts[::2]):
        raise RenderingError("Template contains an expression that cannot be parsed")
    return parts


def render(text: str, data: dict[str, Any]) -> str:
    """`text` with its variables replaced.

    Raises:
        RenderingError: a variable is not in `data`, or the template is not of the subset.
    """
    parts = list(_parts(text))
    for place in range(1, len(parts), 2):
        name = parts[place]
        if name not in data:
            message = f"Attribute '{name}' is not present in the rendering data."
            raise RenderingError(message)
        parts[place] = str(data[name])
    return "".join(parts)


def read_data(text: str | None) -> dict[str, Any]:
    """Template data from its JSON.

    Raises:
        AwsError: BadRequestException when it is no JSON object or longer than SES takes.
    """
    if not text:
        return {}
    if len(text) > MAX_DATA_CHARACTERS:
        raise AwsError("BadRequestException", "Template data is too long")
    try:
        data = json.loads(text)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise AwsError("BadRequestException", "Template data is not a valid JSON object")
    return data
