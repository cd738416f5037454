"""Installing by OAuth: the page where somebody allows the app, and `oauth.v2.access`, which takes the code.

docs.slack.dev/authentication/installing-with-oauth, docs.slack.dev/authentication/using-token-rotation
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

from aiohttp import web

from .call import ApiError
from .html_pages import page
from .world import Json, Organization, Role, User, Workspace, World

CODE_SECONDS = 600
TOKEN_SECONDS = 43_200  # "it expires every 12 hours"
LIVE_TOKENS = 2  # of one installation; the oldest is revoked where there would be more


@dataclass
class _Code:
    user: User
    workspace: Workspace
    scopes: set[str]
    redirect_uri: str
    expires: float


class OAuth:
    """`redirect_url` is the app's own, used where the authorize link names none; `rotation` is the app's setting."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._codes: dict[str, _Code] = {}
        self._refresh: dict[str, Workspace] = {}
        self.client_id = "1111111111.2222222222"
        self.client_secret = "playground-client-secret"
        self.redirect_url = ""
        self.rotation = False

    async def authorize(self, request: web.Request) -> web.StreamResponse:
        """With `user` that person allows the app and goes back to it; without, the page asks who is there.

        `answer` is `no` where they do not; `organization` is where they choose the whole of it.
        """
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
        where = self._world.organizations.get(query.get("organization", ""), self._world.workspaces[user.team_id])
        given: Json = {"error": "access_denied"}
        if query.get("answer") != "no":
            given = self._allow(user, query.get("scope", ""), target, where)
        back = {"state": query.get("state", ""), **given}
        raise web.HTTPFound(f"{target}?{urlencode(back)}")

    def _allow(self, user: User, scope: str, redirect_uri: str, where: Workspace | None = None) -> Json:
        if user.role not in {Role.OWNER, Role.ADMIN, Role.MEMBER}:
            return {"error": "access_denied"}
        code = self._world.new_id("code")
        workspace = where or self._world.workspaces[user.team_id]
        scopes = {part for part in scope.split(",") if part}
        expires = self._world.clock().timestamp() + CODE_SECONDS
        self._codes[code] = _Code(user, workspace, scopes, redirect_uri, expires)
        return {"code": code}

    def access(self, params: Json, authorization: str) -> Json:
        """oauth.v2.access: a code works once, within ten minutes. The workspace gets a new bot token."""
        self._check_app(params, authorization)
        if params.get("grant_type") == "refresh_token":
            return self._renewed(str(params.get("refresh_token")))
        code = self._codes.pop(str(params.get("code")), None)
        if code is None or self._world.clock().timestamp() > code.expires:
            raise ApiError("invalid_code")
        if params.get("redirect_uri", code.redirect_uri) != code.redirect_uri:
            raise ApiError("bad_redirect_uri")
        workspace = code.workspace
        if workspace.revoked:
            workspace.tokens.clear()
        workspace.revoked, workspace.scopes = None, code.scopes
        self._world.note(workspace.name, f"{code.user.name} installs {self._world.bot_name} in {workspace.name}.")
        return self._answer(workspace) | {"authed_user": {"id": code.user.id}}

    def uninstall(self, workspace: Workspace, params: Json) -> Json:
        """apps.uninstall: docs.slack.dev/reference/methods/apps.uninstall."""
        self._check_app(params, "")
        workspace.revoked = "account_inactive"
        self._world.on_event({"type": "app_uninstalled"}, workspace)
        return {"ok": True}

    def _check_app(self, params: Json, authorization: str) -> None:
        client_id, secret = params.get("client_id"), params.get("client_secret")
        if authorization.startswith("Basic "):
            decoded = base64.b64decode(authorization.removeprefix("Basic ")).decode("latin1")
            client_id, _, secret = decoded.partition(":")
        if client_id != self.client_id:
            raise ApiError("invalid_client_id")
        if secret != self.client_secret:
            raise ApiError("bad_client_secret")

    def _renewed(self, refresh_token: str) -> Json:
        """A refresh token works once: "The refresh token is then revoked, and a new refresh token is used"."""
        workspace = self._refresh.pop(refresh_token, None)
        if workspace is None or workspace.revoked:
            raise ApiError("invalid_refresh_token")
        return self._answer(workspace)

    def _answer(self, workspace: Workspace) -> Json:
        org_wide = isinstance(workspace, Organization)
        enterprise = {"id": workspace.enterprise_id, "name": "Grid"} if workspace.enterprise_id else None
        return {
            "ok": True,
            "access_token": self._new_token(workspace),
            "token_type": "bot",
            "scope": ",".join(sorted(workspace.scopes)),
            "bot_user_id": workspace.bot_user_id,
            "app_id": self._world.app_id,
            # docs.slack.dev/enterprise/organization-ready-apps: "team" is null
            "team": None if org_wide else {"id": workspace.id, "name": workspace.name},
            "enterprise": enterprise,
            "is_enterprise_install": org_wide,
            **(self._ending(workspace) if self.rotation else {}),
        }

    def _new_token(self, workspace: Workspace) -> str:
        kind = "xoxe.xoxb-1" if self.rotation else "xoxb"
        workspace.bot_token = f"{kind}-{workspace.id}-{self._world.new_id('')}"
        return workspace.bot_token

    def _ending(self, workspace: Workspace) -> Json:
        refresh_token = f"xoxe-1-{self._world.new_id('')}"
        self._refresh[refresh_token] = workspace
        workspace.tokens[workspace.bot_token] = self._world.clock().timestamp() + TOKEN_SECONDS
        for old in list(workspace.tokens)[:-LIVE_TOKENS]:
            del workspace.tokens[old]
        return {"refresh_token": refresh_token, "expires_in": TOKEN_SECONDS}
