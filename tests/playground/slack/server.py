"""The one HTTP server: Web API, Socket Mode, response URLs, file downloads and uploads, on a loopback port it keeps."""

from __future__ import annotations

import json
import mimetypes
from typing import Any

from aiohttp import web

from tests.playground.ports import free_port

from .api import Api, disconnected
from .call import ApiError
from .faults import Fault, Faults, Kind
from .oauth import OAuth
from .posting import content, edit, erase, post
from .socket_mode import SocketMode
from .tickets import Tickets
from .world import File, Json, World


def _true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


class Server:
    def __init__(
        self, world: World, tickets: Tickets, faults: Faults, api: Api, oauth: OAuth, sockets: SocketMode
    ) -> None:
        self._world = world
        self._tickets = tickets
        self._faults = faults
        self._api = api
        self._oauth = oauth
        self._sockets = sockets
        self._runner: web.AppRunner | None = None
        self.port = free_port()  # nobody else answers there while Slack is down

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.add_routes(
            [
                web.route("*", "/api/{method}", self._api.handle),
                web.get("/link/", self._sockets.handle),
                web.get("/oauth/v2/authorize", self._oauth.authorize),
                web.post("/{kind:commands|actions|app}/{team}/{token}", self._respond),
                web.get("/files-pri/{file}/{name}", self._download),
                web.get("/files-pri/{file}/download/{name}", self._download),
                web.post("/upload/v1/{file}", self._upload),
                web.get("/", self._login_page),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.05, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()

    async def stop(self) -> None:
        if self._runner:
            await self._sockets.drop()
            await self._runner.cleanup()
            self._runner = None

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        """A response URL: five messages within thirty minutes, shown to one person unless it says in_channel."""
        fault = self._faults.next_for("response_url")
        if fault and fault.kind not in {Kind.ERROR, Kind.LOSE_REPLY}:
            return await self._api.misbehave(request, "response_url", fault)
        body: Json = {}
        try:
            body = json.loads(await request.text())
            self._answer(request.match_info["token"], body, fault)
            answer: Json = {"ok": True}
        except ValueError:
            answer = {"ok": False, "error": "invalid_payload"}
        except ApiError as refusal:
            answer = refusal.body
        self._api.record("response_url", body, answer)
        if fault and fault.kind is Kind.LOSE_REPLY:
            return disconnected(request)
        if answer["ok"]:
            return web.Response(text="ok")
        status = 404 if answer["error"].endswith("_url") else 400
        return web.json_response(answer, status=status)

    def _answer(self, token: str, body: Json, fault: Fault | None) -> None:
        if fault and fault.kind is Kind.ERROR:
            raise ApiError(fault.value)
        ticket = self._tickets.use_response_url(token)
        message = ticket.message
        if _true(body.get("delete_original")):
            if message is None:
                raise ApiError("message_not_found")
            erase(self._world, message)
            return
        text, blocks = content(body.get("text"), body.get("blocks"))
        if message and _true(body.get("replace_original")):
            edit(self._world, message, text, blocks)
            return
        shown_to = None if body.get("response_type") == "in_channel" else ticket.user_id
        thread_ts = body.get("thread_ts") or (message.thread_ts if message else None)
        channel, workspace = ticket.channel, ticket.workspace
        post(self._world, channel, workspace, text, blocks, shown_to=shown_to, thread_ts=thread_ts)

    async def _download(self, request: web.Request) -> web.StreamResponse:
        """The file with the bot's token; without it Slack's way of refusing: off to a login page, in HTML."""
        if fault := self._faults.next_for("files.download"):
            return await self._api.misbehave(request, "files.download", fault)
        file = self._world.files.get(request.match_info["file"].rsplit("-", 1)[-1])
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        workspace = self._world.workspace_of_token(token)
        allowed = workspace and not workspace.revoked and "files:read" in workspace.scopes
        if file is None or not allowed or file.workspace is not workspace:
            raise web.HTTPFound(f"/?redir={request.path}")
        self._api.record("files.download", {"file": file.id}, {"ok": True})
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return web.Response(body=file.content, content_type=kind)

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        file: File | None = self._tickets.uploads.get(request.match_info["file"])
        if file is None:
            return web.Response(status=404)
        if request.content_type.startswith("multipart/"):
            form = await request.post()
            parts = [part.file.read() for part in form.values() if isinstance(part, web.FileField)]
            file.content = b"".join(parts)
        else:
            file.content = await request.read()
        return web.Response(text=f"OK - {len(file.content)}")

    async def _login_page(self, _request: web.Request) -> web.StreamResponse:
        page = "<!DOCTYPE html><html><head><title>Sign in | Slack</title></head><body>Sign in to Slack</body></html>"
        return web.Response(text=page, content_type="text/html")
