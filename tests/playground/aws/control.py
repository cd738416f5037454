"""The playground's controls over HTTP, for scripts and the page of `make play`.

`POST /playground/aws/<method>` and `POST /playground/ses/<method>` take the method's arguments as a JSON object
(for SES with `account` and `region` beside them) and answer `{"result": ...}`; `GET /playground/state` shows
everything; `GET /playground/mails?to=…` the mails. No authentication: the port is on loopback.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.playground.aws.answers import Answer, Json
from tests.playground.aws.faults import Fault
from tests.playground.aws.signature import Request

if TYPE_CHECKING:
    from tests.playground.aws.playground import AwsPlayground
    from tests.playground.aws.ses_state import Ses

AWS_METHODS = frozenset(
    {
        "create_key",
        "create_role",
        "delete_role",
        "revoke",
        "restore",
        "set_permissions",
        "fail",
        "heal",
        "switch_off",
        "switch_on",
        "reset",
        "settle",
    }
)
SES_METHODS = frozenset(
    {
        "verify",
        "fail",
        "temporary_failure",
        "pend",
        "vanish",
        "mail_from",
        "grant_production",
        "deny_production",
        "review",
        "set_quota",
        "pause",
        "resume",
        "enforcement",
        "suppress",
        "outcome",
        "refuse",
    }
)


def answer(aws: AwsPlayground, request: Request) -> Answer:
    """Unknown paths and wrong arguments give a 400 with the reason in `error`."""
    try:
        return _answer(200, _do(aws, request))
    except (LookupError, TypeError, ValueError) as error:
        return _answer(400, {"error": f"{type(error).__name__}: {error}"})


def _do(aws: AwsPlayground, request: Request) -> Json:
    match request.method, request.path.split("/")[2:]:
        case "GET", ["state"]:
            return state(aws)
        case "GET", ["mails"]:
            address = request.query.get("to")
            return {"mails": [_plain(mail) for mail in (aws.mails_to(address) if address else list(aws.mails))]}
        case "POST", ["aws", name] if name in AWS_METHODS:
            return {"result": _plain(getattr(aws, name)(**_arguments(request)))}
        case "POST", ["ses", name] if name in SES_METHODS:
            arguments = _arguments(request)
            where = {key: arguments.pop(key) for key in ("account", "region") if key in arguments}
            names = arguments.pop("names", ())
            return {"result": _plain(getattr(aws.ses(**where), name)(*names, **arguments))}
    message = f"no control {request.method} {request.path}"
    raise LookupError(message)


def state(aws: AwsPlayground) -> Json:
    return {
        "url": aws.url,
        "mails": aws.mail_count,
        "calls": len(aws.calls),
        "regions_off": aws.regions_off,
        "ses": [_ses(each) for each in aws.every_ses()],
    }


def _ses(ses: Ses) -> Json:
    with ses.lock:
        return {
            "account": ses.account,
            "region": ses.region,
            "production": ses.production,
            "review": ses.details.review if ses.details else None,
            "sending_enabled": ses.sending_enabled,
            "enforcement_status": ses.enforcement_status,
            "max_24h": ses.max_24h,
            "rate": ses.rate,
            "sent": ses.sent.total(ses.clock()),
            "identities": {name: identity.status for name, identity in ses.identities.items()},
            "configuration_sets": list(ses.configuration_sets),
            "suppressed": {entry.address: entry.reason for entry in ses.suppressed.values()},
        }


def _arguments(request: Request) -> Json:
    arguments = json.loads(request.body or b"{}")
    if not isinstance(arguments, dict):
        raise TypeError("the body must be a JSON object")
    return arguments


def _answer(status: int, data: Json) -> Answer:
    return Answer(status, json.dumps(data).encode(), {"Content-Type": "application/json"})


def _plain(value: Any) -> Any:
    """`value` as JSON: dataclasses become objects, times RFC 3339."""
    if isinstance(value, Fault):
        return {"operation": value.operation, "how": value.how, "times": value.times}
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, datetime) else value
