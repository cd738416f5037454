"""Resource policies, as far as those of topics and queues go: does this one let a service do that?

IAM user guide, "Policy evaluation logic": an explicit deny wins, and what nothing allows is denied. Conditions that are
not understood here never hold.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

Json = dict[str, Any]
_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StringLike": fnmatchcase,
    "ArnEquals": fnmatchcase,
    "ArnLike": fnmatchcase,
}


@lru_cache(maxsize=1024)
def lets(policy: str, service: str, action: str, resource: str, source_arn: str) -> bool:
    """Say whether `service` may do `action` to `resource` on behalf of `source_arn`, whose account is the source's."""
    context = {"aws:sourcearn": source_arn, "aws:sourceaccount": source_arn.split(":")[4]}
    statements = _many(json.loads(policy).get("Statement") if policy else None)
    effects = {each["Effect"] for each in statements if _concerns(each, service, action, resource, context)}
    return effects == {"Allow"}


def _concerns(statement: Json, service: str, action: str, resource: str, context: Mapping[str, str]) -> bool:
    return (
        _names(statement.get("Principal"), service)
        and any(fnmatchcase(action.lower(), each.lower()) for each in _many(statement.get("Action")))
        and any(fnmatchcase(resource, each) for each in _many(statement.get("Resource")))
        and all(_holds(name, tests, context) for name, tests in (statement.get("Condition") or {}).items())
    )


def _names(principal: Any, service: str) -> bool:
    if not isinstance(principal, dict):
        return bool(principal == "*")
    return "*" in _many(principal.get("AWS")) or service in _many(principal.get("Service"))


def _holds(operator: str, tests: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    matches = _OPERATORS.get(operator, _never)
    return all(
        key.lower() in context and any(matches(context[key.lower()], wanted) for wanted in _many(values))
        for key, values in tests.items()
    )


def _never(_value: str, _wanted: str) -> bool:
    return False


def _many(value: Any) -> Iterable[Any]:
    return () if value is None else value if isinstance(value, list) else (value,)
