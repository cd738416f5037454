"""The calls of `doctor --live` to AWS."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import ClientError

from bot.observations import Observation, one_of
from bot.ses import event_queue
from bot.ses.client import AwsSession
from bot.ses.errors import SesError, clean

Sleep = Callable[[float], Awaitable[None]]

PACE_SECONDS: Final = 1.1
"""Between two calls: SES takes about one management call a second of an account."""

TAKEN: Final = "taken"
TRIES_WHEN_THROTTLED: Final = 5
_THROTTLED: Final = frozenset({"TooManyRequestsException", "ThrottlingException", "Throttling", "RequestThrottled"})


@dataclass(frozen=True, slots=True)
class AwsResponse:
    """An answer of AWS: with a `code` it is a refusal. `text` is AWS's own, and never shown."""

    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    code: str = ""
    status: int = 200
    text: str = field(default="", repr=False)

    @property
    def shown(self) -> str:
        return f"{self.code} {self.status}" if self.code else TAKEN


class Asker:
    """Makes the calls of one account, at the pace of SES's management calls."""

    def __init__(self, session: AwsSession, sleep: Sleep, *, event_wait: int = 1) -> None:
        self.session = session
        self._sleep = sleep
        self._event_wait = event_wait

    async def ask(self, action: str, call: Callable[[Any], Any]) -> AwsResponse:
        """Make one call, in one attempt; one that is throttled is made again. SesError where nothing was answered."""
        for _ in range(TRIES_WHEN_THROTTLED):
            await self.rest()
            answer = await self.session.call(action, lambda client: _answer(call, client), once=True)
            if answer.code not in _THROTTLED:
                break
        return answer

    async def rest(self) -> None:
        await self._sleep(PACE_SECONDS)

    async def receive(self, queue_url: str) -> list[str]:
        """Take what is in the queue, waiting for `event_wait` seconds where there is nothing."""
        messages = await event_queue.receive(self.session, queue_url, wait_seconds=self._event_wait)
        if messages:
            await event_queue.delete(self.session, queue_url, messages)
        return [message.body for message in messages]

    async def observe(self, name: str, action: str, call: Callable[[Any], Any], *expected: str) -> Observation:
        """Make one call, and hold its code and status against those expected."""
        try:
            answer = await self.ask(action, call)
        except SesError as error:
            return one_of(name, f"no answer: {error.code}", *expected)
        return one_of(name, answer.shown, *expected)


def _answer(call: Callable[[Any], Any], client: Any) -> AwsResponse:
    try:
        body = call(client) or {}
        body.pop("ResponseMetadata", None)
        return AwsResponse(body)
    except ClientError as error:
        told: Any = error.response
        details = told.get("Error") or {}
        status = int((told.get("ResponseMetadata") or {}).get("HTTPStatusCode") or 0)
        return AwsResponse({}, clean(str(details.get("Code") or "unknown")), status, str(details.get("Message") or ""))
