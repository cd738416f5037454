"""`/api/<method>`: tokens, scopes, faults and limits before a method, the record of every call after it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from . import methods_canvases, methods_chat, methods_files, methods_views, methods_workspace
from .call import ApiError, Call, Method, Request
from .faults import Fault, Faults, Kind
from .oauth import OAuth
from .rate_limits import RateLimits
from .tickets import Tickets
from .world import Json, Organization, Workspace, World

METHODS: dict[str, Method] = {
    **methods_canvases.METHODS,
    **methods_chat.METHODS,
    **methods_files.METHODS,
    **methods_views.METHODS,
    **methods_workspace.METHODS,
}

_SECRETS = {"token", "client_secret", "access_token", "refresh_token"}


async def parameters(request: web.Request) -> Json:
    """Arguments from the query and from a form or JSON body, as Slack takes them."""
    given: Json = dict(request.query)
    if request.content_type == "application/json":
        try:
            body = json.loads(await request.text() or "{}")
        except ValueError:
            raise ApiError("invalid_json") from None
        if not isinstance(body, dict):
            raise ApiError("json_not_object")
        return given | body
    return given | dict(await request.post())


def disconnected(request: web.Request) -> web.Response:
    """Closes the connection instead of answering."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


class Api:
    def __init__(
        self,
        world: World,
        tickets: Tickets,
        faults: Faults,
        oauth: OAuth,
        app_token: str,
        base_url: Callable[[], str],
    ) -> None:
        self._world = world
        self._tickets = tickets
        self._faults = faults
        self._oauth = oauth
        self._app_token = app_token
        self._base_url = base_url
        self.calls: list[Call] = []
        self.limits = RateLimits(world)
        self.edits: dict[str, Callable[[Json], Json]] = {}  # of what a method answers, by the method

    async def handle(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        fault = self._faults.next_for(method)
        if fault and fault.kind is Kind.LATE:
            await request.read()  # whoever sent it may be gone by the time it arrives
            fault.held.set()
            await fault.arrive.wait()
        elif fault and fault.kind not in {Kind.ERROR, Kind.LOSE_REPLY}:
            return await self.misbehave(request, method, fault)
        params: Json = {}
        workspace: Workspace | None = None
        try:
            params = await parameters(request)
            authorization = request.headers.get("Authorization", "")
            if method == "oauth.v2.access":
                _fail_if_planned(fault)
                answer = self._oauth.access(params, authorization)
            elif method == "apps.uninstall":
                answer = self._oauth.uninstall(self._of_bot(method, authorization), params)
            else:
                token = authorization.removeprefix("Bearer ") or params.get("token", "")
                workspace = self._meant(method, self._authorized(method, token), params)
                answer = self._answer(method, workspace, params, fault)
        except ApiError as refusal:
            answer = refusal.body
        self.record(method, params, answer)
        if fault and fault.kind is Kind.LOSE_REPLY:
            return disconnected(request)
        headers = {"x-oauth-scopes": ",".join(sorted(workspace.scopes))} if workspace else {}
        if answer.get("error") == "ratelimited":
            headers["Retry-After"] = str(answer.pop("retry_after", 1))
            return web.json_response(answer, status=429, headers=headers)
        return web.json_response(answer, headers=headers)

    def record(self, method: str, params: Json, answer: Json) -> None:
        shown, answered = ({k: v for k, v in part.items() if k not in _SECRETS} for part in (params, answer))
        self.calls.append(Call(method, shown, answered, self._world.clock().timestamp()))
        self._world.changed()

    def _authorized(self, method: str, token: str) -> Workspace | None:
        """The token's workspace; None for the app-level token, which opens Socket Mode and nothing else."""
        if not token:
            raise ApiError("not_authed")
        if token == self._app_token:
            if method != "apps.connections.open":
                raise ApiError("not_allowed_token_type")
            return None
        workspace = self._world.workspace_of_token(token)
        if workspace is None:
            raise ApiError("invalid_auth")
        if workspace.revoked:
            raise ApiError(workspace.revoked)
        if self._world.clock().timestamp() >= workspace.tokens.get(token, float("inf")):
            raise ApiError("token_expired")
        if method == "apps.connections.open":
            raise ApiError("not_allowed_token_type")
        return workspace

    def _of_bot(self, method: str, authorization: str) -> Workspace:
        workspace = self._authorized(method, authorization.removeprefix("Bearer "))
        if workspace is None:
            raise ApiError("not_allowed_token_type")
        return workspace

    def _meant(self, method: str, workspace: Workspace | None, params: Json) -> Workspace | None:
        """Which of an organization's workspaces a call with its token is about, by what it names.

        docs.slack.dev/enterprise/organization-ready-apps: some methods want `team_id`; where the app was not added the
        answer is team_access_not_granted.
        """
        if not isinstance(workspace, Organization) or method.startswith("auth."):
            return workspace
        meant = self._named(params)
        if meant is None:
            raise ApiError("missing_argument", ["[ERROR] missing required field: team_id"])
        if meant not in workspace.added:
            raise ApiError("team_access_not_granted")
        return meant

    def _named(self, params: Json) -> Workspace | None:
        world = self._world
        if team_id := params.get("team_id"):
            return world.workspaces.get(str(team_id))
        if channel := world.channels.get(str(params.get("channel") or params.get("channel_id"))):
            return channel.workspace
        if user := world.users.get(str(params.get("user") or params.get("user_id") or params.get("channel"))):
            return world.workspaces.get(user.team_id)
        return None

    def _limit(self, method: str, workspace: Workspace | None, params: Json) -> None:
        wait = self.limits.wait(method, workspace.id if workspace else "", str(params.get("channel")))
        if wait is not None:
            raise ApiError("ratelimited", retry_after=wait)

    def _answer(self, method: str, workspace: Workspace | None, params: Json, fault: Fault | None) -> Json:
        _fail_if_planned(fault)
        self._limit(method, workspace, params)
        if workspace is None:
            ticket = self._world.new_id("ticket")
            self._tickets.sockets.add(ticket)
            address = self._base_url().replace("http://", "ws://", 1)
            return {"ok": True, "url": f"{address}/link/?ticket={ticket}&app_id={self._world.app_id}"}
        if method not in METHODS:
            raise ApiError("unknown_method", req_method=method)
        request = Request(self._world, self._tickets, self._base_url(), workspace, params)
        if METHODS[method].scopes:
            request.needs(*METHODS[method].scopes)
        answer = METHODS[method].handler(request)
        return {"ok": True, **(self.edits[method](answer) if method in self.edits else answer)}

    async def misbehave(self, request: web.Request, method: str, fault: Fault) -> web.StreamResponse:
        """The faults that keep a call from having any effect."""
        self.record(method, {}, {"ok": False, "fault": fault.kind.value})
        if fault.kind is Kind.RATE_LIMIT:
            headers = {"Retry-After": fault.value} if fault.value else {}
            return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)
        if fault.kind is Kind.HTTP_STATUS:
            kind = fault.body_type
            return web.Response(status=int(fault.value), text="<html>upstream error</html>", content_type=kind)
        if fault.kind is Kind.HANG:
            await _forever()
        return disconnected(request)


def _fail_if_planned(fault: Fault | None) -> None:
    if fault and fault.kind is Kind.ERROR:
        raise ApiError(fault.value)


async def _forever() -> Any:
    """Ends when the server goes away and cancels its handlers."""
    await asyncio.Event().wait()
