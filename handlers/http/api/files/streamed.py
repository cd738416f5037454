"""An answer that is a file, sent as it is made."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

log = logging.getLogger(__name__)

_PATIENCE: Final = 30.0  # seconds that whoever reads may take for one part of it


@dataclass(frozen=True, slots=True)
class StreamedFile:
    """What makes the parts fails, where it does, before the first of them, or has the connection cut off."""

    headers: Mapping[str, str]
    parts: AsyncIterator[bytes]

    async def sent(self, request: web.Request) -> web.StreamResponse:
        """Send it. What is not whole does not look as if it were: the connection ends in the middle of a chunk."""
        first = await anext(self.parts, b"")
        response = web.StreamResponse(headers=dict(self.headers))
        await response.prepare(request)
        try:
            await self._write(response, first)
            async for part in self.parts:
                await self._write(response, part)
            await response.write_eof()
        except Exception as error:  # noqa: BLE001 - it has been answered: there is nobody to tell
            log.info("a file was not sent to its end: %s", type(error).__name__)
            if request.transport is not None:
                request.transport.abort()
        return response

    @staticmethod
    async def _write(response: web.StreamResponse, part: bytes) -> None:
        async with asyncio.timeout(_PATIENCE):
            await response.write(part)
