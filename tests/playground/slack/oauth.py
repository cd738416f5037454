"""Installing by OAuth: the page where somebody allows the app, and `oauth.v2.access`, which takes the code.

docs.slack.dev/authentication/installing-with-oauth
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

from aiohttp import web

from .call import ApiError
from .html_pages import page
from .world import Json, Role, User, Workspace, World

CODE_SECONDS = 600


@dataclass
class _Code:
    user: User
    workspace: Workspace
    scopes: set[str]
    redirect_uri: str
    expires: float


class OAuth:
    """`redirect_url` is the app's own, used where the authorize link names none."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._codes: dict[str, _Code] = {}
        self.client_id = "1111111111.2222222222"
        self.client_secret = "playground-client-secret"
        self.redirect_url = ""

    async def authorize(self, request: web.Request) -> web.StreamResponse:
        """With `user` that person allows the app and goes back to it; without, the page asks who is there."""
        query = request.query
        if query.get("client_id") != self.client_id:
            return web.Response(status=400, text="invalid_client_id")
        user = self._world.users.get(query.get("user", ""))
        if user is None or user.team_id not in self._world.workspaces:
            people = [u for u in self._world.users.values() if u.role is not Role.BOT]
            links = "".join(
                f'<li><a href="?{escape(urlencode({**query, "user": u.id}))}">Allow as {escape(u.name)}</a></li>'
                for u in people
            )
            text = page(
                "Install", f'<main class="channel"><h1>Install {self._world.bot_name}</h1><ul>{links}</ul></main>'
            )
            return web.Response(text=text, content_type="text/html")
        target = query.get("redirect_uri") or self.redirect_url
        back = {"state": query.get("state", ""), **self._allow(user, query.get("scope", ""), target)}
        raise web.HTTPFound(f"{target}?{urlencode(back)}")

    def _allow(self, user: User, scope: str, redirect_uri: str) -> Json:
        if user.role not in {Role.OWNER, Role.ADMIN, Role.MEMBER}:
            return {"error": "access_denied"}
        code = self._world.new_id("code")
        workspace = self._world.workspaces[user.team_id]
        scopes = {part for part in scope.split(",") if part}
        expires = self._world.clock().timestamp() + CODE_SECONDS
        self._codes[code] = _Code(user, workspace, scopes, redirect_uri, expires)
        return {"code": code}

    def access(self, params: Json, authorization: str) -> Json:
        """oauth.v2.access: a code works once, within ten minutes. The workspace gets a new bot token."""
        client_id, secret = params.get("client_id"), params.get("client_secret")
        if authorization.startswith("Basic "):
            decoded = base64.b64decode(authorization.removeprefix("Basic ")).decode("latin1")
            client_id, _, secret = decoded.partition(":")
        if client_id != self.client_id:
            raise ApiError("invalid_client_id")
        if secret != self.client_secret:
            raise ApiError("bad_client_secret")
        code = self._codes.pop(str(params.get("code")), None)
        if code is None or self._world.clock().timestamp() > code.expires:
            raise ApiError("invalid_code")
        if params.get("redirect_uri", code.redirect_uri) != code.redirect_uri:
            raise ApiError("bad_redirect_uri")
        workspace = code.workspace
        workspace.revoked, workspace.scopes = None, code.scopes
        workspace.bot_token = f"xoxb-{workspace.id}-{self._world.new_id('')}"
        enterprise = {"id": workspace.enterprise_id, "name": "Grid"} if workspace.enterprise_id else None
        self._world.note(workspace.name, f"{code.user.name} installs {self._world.bot_name} in {workspace.name}.")
        return {
            "ok": True,
            "access_token": workspace.bot_token,
            "token_type": "bot",
            "scope": ",".join(sorted(code.scopes)),
            "bot_user_id": workspace.bot_user_id,
            "app_id": self._world.app_id,
            "team": {"id": workspace.id, "name": workspace.name},
            "enterprise": enterprise,
            "authed_user": {"id": code.user.id},
            "is_enterprise_install": False,
        }
