"""Slack's requests over HTTP, handed to Bolt: the port through which the HTTP server reaches it."""

import re
from collections.abc import Mapping

from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest

from handlers.http_answer import HttpAnswer

_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")


class HttpReceiver:
    """Takes a signed request (https://docs.slack.dev/authentication/verifying-requests-from-slack)."""

    def __init__(self, app: AsyncApp) -> None:
        self._app = app

    async def __call__(self, body: str, headers: Mapping[str, str]) -> HttpAnswer:
        """Verify and dispatch; 401 for whatever is not signed by Slack.

        The form of timestamp and signature is checked here: Bolt answers a malformed one with an error of its own.
        """
        if not (
            _TIMESTAMP.fullmatch(headers.get("X-Slack-Request-Timestamp", ""))
            and _SIGNATURE.fullmatch(headers.get("X-Slack-Signature", ""))
        ):
            return HttpAnswer(401, "", {"Content-Type": "text/plain"})
        answer = await self._app.async_dispatch(AsyncBoltRequest(body=body, headers=dict(headers)))
        kind = answer.first_headers().get("content-type", "text/plain")
        return HttpAnswer(answer.status, answer.body, {"Content-Type": kind})
