"""What the Slack flows may call; `app.py` builds it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.alerts.incidents import Incidents
from bot.api.tokens import ApiTokens
from bot.broadcast.audience.saved import Audiences
from bot.broadcast.broadcasts import Broadcasts
from bot.broadcast.reporting.history import Reports
from bot.broadcast.resend import Resends
from bot.mailer.connection.connect import Connections
from bot.mailer.connection.credential_drafts import ConnectDrafts
from bot.mailer.connection.disconnect import Removal
from bot.mailer.connection.production_access import ProductionAccess
from bot.mailer.connection.role_setup import RoleOffers
from bot.mailer.identities.feedback_forwarding import FeedbackForwarding
from bot.mailer.identities.management import Identities
from bot.mailer.identities.recovery import IdentityRecovery
from bot.mailer.mailers import Mailers
from bot.mailer.monitoring.feedback_health import FeedbackCheck
from bot.mailer.monitoring.monitor import Monitor
from bot.mailer.readiness.overview import Overviews
from bot.suppression.suppression_list import Suppressions
from bot.teams.settings import TeamRules
from handlers.slack.file_transfer import Files
from storage.database import Database


@dataclass(frozen=True, slots=True)
class Services:
    db: Database
    clock: Callable[[], datetime]
    mailers: Mailers
    overviews: Overviews
    monitor: Monitor
    connections: Connections
    drafts: ConnectDrafts
    role_offers: RoleOffers
    removal: Removal
    identities: Identities
    identity_recovery: IdentityRecovery
    incidents: Incidents
    hearing: FeedbackCheck
    forwarding: FeedbackForwarding
    production: ProductionAccess
    team_rules: TeamRules
    broadcasts: Broadcasts
    audiences: Audiences
    resends: Resends
    reports: Reports
    suppressions: Suppressions
    tokens: ApiTokens
    files: Files
    public_url: str
    undo_seconds: float
