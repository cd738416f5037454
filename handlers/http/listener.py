"""The HTTP side, built once: every route, and the port it is served on."""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from bot.metrics import measure
from bot.services import Services
from bot.settings import Settings, SettingsError
from handlers.http.api.broadcast_requests import MOST_BYTES
from handlers.http.api.endpoints import Api
from handlers.http.api.endpoints import application as api_application
from handlers.http.api.rate_limit import PerAddress, Rate
from handlers.http.api.routing import Server
from handlers.http.connection_limits import HttpConnections
from handlers.http.health import Check, Health
from handlers.http.install import Install
from handlers.http.loop_lag import LoopLag
from handlers.http.metrics import MetricsPage
from handlers.http.preview import PreviewPages
from handlers.http.server import SlackInbound, application
from handlers.http.sns import SnsMessages
from handlers.http.unsubscribe import UnsubscribePages
from storage import leases


class HttpListener:
    """Serves from `start` until `stop`.

    Args:
        slack: takes Slack's requests; None in Socket Mode.
        install: has workspaces install the app; None where there is one.
        checks: of `/readyz`, by name, beside that of the database.
        version: for `/metrics`.
    """

    def __init__(
        self,
        settings: Settings,
        services: Services,
        *,
        slack: SlackInbound | None,
        install: Install | None,
        checks: Mapping[str, Check],
        version: str,
    ) -> None:
        self._settings = settings
        self._services = services
        self._slack = slack
        self._install = install
        self._checks = checks
        self._version = version
        self.connections = HttpConnections(proxied=settings.mailroom_proxies > 0)
        self._loop_lag = LoopLag()
        self._runner: web.AppRunner | None = None
        self._listening: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            SettingsError: the port cannot be had.
        """
        self._runner = web.AppRunner(self._application())
        await self._runner.setup()
        try:
            self._listening = await self.connections.listen(self._runner, self._settings.host, self._settings.port)
        except OSError as error:
            raise SettingsError(
                "HOST and PORT cannot be listened on: something else may use the port, or HOST is not of this machine."
            ) from error
        self._loop_lag.start(asyncio.get_running_loop())

    @property
    def port(self) -> int:
        """The port that is listened on, also where 0 was asked for."""
        if self._listening is None or not self._listening.sockets:
            return self._settings.port
        return int(self._listening.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Take no more requests, and answer those that are here."""
        self._loop_lag.stop()
        if self._listening:
            self._listening.close()
        if self._runner:
            await self._runner.cleanup()

    def _application(self) -> web.Application:
        services, now = self._services, self._services.db.now
        health = Health(self._checks, {"database": self._check_database}, services.seconds)
        return application(
            connections=self.connections,
            per_address=PerAddress(Rate(now, per_second=100, burst=1_000), self._settings.mailroom_proxies),
            health=health,
            metrics=MetricsPage(
                lambda: measure(services.db, now()),
                health=health,
                loop_lag=self._loop_lag,
                version=self._version,
                clock=services.seconds,
            ),
            pages=(
                UnsubscribePages(services.suppressions, services.looks.sender),
                PreviewPages(services.previews.open),
            ),
            api=self._api(),
            sns=SnsMessages(services.sns_webhook.handle) if self._settings.public_url else None,
            slack=(self._slack, self._install),
        )

    def _api(self) -> web.Application:
        services, now = self._services, self._services.db.now
        api = Api(
            broadcasts=services.broadcasts,
            drafts=services.drafts,
            approval_requests=services.approval_requests,
            mail_me_one=services.mail_me_one,
            previews=services.previews,
            team_rules=services.team_rules,
            workspace_urls=services.workspace_urls,
            fetch_image=services.fetch_image,
            audiences=services.audiences,
            revisions=services.revisions,
            idempotency=services.idempotency,
            db=services.db,
            mailers=services.mailers,
            overviews=services.overviews,
            suppressions=services.suppressions,
            suppression_lookup=services.suppression_lookup,
            people=services.people,
            lists=services.queries,
        )
        of_token = Rate(now, per_second=50, burst=500)
        bytes_of_team = Rate(now, per_second=100_000, burst=2 * MOST_BYTES)
        return api_application(api, Server(services.tokens, of_token, bytes_of_team))

    async def _check_database(self) -> str:
        async with self._services.db.write() as session:
            await leases.mark_processed(session, "readyz")
        return ""
