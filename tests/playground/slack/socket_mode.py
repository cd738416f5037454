"""Socket Mode: websockets that the app opens, each event to one of them, acknowledged by envelope id."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import WSMsgType, web

from .tickets import Tickets
from .world import Json, World

MAX_CONNECTIONS = 10
_TURNS = 4  # of the loop, in which what the app has sent is read: no connection is chosen that it has closed


class SocketMode:
    """The app's open connections. Envelopes go round robin over them."""

    def __init__(self, world: World, tickets: Tickets) -> None:
        self._world = world
        self._tickets = tickets
        self._connections: list[web.WebSocketResponse] = []
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._turn = 0

    @property
    def connections(self) -> int:
        return len(self._connections)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets.sockets:
            return web.Response(status=404)
        self._tickets.sockets.discard(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if self.connections >= MAX_CONNECTIONS:
            await socket.send_json({"type": "disconnect", "reason": "too_many_websockets"})
            await socket.close()
            return socket
        await socket.send_json(self._hello())
        self._connections.append(socket)
        self._world.changed()
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._acknowledge(json.loads(message.data))
        finally:
            self._forget(socket)
        return socket

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": self.connections + 1,
            "connection_info": {"app_id": self._world.app_id},
            "debug_info": {"host": "playground", "approximate_connection_time": 18060},
        }

    def _forget(self, socket: web.WebSocketResponse) -> None:
        if socket in self._connections:
            self._connections.remove(socket)
            self._world.changed()

    def _acknowledge(self, answer: Json) -> None:
        waiting = self._waiting.get(answer.get("envelope_id", ""))
        if waiting and not waiting.done():
            waiting.set_result(answer.get("payload"))

    async def send(self, kind: str, payload: Json, attempt: int, reason: str) -> Any:
        """The payload of the acknowledgement; TimeoutError belongs to the caller, ConnectionError is ours."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        if not self._connections:
            raise ConnectionError("the app has no open Socket Mode connection")
        self._turn += 1
        socket = self._connections[self._turn % self.connections]
        envelope: Json = {
            "type": kind,
            "envelope_id": self._world.new_id("e"),
            "payload": payload,
            "accepts_response_payload": kind != "events_api",
        }
        if kind == "events_api":
            envelope |= {"retry_attempt": attempt, "retry_reason": reason}
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[envelope["envelope_id"]] = answered
        try:
            await socket.send_json(envelope)
            return await answered
        finally:
            del self._waiting[envelope["envelope_id"]]

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Tells every connection to go and come back, as Slack does a few times a day."""
        for socket in list(self._connections):
            self._forget(socket)
            await socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {}})
            await socket.close()

    async def drop(self) -> None:
        """Cuts every connection without a word."""
        for socket in list(self._connections):
            self._forget(socket)
            await socket.close(code=1011)
