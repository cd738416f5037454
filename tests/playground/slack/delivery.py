"""Brings commands, interactions and events to the app: over signed HTTP or Socket Mode, within three seconds."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

import aiohttp

from .socket_mode import SocketMode
from .world import Json

EVENT_RETRIES = 3


class Kind(StrEnum):
    """The names that Socket Mode gives to the three things an app is sent."""

    COMMAND = "slash_commands"
    INTERACTION = "interactive"
    EVENT = "events_api"


class NotAcked(AssertionError):  # noqa: N818  (the name of the situation, as Slack's documentation calls it)
    """The app did not acknowledge in time, answered with an error, or could not be reached."""


@dataclass
class Delivery:
    """One thing brought to the app. `headers` and `body` are what went over HTTP (empty in Socket Mode)."""

    kind: Kind
    payload: Json
    headers: dict[str, str]
    body: bytes
    acked: bool = False
    ack: Any = None
    seconds: float = 0.0


def signed_headers(secret: str, body: bytes, timestamp: int) -> dict[str, str]:
    """docs.slack.dev/authentication/verifying-requests-from-slack: HMAC-SHA256 over `v0:timestamp:body`."""
    base = b"v0:" + str(timestamp).encode() + b":" + body
    signature = hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": str(timestamp), "X-Slack-Signature": f"v0={signature}"}


def encoded(kind: Kind, payload: Json) -> tuple[str, bytes]:
    """Content type and body: forms for commands and interactions, JSON for events."""
    if kind is Kind.EVENT:
        return "application/json", json.dumps(payload).encode()
    form = payload if kind is Kind.COMMAND else {"payload": json.dumps(payload)}
    return "application/x-www-form-urlencoded", urlencode(form).encode()


class Deliverer:
    """Sends to `request_url` where one is set, else over Socket Mode.

    `wall_clock` dates the signatures: apps compare them with their own clock. `edit` changes payloads before they are
    signed, into what Slack might send in cases not played here. While `arrive` is not set, acknowledgements are
    held on their way.
    """

    def __init__(
        self, sockets: SocketMode, signing_secret: str, ack_seconds: float, wall_clock: Callable[[], float]
    ) -> None:
        self._sockets = sockets
        self._secret = signing_secret
        self._wall_clock = wall_clock
        self.ack_seconds = ack_seconds
        self.request_url: str | None = None
        self.http: aiohttp.ClientSession | None = None
        self.twice = 0
        self.lost_acks = 0
        self.sent: list[Delivery] = []
        self.arrive = asyncio.Event()
        self.arrive.set()
        self.edit: Callable[[Json], Json] = lambda payload: payload

    async def send(self, kind: Kind, payload: Json, attempt: int = 0, reason: str = "") -> Any:
        """The app's answer (JSON, text, or None); NotAcked after `ack_seconds` or anything but a 200."""
        payload = self.edit(payload)
        if self.twice > 0:
            self.twice -= 1
            again = await asyncio.gather(
                *(self._send_once(kind, payload, attempt, reason) for _ in range(2)), return_exceptions=True
            )
            for outcome in again:
                if isinstance(outcome, BaseException):
                    raise outcome
            return again[0]
        return await self._send_once(kind, payload, attempt, reason)

    async def send_event(self, payload: Json) -> bool:
        """An event is sent again up to three times; whether it was acknowledged in the end."""
        reason = ""
        for attempt in range(1 + EVENT_RETRIES):
            try:
                await self.send(Kind.EVENT, payload, attempt, reason)
            except NotAcked as problem:
                reason = "http_timeout" if "seconds" in str(problem) else "http_error"
            else:
                return True
        return False

    async def _send_once(self, kind: Kind, payload: Json, attempt: int, reason: str) -> Any:
        content_type, body = encoded(kind, payload)
        headers = {"Content-Type": content_type, "User-Agent": "Slackbot 1.0"}
        if self.request_url:
            headers |= signed_headers(self._secret, body, int(self._wall_clock()))
            if attempt:
                headers |= {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": reason}
        delivery = Delivery(kind, payload, headers if self.request_url else {}, body if self.request_url else b"")
        self.sent.append(delivery)
        started = time.monotonic()
        try:
            async with asyncio.timeout(self.ack_seconds):
                if self.request_url:
                    delivery.ack = await self.post(body, headers)
                else:
                    delivery.ack = await self._sockets.send(kind, payload, attempt, reason)
                await self.arrive.wait()
        except TimeoutError:
            raise NotAcked(f"{kind}: no acknowledgement within {self.ack_seconds:g} seconds") from None
        except (aiohttp.ClientError, ConnectionError) as problem:
            raise NotAcked(f"{kind}: {problem}") from problem
        finally:
            delivery.seconds = time.monotonic() - started
        if self.lost_acks > 0:
            self.lost_acks -= 1
            raise NotAcked(f"{kind}: the acknowledgement was lost")
        delivery.acked = True
        return delivery.ack

    async def post(self, body: bytes, headers: dict[str, str]) -> Any:
        """One HTTP request as it stands, for deliveries and for replays; ClientError on anything but a 200."""
        assert self.http is not None
        assert self.request_url is not None
        async with self.http.post(self.request_url, data=body, headers=headers) as answer:
            text = await answer.text()
            if answer.status != 200:
                raise aiohttp.ClientError(f"the app answered {answer.status}: {text[:200]}")
            is_json = answer.content_type == "application/json"
            return json.loads(text) if is_json and text else text or None
