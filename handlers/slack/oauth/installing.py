"""Installing by OAuth: off to Slack from `/slack/install`, and back at `/slack/oauth_redirect` with what Slack allows.

https://docs.slack.dev/authentication/installing-with-oauth, by Bolt's own flow. That a person comes back who was sent
off the state says, which is signed, works for ten minutes in the browser that has its cookie, and counts once.
"""

import logging
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode, urljoin

from slack_bolt.error import BoltError
from slack_bolt.oauth.async_callback_options import AsyncCallbackOptions, AsyncFailureArgs, AsyncSuccessArgs
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.oauth import AuthorizeUrlGenerator, OAuthStateUtils
from slack_sdk.oauth.installation_store import Installation
from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import BotError
from bot.settings import Settings
from bot.signed_tokens import Key, sign, verify
from bot.teams.installations import Grant, Installations
from handlers.http_answer import HttpAnswer
from handlers.slack.api_errors import FAILURES, code_of
from handlers.slack.codes import SlackCode
from handlers.slack.manifest import bot_scopes
from handlers.slack.oauth import pages
from handlers.slack.oauth.many_workspaces import workspaces_of
from handlers.slack.web_client import web_client
from storage import Database, Secret, leases

log = logging.getLogger(__name__)

START: Final = "/slack/install"
BACK: Final = "/slack/oauth_redirect"
VALID: Final = timedelta(minutes=10)
COOKIE: Final = "__Host-mailroom-install"  # no other host can set it (RFC 6265bis, section 4.1.3.2)

_PURPOSE = b"install"
_TIME_BYTES, _NONCE_BYTES = 8, 16
_WORKSPACE = re.compile(r"[TE][A-Z0-9]{1,20}")


class RefusedError(BoltError):
    """MAILROOM_WORKSPACES leaves this workspace out; `why` is for the person who tried."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.why = BotError(
            SlackCode.WORKSPACE_REFUSED,
            f"Whoever runs this Mailroom has listed the workspaces that may install it, and {place} is none of them.",
            f"Ask them to add {place} to MAILROOM_WORKSPACES, then start again.",
        )


class StateStore(AsyncOAuthStateStore):
    """States that need no row until they come back: anybody may begin, as often as they like."""

    def __init__(self, db: Database, keys: Sequence[Key]) -> None:
        self._db = db
        self._keys = keys

    async def async_issue(self, *_args: object, **_more: object) -> str:
        ends = int((self._db.now() + VALID).timestamp()).to_bytes(_TIME_BYTES, "big")
        return sign(self._keys, _PURPOSE, ends + secrets.token_bytes(_NONCE_BYTES))

    async def async_consume(self, state: str) -> bool:
        """Tell whether it is one of ours, in time, for the first time."""
        claim = verify(self._keys, _PURPOSE, state, _TIME_BYTES + _NONCE_BYTES)
        if claim is None or int.from_bytes(claim[:_TIME_BYTES], "big") < self._db.now().timestamp():
            return False
        async with self._db.write() as session:
            return await leases.mark_processed(session, f"install:{sha256(claim).hexdigest()}")


class InstallationStore(AsyncInstallationStore):
    """Keeps what Slack gave, where the workspace may install. Reading is `many_workspaces.Authorization`'s."""

    def __init__(
        self, settings: Settings, installations: Installations, client: AsyncWebClient, clock: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._installations = installations
        self._client = client
        self._clock = clock

    async def async_save(self, installation: Installation) -> None:
        """Keep it.

        Raises:
            RefusedError: it was given back to Slack.
        """
        token = Secret(str(installation.bot_token))
        workspace = "" if installation.is_enterprise_install else str(installation.team_id)
        enterprise = str(installation.enterprise_id or "")
        allowed = self._settings.may_install
        if allowed and not allowed & {workspace, enterprise}:
            await self._give_back(workspace, enterprise, token)
            raise RefusedError(workspace or enterprise)
        client = web_client(self._settings, token)
        grant = Grant(
            workspace=workspace,
            enterprise=enterprise,
            bot_user_id=str(installation.bot_user_id),
            token=token,
            scopes=",".join(installation.bot_scopes or ()),
            installed_by=installation.user_id,
            name=str((installation.team_name if workspace else installation.enterprise_name) or ""),
            url=str((await client.auth_test())["url"]),
            refresh_token=Secret(installation.bot_refresh_token) if installation.bot_refresh_token else None,
            expires_at=self._ends(installation),
            workspaces=() if workspace else tuple(await workspaces_of(client)),
        )
        await self._installations.save(grant)
        log.info("Mailroom was installed in %s by %s", workspace or enterprise, installation.user_id)

    def _ends(self, installation: Installation) -> datetime | None:
        """Return when the token ends, by our clock; Bolt has made a time of it by this machine's."""
        if installation.bot_token_expires_at is None:
            return None
        return self._clock() + (datetime.fromtimestamp(installation.bot_token_expires_at, UTC) - datetime.now(UTC))

    async def _give_back(self, workspace: str, enterprise: str, token: Secret) -> None:
        """Uninstall the app again, unless it was installed there while that was allowed."""
        find = self._installations.find(workspace) if workspace else self._installations.of_organization(enterprise)
        if await find is not None:
            return
        with suppress(*FAILURES):
            await self._client.apps_uninstall(
                client_id=self._settings.slack_client_id,
                client_secret=self._settings.slack_client_secret.reveal(),
                token=token.reveal(),
            )


class Addresses(AuthorizeUrlGenerator):
    """Slack's page where the app is allowed, each value escaped, which the SDK's own leaves to others."""

    def generate(self, state: str, team: str | None = None) -> str:
        asked = {
            "state": state,
            "client_id": self.client_id,
            "scope": ",".join(self.scopes or ()),
            "user_scope": "",
            "redirect_uri": self.redirect_uri or "",
        }
        if team is not None and _WORKSPACE.fullmatch(team):
            asked["team"] = team
        return f"{self.authorization_url}?{urlencode(asked)}"


class Installing:
    """What `/slack/install` and `/slack/oauth_redirect` answer with."""

    def __init__(self, settings: Settings, installations: Installations, db: Database, keys: Sequence[Key]) -> None:
        client = web_client(settings, Secret(""))
        redirect = urljoin(settings.public_url, BACK)
        oauth = AsyncOAuthSettings(
            client_id=settings.slack_client_id,
            client_secret=settings.slack_client_secret.reveal(),
            scopes=bot_scopes(),
            user_scopes=[],
            redirect_uri=redirect,
            install_path=START,
            install_page_rendering_enabled=False,  # where it leads is Slack's own page, which asks
            redirect_uri_path=BACK,
            callback_options=AsyncCallbackOptions(self._succeeded, self._failed),
            authorization_url=urljoin(settings.slack_api_url, "/oauth/v2/authorize"),
            installation_store=InstallationStore(settings, installations, client, db.now),
            state_store=StateStore(db, keys),
            logger=log,
        )
        oauth.state_utils = OAuthStateUtils(cookie_name=COOKIE, expiration_seconds=int(VALID.total_seconds()))
        oauth.authorize_url_generator = Addresses(
            client_id=settings.slack_client_id,
            redirect_uri=redirect,
            scopes=oauth.scopes,
            authorization_url=oauth.authorization_url,
        )
        self.flow = AsyncOAuthFlow(client=client, logger=log, settings=oauth)

    async def begin(self, query: str, headers: Mapping[str, str]) -> HttpAnswer:
        """Send them to Slack, with a state that only this browser can bring back."""
        return _as_answer(await self.flow.handle_installation(_request(query, headers)))

    async def finish(self, query: str, headers: Mapping[str, str]) -> HttpAnswer:
        """Take what Slack gives, and say how it went."""
        try:
            return _as_answer(await self.flow.handle_callback(_request(query, headers)))
        except FAILURES as error:
            log.warning("an install could not be finished: %s", code_of(error))
            return _as_answer(self._page(502, pages.NO_ANSWER))

    async def _succeeded(self, args: AsyncSuccessArgs) -> BoltResponse:
        over = self.flow.settings.state_utils.build_set_cookie_for_deletion()
        return self._page(200, pages.installed(args.installation), {"Set-Cookie": over})

    async def _failed(self, args: AsyncFailureArgs) -> BoltResponse:
        if isinstance(args.error, RefusedError):
            return self._page(403, pages.refused(args.error.why))
        return self._page(args.suggested_status_code, pages.failed(args.reason))

    @staticmethod
    def _page(status: int, page: str, more: Mapping[str, str] = {}) -> BoltResponse:
        return BoltResponse(status=status, body=page, headers={"Content-Type": "text/html; charset=utf-8", **more})


def _request(query: str, headers: Mapping[str, str]) -> AsyncBoltRequest:
    return AsyncBoltRequest(body="", query=query, headers=dict(headers))


def _as_answer(response: BoltResponse) -> HttpAnswer:
    return HttpAnswer(response.status, response.body, {name: values[0] for name, values in response.headers.items()})
