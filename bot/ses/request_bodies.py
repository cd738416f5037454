"""Bodies of requests that are written already: botocore sends them as they are, and does all the rest.

Its own way from parameters to JSON copies every value by its model, which takes longer than to sign and send what comes
of it. Both events are public (botocore user guide, "Events"; boto3 user guide, "Extensibility guide").
"""

from collections.abc import Mapping
from typing import Any

_PARAMETER = "MailroomBody"  # of no operation


def ready_made(body: bytes) -> dict[str, Any]:
    """Return the parameters for a call whose body is this JSON, of a client that takes it."""
    return {_PARAMETER: body}


def take_ready_made(client: Any) -> None:
    """Have a client that does not check parameters take `ready_made` ones."""
    client.meta.events.register("provide-client-params", _keep)
    client.meta.events.register("before-call", _put)


def _keep(params: Mapping[str, Any], context: dict[str, Any], **_event: Any) -> dict[str, Any] | None:
    if _PARAMETER not in params:
        return None
    context[_PARAMETER] = params[_PARAMETER]
    return {}  # of which botocore makes a request without a body


def _put(params: dict[str, Any], context: Mapping[str, Any], **_event: Any) -> None:
    if _PARAMETER in context:
        params["body"] = context[_PARAMETER]
