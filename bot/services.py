"""The services of this floor, each built once, with what it needs."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from bot.alerts.incidents import Incidents
from bot.api.idempotency import IdempotencyKeys
from bot.api.queries import ApiQueries
from bot.api.tokens import ApiTokens
from bot.broadcast.approval.follow_up import ApprovalFollowUp
from bot.broadcast.approval.requests import ApprovalRequests
from bot.broadcast.audience.revisions.revisions import Revisions
from bot.broadcast.audience.saved import Audiences
from bot.broadcast.audience.selection.open_forms import OpenForms
from bot.broadcast.broadcasts import Broadcasts
from bot.broadcast.canvases import Canvases
from bot.broadcast.content.message import PersonalizerCache
from bot.broadcast.content.remote_images import FetchImage
from bot.broadcast.delivery.dispatcher import Dispatcher
from bot.broadcast.drafts import Drafts
from bot.broadcast.identity_dependents import IdentityDependents
from bot.broadcast.mail_me_one import MailMeOne
from bot.broadcast.preflight import Preflight
from bot.broadcast.preview import Previews
from bot.broadcast.reporting.history import Reports
from bot.broadcast.reporting.missing_values import MissingValues
from bot.broadcast.resend import Resends
from bot.broadcast.restored.restorations import Restorations
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
from bot.mailer.identities.sender_rules import SenderRules
from bot.mailer.mailers import Mailers
from bot.mailer.monitoring.feedback_probe import FeedbackProbe
from bot.mailer.monitoring.monitor import Monitor
from bot.mailer.monitoring.periodic_jobs import PeriodicJobs
from bot.mailer.monitoring.poll_schedule import PollIntervals
from bot.mailer.readiness.overview import Overviews
from bot.people.erasure import Erasures
from bot.people.person import PersonLookup
from bot.people.retention import Retention
from bot.people.suppression_csv import SuppressionCsv
from bot.ses.client import SesClients
from bot.ses.sns_messages import Certificates, Fetch
from bot.settings import Settings
from bot.signed_tokens import Key
from bot.suppression.account_list_sync import AccountListSync
from bot.suppression.lookup import SuppressionLookup
from bot.suppression.suppression_list import Suppressions
from bot.teams.directory import Teams
from bot.teams.installations import Installations
from bot.teams.looks import TeamLooks
from bot.teams.settings import TeamRules
from bot.webhooks.delivery import WebhookDelivery
from bot.webhooks.receiver import Receiver
from bot.webhooks.signing import WebhookSecrets
from bot.webhooks.webhooks import Webhooks
from storage import Database, KeyRing, PollKind

Sleep = Callable[[float], Awaitable[None]]


class Services:
    """What handlers call and the scheduler ticks.

    Args:
        settings: as loaded.
        db: may still be closed.
        keys: that seal credentials.
        fetch: gets the certificates that SNS signs with.
        fetch_image: gets the images that a page shows from elsewhere.
        receiver: reaches those of webhooks.
        sleep: how the dispatcher waits, and connecting for a role made just now.
        event_wait: seconds that one look into a queue of events waits for the first one.
    """

    def __init__(
        self,
        settings: Settings,
        db: Database,
        keys: KeyRing,
        fetch: Fetch,
        fetch_image: FetchImage,
        receiver: Receiver,
        *,
        sleep: Sleep = asyncio.sleep,
        event_wait: int = WAIT_SECONDS,
    ) -> None:
        self.db = db
        self.public_url, self.undo_seconds = settings.public_url, settings.mailroom_undo_seconds
        self.fetch_image = fetch_image
        self.workspace_urls: dict[str, str] = {}  # Slack's, by workspace, as soon as Slack has said so
        self.link_keys: list[Key] = []  # read when the database is open
        self.clients = SesClients(seconds=self.seconds, sleep=sleep)
        self.polling_clients = SesClients(threads=FEEDBACK_THREADS, seconds=self.seconds, sleep=sleep)
        self._build_mailer(settings, keys, sleep)
        self._build_broadcast(settings, sleep)
        self._build_feedback(keys, fetch, event_wait)
        self.incidents = Incidents(db)
        self.teams = Teams(db)
        self.installations = Installations(db, keys)
        self.team_rules = TeamRules(db, settings.policy)
        self.looks = TeamLooks(db)
        self.tokens = ApiTokens(db)
        self.idempotency = IdempotencyKeys(db)
        self.queries = ApiQueries(db)
        secrets = WebhookSecrets(keys)
        self.webhooks = Webhooks(db, secrets, receiver)
        self.webhook_delivery = WebhookDelivery(db, secrets, receiver)
        self.dashboard = Dashboard(db, self.overviews)

    def _build_mailer(self, settings: Settings, keys: KeyRing, sleep: Sleep) -> None:
        db = self.db
        credential_store = CredentialStore(keys, self.clients)
        pending, healthy = settings.mailroom_poll_pending_seconds, settings.mailroom_poll_healthy_seconds
        self.mailers = Mailers(
            db, credential_store, pending_seconds=pending, public_url=settings.public_url, sleep=sleep
        )
        self.overviews = Overviews(
            self.mailers,
            db.now,
            small_limit=settings.mailroom_small_broadcast_limit,
            healthy_seconds=healthy,
            one_click=bool(settings.public_url),
        )
        intervals = PollIntervals(
            pending=timedelta(seconds=pending),
            in_review=timedelta(seconds=settings.mailroom_poll_review_seconds),
            healthy=timedelta(seconds=healthy),
        )
        self.monitor = Monitor(db, self.mailers, intervals)
        self.connections = Connections(
            db, self.mailers, credential_store, self.clients, self._forget_credentials, sleep
        )
        self.connect_drafts = ConnectDrafts(db)
        self.role_offers = RoleOffers(db, self.clients, settings.mailroom_role_template_url)
        self.removal = Removal(db, self.mailers, self._forget_credentials)
        self.production = ProductionAccess(db, self.mailers)
        resolver = Resolver(settings.mailroom_dns_server)
        self.identities = Identities(db, self.mailers, resolver)
        self.sender_rules = SenderRules(db, self.mailers, resolver, one_click=bool(settings.public_url))
        self.identity_recovery = IdentityRecovery(
            db,
            self.mailers,
            IdentityDependents(
                undo_seconds=settings.mailroom_undo_seconds,
                call_bytes=settings.mailroom_call_bytes,
                policy=settings.policy,
            ),
        )
        self.forwarding = FeedbackForwarding(db, self.mailers, sleep)
        self.suppressions = Suppressions(db, self.mailers, self.link_keys)
        self.suppression_lookup = SuppressionLookup(db)
        self.suppression_csv = SuppressionCsv(db)
        self.people = PersonLookup(db)
        self.erasures = Erasures(db)
        self.retention = Retention(db)
        self.periodic_jobs = PeriodicJobs(
            db,
            {
                PollKind.SELF_TEST: FeedbackProbe(db, self.mailers),
                PollKind.SUPPRESSIONS: AccountListSync(db, self.mailers, sleep),
                PollKind.FORWARDING: self.forwarding,
                PollKind.SENDER_RULES: self.sender_rules,
            },
        )

    def _build_broadcast(self, settings: Settings, sleep: Sleep) -> None:
        db = self.db
        preflight = Preflight(self.mailers, self.monitor, self.overviews, self.sender_rules, settings.policy)
        self.broadcasts = Broadcasts(
            db,
            preflight,
            undo_seconds=settings.mailroom_undo_seconds,
            test_limit=settings.mailroom_test_limit,
            public_url=settings.public_url,
            call_bytes=settings.mailroom_call_bytes,
        )
        self.approval_requests = ApprovalRequests(
            db, preflight, self.broadcasts, undo_seconds=settings.mailroom_undo_seconds
        )
        self.approval_follow_up = ApprovalFollowUp(db, settings.policy)
        self.mail_me_one = MailMeOne(db, self.broadcasts)
        self.missing_values = MissingValues(db, self.broadcasts)
        self.canvases = Canvases(db)
        self.previews = Previews(db, self.link_keys, self.public_url)
        self.audiences = Audiences(db)
        self.open_forms = OpenForms(db)
        self.revisions = Revisions(db, self.broadcasts.imports)
        self.drafts = Drafts(db)
        self.resends = Resends(db, preflight)
        self.restorations = Restorations(db, self.broadcasts)
        self.reports = Reports(db)
        self.dispatcher = Dispatcher(
            db,
            self.mailers,
            self.monitor,
            self.overviews,
            PersonalizerCache(self.link_keys, settings.mailroom_call_bytes),
            small_limit=settings.mailroom_small_broadcast_limit,
            sleep=sleep,
        )

    def _build_feedback(self, keys: KeyRing, fetch: Fetch, event_wait: int) -> None:
        db = self.db
        credential_store = CredentialStore(keys, self.polling_clients)
        self.event_collector = EventCollector(db, credential_store, wait_seconds=event_wait)
        self.sns_webhook = SnsWebhook(db, self.mailers, self.event_collector, Certificates(fetch))

    def close(self) -> None:
        """Close the connections to AWS."""
        self.clients.close()
        self.polling_clients.close()

    def seconds(self) -> float:
        """The time, in seconds since the epoch."""
        return self.db.now().timestamp()

    def _forget_credentials(self, mailer_id: str) -> None:
        for clients in (self.clients, self.polling_clients):
            clients.forget(mailer_id)
