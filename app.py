"""Mailroom's composition root: the only place where things are built. `python app.py --help` names the commands."""

import asyncio
import logging
import sys
import tomllib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp

from bot.alerts.incidents import Incidents
from bot.api.idempotency import IdempotencyKeys
from bot.api.queries import ApiQueries
from bot.api.tokens import ApiTokens
from bot.broadcast.audience.saved import Audiences
from bot.broadcast.broadcasts import Broadcasts
from bot.broadcast.content.message import PersonalizerCache
from bot.broadcast.delivery.dispatcher import Dispatcher
from bot.broadcast.identity_dependents import Waiting
from bot.broadcast.preflight import Preflight
from bot.broadcast.reporting.history import Reports
from bot.broadcast.resend import Resends
from bot.dashboard import Dashboard
from bot.feedback.event_collector import THREADS as FEEDBACK_THREADS
from bot.feedback.event_collector import WAIT_SECONDS, EventCollector
from bot.feedback.sns_webhook import SnsWebhook
from bot.mailer.connection.connect import Connections
from bot.mailer.connection.credential_drafts import ConnectDrafts
from bot.mailer.connection.disconnect import Removal
from bot.mailer.connection.production_access import ProductionAccess
from bot.mailer.connection.role_setup import RoleOffers
from bot.mailer.credential_store import CredentialStore
from bot.mailer.identities.dns_lookup import Resolver
from bot.mailer.identities.feedback_forwarding import FeedbackForwarding
from bot.mailer.identities.management import Identities
from bot.mailer.identities.recovery import IdentityRecovery
from bot.mailer.mailers import Mailers
from bot.mailer.monitoring.feedback_health import FeedbackCheck
from bot.mailer.monitoring.feedback_probe import FeedbackProbe
from bot.mailer.monitoring.monitor import Monitor
from bot.mailer.monitoring.periodic_jobs import PeriodicJobs
from bot.mailer.monitoring.poll_schedule import PollIntervals
from bot.mailer.readiness.overview import Overviews
from bot.metrics import measure
from bot.scheduler import Scheduler
from bot.ses.client import SesClients
from bot.ses.sns_messages import Certificates, Fetch
from bot.settings import Settings, SettingsError
from bot.suppression.account_list_sync import AccountListSync
from bot.suppression.suppression_list import Suppressions
from bot.suppression.unsubscribe_links import Key
from bot.tasks import Tasks
from bot.teams.directory import Teams
from bot.teams.settings import TeamRules
from handlers import slack
from handlers.cli.commands import main
from handlers.http.api.endpoints import Api
from handlers.http.api.endpoints import application as api_application
from handlers.http.api.rate_limit import PerAddress, Rate
from handlers.http.api.routing import Server
from handlers.http.connection_limits import HttpConnections
from handlers.http.health import Health
from handlers.http.metrics import MetricsPage
from handlers.http.server import MAX_BODY, application
from handlers.http.sns import SnsMessages, fetch_certificate
from handlers.http.unsubscribe import UnsubscribePages
from handlers.slack.dispatch.authorization import Authorizer
from handlers.slack.dispatch.http_receiver import Inbound
from handlers.slack.dispatch.listeners import AS_LONG_AS_SLACK_WAITS, AckTimeouts, Listeners
from handlers.slack.dispatch.user_directory import UserDirectory
from handlers.slack.file_transfer import Files
from handlers.slack.flows.channel_lifecycle import ChannelLife
from handlers.slack.flows.home import Home
from handlers.slack.installation import Installed
from handlers.slack.outbound.file_renderer import FileRenderer
from handlers.slack.outbound.file_uploader import Uploader
from handlers.slack.outbound.message_renderer import MessageRenderer
from handlers.slack.outbound.notifier import Notifier
from handlers.slack.services import Services
from handlers.slack.web_client import web_client
from storage import leases
from storage.database import Database
from storage.key_rotation import check_keys
from storage.link_keys import link_keys
from storage.sealing import load_keys
from storage.states import PollKind

log = logging.getLogger("mailroom")

FINISH_SECONDS = 25.0  # a send under way has 20 s to be answered
REMEMBER_REQUESTS = timedelta(days=1)


class Mailroom:
    """Everything, built once. `start` serves until `stop`; `scheduler.start` sets it going by itself.

    Args:
        settings: as loaded.
        clock: None is the database's own, which all replicas share.
        sleep: how the engine waits, and connecting for a role made just now.
        event_wait: seconds that one look into a queue of events waits for the first one.
        fetch: gets the certificates that SNS signs with.
        patience: how long people in Slack wait for an answer before they see that it takes a while.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], datetime] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        event_wait: int = WAIT_SECONDS,
        fetch: Fetch = fetch_certificate,
        patience: AckTimeouts = AS_LONG_AS_SLACK_WAITS,
    ) -> None:
        self.settings = settings
        self.db = Database(settings.database_url, clock=clock) if clock else Database(settings.database_url)
        self.keys = load_keys(settings.mailroom_keys, self.db.path)
        self._link_keys: list[Key] = []  # read when the database is open
        self.tasks = Tasks()
        self.clients = SesClients(seconds=self._seconds, sleep=sleep)
        self.polling_clients = SesClients(threads=FEEDBACK_THREADS, seconds=self._seconds, sleep=sleep)
        self._build_services(sleep)
        self._build_feedback(sleep, event_wait, fetch)
        self._build_slack(patience)
        self.connections = HttpConnections(proxied=settings.mailroom_proxies > 0)
        self.scheduler = Scheduler()
        for seconds, name, tick in (
            (1, "outbox", self.notifier.tick),
            (1, "files", self.uploader.tick),
            (1, "engine", self.engine.tick),
            (1, "channels", self.channel_life.tick),
            (5, "home", self.home.tick),
            (1, "monitor", self.monitor.tick),
            (5, "mending", self.identity_recovery.tick),
            (1, "feedback", self.feedback.tick),
            (5, "chores", self.periodic_jobs.tick),
            (1, "connections", self.connections.tick),
            (60, "behind", self._rouse),
            (3600, "forget", self._forget),
        ):
            self.scheduler.every(seconds, name, tick)
        self.db.wake = self.scheduler.wake
        self._socket: AsyncSocketModeHandler | None = None
        self._runner: web.AppRunner | None = None
        self._listening: asyncio.Server | None = None

    def _build_services(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        settings, db, now = self.settings, self.db, self.db.now
        credential_store = CredentialStore(self.keys, self.clients)
        mailers = Mailers(
            db,
            now,
            credential_store,
            pending_seconds=settings.mailroom_poll_pending_seconds,
            public_url=settings.public_url,
            sleep=sleep,
        )
        overviews = Overviews(
            mailers,
            now,
            small_limit=settings.mailroom_small_broadcast_limit,
            healthy_seconds=settings.mailroom_poll_healthy_seconds,
        )
        intervals = PollIntervals(
            pending=timedelta(seconds=settings.mailroom_poll_pending_seconds),
            in_review=timedelta(seconds=settings.mailroom_poll_review_seconds),
            healthy=timedelta(seconds=settings.mailroom_poll_healthy_seconds),
        )
        self.teams = Teams(db, now)
        self.monitor = Monitor(db, now, mailers, intervals)
        preflight = Preflight(mailers, self.monitor, overviews)
        self.identity_recovery = IdentityRecovery(db, now, mailers, Waiting())
        self.suppressions = Suppressions(db, now, mailers, self._link_keys)
        self.services = Services(
            db=db,
            clock=now,
            mailers=mailers,
            overviews=overviews,
            monitor=self.monitor,
            connections=Connections(db, now, mailers, credential_store, self.clients, self._forget_credentials, sleep),
            drafts=ConnectDrafts(db, now),
            role_offers=RoleOffers(db, self.clients, settings.mailroom_role_template_url),
            removal=Removal(db, now, mailers, self._forget_credentials),
            identities=Identities(db, now, mailers, Resolver(settings.mailroom_dns_server)),
            identity_recovery=self.identity_recovery,
            incidents=Incidents(db, now),
            hearing=FeedbackCheck(db, now, mailers),
            forwarding=FeedbackForwarding(db, now, mailers, sleep),
            production=ProductionAccess(db, now, mailers),
            team_rules=TeamRules(db, now),
            broadcasts=Broadcasts(
                db,
                now,
                preflight,
                undo_seconds=settings.mailroom_undo_seconds,
                test_limit=settings.mailroom_test_limit,
                public_url=settings.public_url,
            ),
            audiences=Audiences(db, now),
            resends=Resends(db, now, preflight),
            reports=Reports(db, now),
            suppressions=self.suppressions,
            tokens=ApiTokens(db, now),
            files=Files(settings.slack_api_url, settings.slack_bot_token),
            public_url=settings.public_url,
            undo_seconds=settings.mailroom_undo_seconds,
        )
        self.engine = Dispatcher(
            db,
            now,
            mailers,
            self.monitor,
            overviews,
            PersonalizerCache(self._link_keys),
            small_limit=settings.mailroom_small_broadcast_limit,
            sleep=sleep,
        )

    def _build_feedback(self, sleep: Callable[[float], Awaitable[None]], event_wait: int, fetch: Fetch) -> None:
        db, now, mailers = self.db, self.db.now, self.services.mailers
        self.feedback = EventCollector(
            db, now, CredentialStore(self.keys, self.polling_clients), wait_seconds=event_wait
        )
        self.sns_webhook = SnsWebhook(db, now, mailers, self.feedback, Certificates(fetch))
        self.periodic_jobs = PeriodicJobs(
            db,
            now,
            {
                PollKind.SELF_TEST: FeedbackProbe(db, now, mailers),
                PollKind.SUPPRESSIONS: AccountListSync(db, now, mailers, sleep),
                PollKind.FORWARDING: self.services.forwarding,
            },
        )

    def _build_slack(self, patience: AckTimeouts) -> None:
        client = web_client(self.settings)
        people, installed = UserDirectory(self._seconds), Installed(client)
        secret = self.settings.slack_signing_secret.reveal() or None
        self.bolt = AsyncApp(name="slack_bolt", client=client, signing_secret=secret)
        self.listeners = Listeners(
            self.bolt,
            guard=Authorizer(people, self.teams, installed),
            teams=self.teams,
            tasks=self.tasks,
            db=self.db,
            patience=patience,
        )
        slack.register(self.listeners, self.services, people)
        self.home = Home(
            Dashboard(self.db, self.services.overviews),
            self.teams,
            people,
            self.db.now,
            one_click=bool(self.settings.public_url),
        )
        self.home.register(self.listeners)
        self.channel_life = ChannelLife(self.db, self.db.now, client, people, installed)
        self.channel_life.register(self.listeners)
        self.notifier = Notifier(self.db, self.db.now, client, MessageRenderer(self.services))
        maker = FileRenderer(self.db, self.db.now)
        self.uploader = Uploader(self.db, self.db.now, client, self.services.files, maker)

    def _api(self) -> web.Application:
        using = self.services
        api = Api(
            broadcasts=using.broadcasts,
            audiences=using.audiences,
            idempotency=IdempotencyKeys(self.db, self.db.now),
            db=self.db,
            mailers=using.mailers,
            overviews=using.overviews,
            suppressions=using.suppressions,
            lists=ApiQueries(self.db),
        )
        of_token = Rate(self.db.now, per_second=50, burst=500)
        bytes_of_team = Rate(self.db.now, per_second=100_000, burst=2 * MAX_BODY)
        return api_application(api, Server(using.tokens, of_token, bytes_of_team))

    async def open(self) -> None:
        """Open the database: migrated, and with the right keys."""
        await self.db.start()
        await check_keys(self.db, self.keys)
        self._link_keys[:] = await link_keys(self.db, self.keys)
        if self.db.path:
            async with self.db.write() as session:
                await leases.reclaim_all(session, self.db.now())
            await self.services.audiences.tidy(alone=True)

    async def start(self) -> None:
        """Serve HTTP and connect to Slack."""
        await self.open()
        await self.channel_life.start()
        inbound = None if self.settings.socket_mode else Inbound(self.bolt)
        checks = {"scheduler": self._check_scheduler, "slack": self._check_slack}
        pages = UnsubscribePages(self.suppressions.whose, self.suppressions.unsubscribe)
        sns = SnsMessages(self.sns_webhook.handle) if self.settings.public_url else None
        metrics = MetricsPage(lambda: measure(self.db, self.db.now()), _version(), self._seconds)
        app = application(
            connections=self.connections,
            per_address=PerAddress(Rate(self.db.now, per_second=100, burst=1_000), self.settings.mailroom_proxies),
            health=Health(checks, {"database": self._check_database}, self._seconds),
            metrics=metrics,
            pages=pages,
            api=self._api(),
            sns=sns,
            slack=inbound,
        )
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        try:
            self._listening = await self.connections.listen(self._runner, self.settings.host, self.settings.port)
        except OSError as error:
            raise SettingsError(
                "HOST and PORT cannot be listened on: something else may use the port, or HOST is not of this machine."
            ) from error
        if self.settings.socket_mode:
            self._socket = AsyncSocketModeHandler(self.bolt, self.settings.slack_app_token.reveal())
            await self._socket.connect_async()  # type: ignore[no-untyped-call]  # slack_bolt has no types here
        log.info("ready, %s mode, on port %s", "Socket" if self._socket else "HTTP", self.port)

    @property
    def port(self) -> int:
        """The port that is listened on, also where 0 was asked for."""
        if self._listening is None or not self._listening.sockets:
            return self.settings.port
        return int(self._listening.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Take nothing new, finish what is under way, close."""
        self.scheduler.stop()
        if self._socket:
            await self._socket.close_async()  # type: ignore[no-untyped-call]  # as above
        if self._listening:
            self._listening.close()
        if self._runner:
            await self._runner.cleanup()
        await self.monitor.stop(0)  # what is under way is looked at again when its lease ends
        await self.periodic_jobs.stop(0)
        await self.engine.stop()
        await self.uploader.stop(FINISH_SECONDS)
        await self.tasks.finish(FINISH_SECONDS)
        self.clients.close()
        self.polling_clients.close()
        await self.db.stop()

    def _seconds(self) -> float:
        return self.db.now().timestamp()

    def _forget_credentials(self, mailer_id: str) -> None:
        for clients in (self.clients, self.polling_clients):
            clients.forget(mailer_id)

    async def _rouse(self) -> None:
        async with self.db.write() as session:
            if forgotten := await leases.rouse(session, self.db.now()):
                log.error("messages were behind and never due: %s", ", ".join(forgotten))

    async def _forget(self) -> None:
        async with self.db.write() as session:
            await leases.forget_seen(session, self.db.now() - REMEMBER_REQUESTS)
        await self.services.drafts.forget()
        await self.services.audiences.tidy()

    async def _check_database(self) -> str:
        async with self.db.write() as session:
            await leases.mark_processed(session, "readyz", self.db.now())
        return ""

    async def _check_scheduler(self) -> str:
        stalled = self.scheduler.stalled()
        return f"stalled: {', '.join(stalled)}" if stalled else ""

    async def _check_slack(self) -> str:
        if self._socket is None:
            return ""
        connected = await self._socket.client.is_connected()
        return "" if connected else "Socket Mode is not connected"


def _version() -> str:
    project = (Path(__file__).parent / "pyproject.toml").read_text()
    return str(tomllib.loads(project)["project"]["version"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Mailroom))
