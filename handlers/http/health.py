"""`/healthz`: the process answers. `/readyz`: database, scheduler and the connection to Slack are in order."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from aiohttp import web

from handlers.http.caching import Remembered

Check = Callable[[], Awaitable[str]]

PATIENCE = 8.0  # seconds: Prometheus gives up after 10 by itself


class Health:
    """Says what each check says: "" where all is well, else what is wrong, in words that hold no secret.

    Args:
        checks: by name.
        costly: more of them, whose answer is remembered for a few seconds.
    """

    def __init__(self, checks: Mapping[str, Check], costly: Mapping[str, Check], clock: Callable[[], float]) -> None:
        self._checks = {name: partial(self._run, check) for name, check in checks.items()}
        self._costly = {name: Remembered(partial(self._run, check), clock) for name, check in costly.items()}

    async def alive(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(self, _request: web.Request) -> web.Response:
        found = await self.found()
        well = not any(found.values())
        body = {"status": "ok" if well else "unavailable", "checks": {name: why or "ok" for name, why in found.items()}}
        return web.json_response(body, status=200 if well else 503)

    async def found(self) -> dict[str, str]:
        """Return what each check says."""
        return {name: await check() for name, check in (self._costly | self._checks).items()}

    @staticmethod
    async def _run(check: Check) -> str:
        try:
            async with asyncio.timeout(PATIENCE):
                return await check()
        except Exception as error:  # noqa: BLE001 - whatever keeps a check from answering is the answer
            return type(error).__name__
