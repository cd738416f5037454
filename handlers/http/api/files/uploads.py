"""The body of a request that is a file: received bit by bit, unpacked and counted on the way, and kept on the disk."""

import asyncio
import tempfile
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final, cast

from aiohttp import web

from handlers.http.api.codes import ProblemCode
from handlers.http.api.problems import Refusal
from handlers.http.connection_limits import give_more_time

_MB: Final = 1024 * 1024
_PIECE: Final = 256 * 1024  # bytes that go to the disk at once
_UNPACKED: Final = _MB  # bytes that come out at once, however small what they come from
_GZIP: Final = zlib.MAX_WBITS | 16  # with the header and the checksum of RFC 1952


@dataclass(frozen=True, slots=True)
class UploadedBody:
    """The body of a request, which nobody has read yet."""

    request: web.Request

    @property
    def content_type(self) -> str:
        return self.request.content_type

    @asynccontextmanager
    async def received(self, most: int) -> AsyncIterator[BinaryIO]:
        """Receive it, and yield what it holds, as a file.

        Args:
            most: bytes that it may hold, also once it is unpacked.

        Raises:
            Refusal: 400 NOT_GZIP, BODY_INCOMPLETE; 413 TOO_LARGE; 415 where it is compressed in another way.
        """
        encoding = self.request.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in {"identity", "gzip"}:
            raise Refusal(415, ProblemCode.UNSUPPORTED_MEDIA_TYPE, "Send the body as it is, or compressed with gzip.")
        if (self.request.content_length or 0) > most:
            raise _too_large(most)
        with tempfile.TemporaryFile() as temporary:
            file = cast("BinaryIO", temporary)
            unpacking = _Unpacking(file, most, packed=encoding == "gzip")
            async for piece in self._pieces(most):
                await asyncio.to_thread(unpacking.take, piece)
            await asyncio.to_thread(unpacking.end)
            file.seek(0)
            yield file

    async def _pieces(self, most: int) -> AsyncIterator[bytes]:
        """Yield the body in larger pieces; each MB of it may take as long as another whole body."""
        gathered, size = bytearray(), 0
        async for some in self.request.content.iter_any():
            if size // _MB < (size + len(some)) // _MB:
                give_more_time(self.request)
            size += len(some)
            if size > most:
                raise _too_large(most)
            gathered += some
            if len(gathered) >= _PIECE:
                yield bytes(gathered)
                gathered.clear()
        yield bytes(gathered)


class _Unpacking:
    """Writes what a body holds into a file."""

    def __init__(self, file: BinaryIO, most: int, *, packed: bool) -> None:
        self._file = file
        self._most = most
        self._size = 0
        self._unpacker = zlib.decompressobj(_GZIP) if packed else None

    def take(self, data: bytes) -> None:
        if self._unpacker is None:
            self._write(data)
            return
        while data:
            if self._unpacker.eof:  # several in one, as some programs make them
                self._unpacker = zlib.decompressobj(_GZIP)
            try:
                self._write(self._unpacker.decompress(data, _UNPACKED))
            except zlib.error:
                detail = "The body is not gzip, though its Content-Encoding says so, or it is damaged."
                raise Refusal(400, ProblemCode.NOT_GZIP, detail) from None
            data = self._unpacker.unused_data if self._unpacker.eof else self._unpacker.unconsumed_tail

    def end(self) -> None:
        if self._unpacker is None:
            return
        self._write(self._unpacker.flush())
        if not self._unpacker.eof:
            raise Refusal(400, ProblemCode.BODY_INCOMPLETE, "The gzip in the body is cut off, so nothing was done.")

    def _write(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._most:
            raise _too_large(self._most)
        self._file.write(data)


def _too_large(most: int) -> Refusal:
    detail = f"The body holds more than {most // _MB} MB, unpacked: leave out what no message needs."
    return Refusal(413, ProblemCode.TOO_LARGE, detail)
