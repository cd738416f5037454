"""`/healthz`: the process answers. `/readyz`: database, scheduler and the connection to Slack are in order."""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from handlers.http.remembered import Remembered

Check = Callable[[], Awaitable[str]]


class Health:
    """Args: each check returns "" where all is well, else what is wrong, in words that hold no secret."""

    def __init__(self, checks: Mapping[str, Check], clock: Callable[[], float]) -> None:
        self._checks = checks
        self._found = Remembered(self._look, clock)

    async def alive(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(self, _request: web.Request) -> web.Response:
        found = await self._found()
        well = not any(found.values())
        body = {"status": "ok" if well else "unavailable", "checks": {name: why or "ok" for name, why in found.items()}}
        return web.json_response(body, status=200 if well else 503)

    async def _look(self) -> dict[str, str]:
        return {name: await self._run(check) for name, check in self._checks.items()}

    @staticmethod
    async def _run(check: Check) -> str:
        try:
            return await check()
        except Exception as error:  # noqa: BLE001 - whatever keeps a check from answering is the answer
            return type(error).__name__
