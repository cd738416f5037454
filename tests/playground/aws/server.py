"""The HTTP server: threads, kept-alive connections, and a port that can really go away and come back."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.playground.aws.answers import Answer, request_id
from tests.playground.aws.signature import Request

_log = logging.getLogger(__name__)
_PATIENCE = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a request: its answer, held back until `held` is set; or a connection cut without one."""

    answer: Answer | None
    held: threading.Event | None = None


FrontDoor = Callable[[Request], Outcome]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Listener

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        outcome = self.server.front_door(Request(self.command, self.path, headers, body))
        if outcome.held is not None:
            outcome.held.wait()
        if outcome.answer is None:
            self.close_connection = True
            return
        self._send(outcome.answer)

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("x-amzn-RequestId", request_id())
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815 - names that http.server looks up

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle()

    def finish(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Be silent: `AwsPlayground.calls` is the log."""


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, front_door: FrontDoor) -> None:
        self.front_door = front_door
        self._open: dict[socket.socket, threading.Thread] = {}
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._open[request] = threading.current_thread()
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.pop(request, None)

    def cut_connections(self, let_go: Callable[[], None]) -> None:
        """Cut what is open, then wait a little for the threads, which `let_go` wakes. One that is still deep in
        its work ends by itself later."""
        threads = list(self._open.items())
        for connection, _ in threads:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        let_go()
        deadline = time.monotonic() + _PATIENCE
        for _, thread in threads:
            thread.join(timeout=max(0.0, deadline - time.monotonic()))

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base class's
        _log.exception("playground connection failed: %s", client_address)


class HttpServer:
    """Serves `front_door` on a free loopback port, which stays the same through `close` and `open`."""

    def __init__(self, front_door: FrontDoor) -> None:
        self._front_door = front_door
        self._listener: _Listener | None = None
        self._thread: threading.Thread | None = None
        self.port = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def open(self, port: int | None = None) -> None:
        if self._listener is not None:
            return
        self._listener = _Listener(self.port if port is None else port, self._front_door)
        self.port = self._listener.server_address[1]
        self._thread = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.05}, name="aws", daemon=True
        )
        self._thread.start()

    def close(self, let_go: Callable[[], None]) -> None:
        """Refuse new connections and cut those that are open. `let_go` must end whatever requests wait for: it
        is called when nobody can get their answers any more."""
        if self._listener is None or self._thread is None:
            return
        listener, self._listener = self._listener, None
        listener.shutdown()
        listener.server_close()
        self._thread.join()
        listener.cut_connections(let_go)
