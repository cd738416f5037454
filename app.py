"""Mailroom's composition root: starts and stops what each floor builds. `python app.py --help` names the commands."""

import gc

gc.disable()  # a fifth of a start went into looking through what is being imported, which stays

import asyncio
import logging
import sys
import tomllib
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

from bot.broadcast.approval.follow_up import APPROVERS_TICK
from bot.broadcast.content.remote_images import FetchImage
from bot.feedback.event_collector import WAIT_SECONDS
from bot.housekeeping import Housekeeping
from bot.public_addresses import networks
from bot.scheduler import Scheduler
from bot.services import Services
from bot.ses.sns_messages import Fetch
from bot.settings import Settings
from bot.tasks import Tasks
from handlers.cli.commands import main
from handlers.http.listener import HttpListener
from handlers.http.sns import fetch_certificate
from handlers.image_fetcher import ImageFetcher
from handlers.slack.app import SlackApp
from handlers.slack.dispatch.registration import AS_LONG_AS_SLACK_WAITS, AckTimeouts
from handlers.webhook_receiver import WebhookReceiver
from storage import Database, leases, load_keys
from storage.journal import Journal
from storage.key_rotation import check_keys
from storage.link_keys import link_keys, people_key

gc.freeze()
gc.enable()

log = logging.getLogger("mailroom")

FINISH_SECONDS = 25.0  # a send under way has 20 s to be answered


class Mailroom:
    """Everything, built once. `start` serves until `stop`; `scheduler.start` sets it going by itself.

    Args:
        settings: as loaded.
        clock: None is the database's own, which all replicas share.
        sleep: how the dispatcher waits, and connecting for a role made just now.
        event_wait: seconds that one look into a queue of events waits for the first one.
        fetch: gets the certificates that SNS signs with.
        fetch_image: gets the images that a page shows from elsewhere.
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
        fetch_image: FetchImage | None = None,
        patience: AckTimeouts = AS_LONG_AS_SLACK_WAITS,
    ) -> None:
        self.settings = settings
        self.db = Database(settings.database_url, clock=clock) if clock else Database(settings.database_url)
        self.keys = load_keys(settings.mailroom_keys, self.db.path)
        self.journal = Journal(settings.mailroom_suppression_journal, self.keys)
        self.tasks = Tasks()
        self.scheduler = Scheduler()
        self.services = Services(
            settings,
            self.db,
            self.keys,
            fetch,
            fetch_image or ImageFetcher(),
            WebhookReceiver(networks(settings.mailroom_webhook_networks)),
            sleep=sleep,
            event_wait=event_wait,
        )
        self.slack = SlackApp(settings, self.services, self.tasks, patience)
        self.http = HttpListener(
            settings,
            self.services,
            slack=self.slack.inbound,
            install=self.slack.installing,
            checks={"scheduler": self.scheduler.check, "slack": self.slack.check},
            version=_version(),
        )
        services = self.services
        self.housekeeping = Housekeeping(
            self.db,
            services.connect_drafts,
            services.open_forms,
            services.drafts,
            services.audiences,
            services.tokens,
            services.webhooks,
            services.retention,
        )
        for seconds, name, tick in (
            (1, "outbox", self.slack.notifier.tick),
            (1, "files", self.slack.uploader.tick),
            (1, "engine", self.services.dispatcher.tick),
            (1, "channels", self.slack.channel_life.tick),
            (5, "socket", self.slack.watch),
            (5, "home", self.slack.home.tick),
            (1, "monitor", self.services.monitor.tick),
            (5, "mending", self.services.identity_recovery.tick),
            (1, "feedback", self.services.event_collector.tick),
            (5, "chores", self.services.periodic_jobs.tick),
            (5, "erasures", self.services.erasures.tick),
            (1, "connections", self.http.connections.tick),
            (1, "webhooks", self.services.webhook_delivery.tick),
            (5, "approval", self.services.approval_follow_up.tick),
            (3600, APPROVERS_TICK, self.slack.watch_approvers),
            (60, "rotation", self.slack.renew_tokens),
            (60, "ops channel", self.slack.ops_channel.tick),
            (3600, "tokens", self.slack.watch_tokens),
            (60, "behind", self.housekeeping.rouse),
            (3600, "forget", self.housekeeping.purge),
        ):
            self.scheduler.every(seconds, name, tick)
        self.db.wake = self.scheduler.wake

    async def open(self) -> None:
        """Open the database: migrated, and with the right keys."""
        await self.db.start()
        if self.settings.mailroom_suppression_journal:
            self.journal.open()
            self.db.journal = self.journal.append
        await check_keys(self.db, self.keys)
        self.services.link_keys[:] = await link_keys(self.db, self.keys)
        self.db.people_key = await people_key(self.db, self.keys)
        if self.db.path:
            async with self.db.write() as session:
                await leases.reclaim_all(session, session.now)
            await self.services.audiences.tidy(alone=True)

    async def start(self) -> None:
        """Serve HTTP and connect to Slack."""
        await self.open()
        await self.slack.channel_life.start()
        await self.http.start()
        await self.slack.connect()
        log.info("ready, %s mode, on port %s", "Socket" if self.settings.socket_mode else "HTTP", self.http.port)

    async def stop(self) -> None:
        """Take nothing new, finish what is under way, close."""
        self.scheduler.stop()  # /readyz says so
        self.http.connections.draining = True
        await asyncio.sleep(self.settings.mailroom_drain_seconds)
        await self.slack.disconnect()
        await self.http.stop()
        monitor, jobs = self.services.monitor, self.services.periodic_jobs
        recovery, collector = self.services.identity_recovery, self.services.event_collector
        webhooks, erasures = self.services.webhook_delivery, self.services.erasures
        for poller in (monitor, jobs, recovery, collector, webhooks, erasures, self.slack.channel_life):
            await poller.stop(0)  # what is under way is due again when its lease ends
        await self.scheduler.finish(FINISH_SECONDS)
        await self.services.dispatcher.stop()
        await self.slack.uploader.stop(FINISH_SECONDS)
        await self.tasks.finish(FINISH_SECONDS)
        self.services.close()
        await self.db.stop()
        self.journal.close()


def _version() -> str:
    project = (Path(__file__).parent / "pyproject.toml").read_text()
    return str(tomllib.loads(project)["project"]["version"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Mailroom))
