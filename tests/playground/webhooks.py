"""A receiver of webhooks on loopback, which answers as a test wants and keeps what it was posted."""

import base64
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ssl import SSLContext
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.playground.ports import free_port

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Posted:
    """One post, and the status it was answered with."""

    id: str
    timestamp: str
    signatures: list[str]
    body: str
    status: int

    @property
    def type(self) -> str:
        return str(json.loads(self.body)["type"])

    @property
    def data(self) -> Any:
        return json.loads(self.body)["data"]

    def is_signed_by(self, secret: str) -> bool:
        """Verify it as the standard has it (https://www.standardwebhooks.com), without anybody's library."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        mac = hmac.new(key, f"{self.id}.{self.timestamp}.{self.body}".encode(), hashlib.sha256).digest()
        return f"v1,{base64.b64encode(mac).decode()}" in self.signatures


class WebhookPlayground:
    """An async context manager; `close` and `open` keep its port.

    Attributes:
        answer: a status, or what makes the answer.
        posted: every post that came.
    """

    def __init__(self, tls: SSLContext | None = None) -> None:
        self.answer: int | Answer = 204
        self.posted: list[Posted] = []
        self.port = free_port()  # nobody else answers there while it is closed
        self._tls = tls
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def address(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}/hook"

    @property
    def taken(self) -> list[Posted]:
        """What was answered with 2xx, each once."""
        return list({each.id: each for each in self.posted if 200 <= each.status < 300}.values())

    async def open(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._tls, reuse_address=True).start()

    async def close(self) -> None:
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = (await request.read()).decode()
        answer = self.answer
        response = web.Response(status=answer) if isinstance(answer, int) else await answer(request)
        self.posted.append(
            Posted(
                request.headers["webhook-id"],
                request.headers["webhook-timestamp"],
                request.headers["webhook-signature"].split(" "),
                body,
                response.status,
            )
        )
        return response


def secret_in(text: str) -> str:
    """Return the secret that a modal shows once."""
    return next(word for word in text.replace("`", " ").split() if word.startswith("whsec_"))
