"""The Slack side, built once: Bolt with its listeners, and what posts and uploads."""

from functools import partial

from slack_bolt.async_app import AsyncApp

from bot.services import Services
from bot.settings import Settings
from bot.tasks import Tasks
from handlers.slack import register
from handlers.slack.approvers import Approvers, watch_approvers
from handlers.slack.dispatch.authorization import Authorizer
from handlers.slack.dispatch.http_receiver import HttpReceiver
from handlers.slack.dispatch.listeners import Listeners
from handlers.slack.dispatch.registration import AckTimeouts
from handlers.slack.dispatch.socket_connection import SocketConnection
from handlers.slack.dispatch.user_directory import UserDirectory
from handlers.slack.file_transfer import Files
from handlers.slack.flows.channel_lifecycle import ChannelLife
from handlers.slack.flows.home import Home
from handlers.slack.oauth.installing import Installing
from handlers.slack.oauth.many_workspaces import Authorization, ManyWorkspaces
from handlers.slack.oauth.token_rotation import TokenRotation
from handlers.slack.ops_channel import OpsChannelWatch
from handlers.slack.outbound.file_renderer import FileRenderer
from handlers.slack.outbound.file_uploader import Uploader
from handlers.slack.outbound.message_renderer import MessageRenderer
from handlers.slack.outbound.notifier import Notifier
from handlers.slack.token_watch import watch_tokens
from handlers.slack.web_client import web_client
from handlers.slack.workspaces import OneWorkspace, Workspaces
from storage import Secret

NOT_INSTALLED = ":warning: Mailroom is not installed in this workspace any more. Please ask one of its admins."


class SlackApp:
    """Takes what Slack sends, over HTTP (`inbound`) or in Socket Mode, and holds what is ticked.

    Args:
        patience: how long people wait for an answer before they see that it takes a while.
    """

    def __init__(self, settings: Settings, services: Services, tasks: Tasks, patience: AckTimeouts) -> None:
        db, people, files = services.db, UserDirectory(services.seconds), Files(settings.slack_api_url)
        self.installing: Installing | None = None
        self._rotation: TokenRotation | None = None
        self.bolt, workspaces = (self._many if settings.by_oauth else self._one)(settings, services)
        self.workspaces = workspaces
        self.listeners = Listeners(
            self.bolt,
            authorizer=Authorizer(people, services.teams, workspaces),
            teams=services.teams,
            tasks=tasks,
            db=db,
            patience=patience,
        )
        register(self.listeners, services, people, files)
        self.home = Home(
            services.dashboard,
            services.teams,
            people,
            workspaces.client,
            db.now,
            one_click=bool(settings.public_url),
        )
        self.home.register(self.listeners)
        self.channel_life = ChannelLife(db, people, workspaces, services.approval_follow_up)
        self.channel_life.register(self.listeners)
        approvers = Approvers(services.team_rules, people)
        self.watch_approvers = partial(watch_approvers, services.approval_follow_up, approvers, workspaces.client)
        self.watch_tokens = partial(watch_tokens, services.tokens, approvers, workspaces.client)
        self.ops_channel = OpsChannelWatch(db, services.teams, workspaces, settings.ops_channel)
        self.notifier = Notifier(db, workspaces.client, MessageRenderer(services.broadcasts))
        self.uploader = Uploader(db, workspaces.client, files, FileRenderer(db))
        self.inbound = None if settings.socket_mode else HttpReceiver(self.bolt)
        self.socket = SocketConnection(self.bolt, settings.slack_app_token, db.now) if settings.socket_mode else None

    def _one(self, settings: Settings, services: Services) -> tuple[AsyncApp, Workspaces]:
        client, secret = web_client(settings, settings.slack_bot_token), settings.slack_signing_secret.reveal() or None
        bolt = AsyncApp(name="slack_bolt", client=client, signing_secret=secret)
        return bolt, OneWorkspace(client, services.workspace_urls)

    def _many(self, settings: Settings, services: Services) -> tuple[AsyncApp, Workspaces]:
        db, installations = services.db, services.installations
        self._rotation = TokenRotation(settings, installations, db.now)
        self.installing = Installing(settings, installations, db, services.link_keys)
        workspaces = ManyWorkspaces(settings, installations, self._rotation, db.now, services.workspace_urls)
        bolt = AsyncApp(
            name="slack_bolt",
            client=web_client(settings, Secret("")),
            signing_secret=settings.slack_signing_secret.reveal() or None,
            authorize=Authorization(workspaces),  # type: ignore[arg-type]  # its own class, and takes it as such
            oauth_settings=self.installing.flow.settings,
            oauth_flow=self.installing.flow,
            user_facing_authorize_error_message=NOT_INSTALLED,
        )
        return bolt, workspaces

    async def renew_tokens(self) -> None:
        """Renew the tokens that end soon, where any do."""
        if self._rotation is not None:
            await self._rotation.tick()

    async def connect(self) -> None:
        """Open the socket, where Slack does not come over HTTP."""
        if self.socket is not None:
            await self.socket.open()

    async def disconnect(self) -> None:
        if self.socket is not None:
            await self.socket.close()

    async def watch(self) -> None:
        """Have the socket mended where it has been gone for long."""
        if self.socket is not None:
            await self.socket.watch()

    async def check(self) -> str:
        """Say what is wrong with the connection; empty where nothing is."""
        return "" if self.socket is None else await self.socket.check()
