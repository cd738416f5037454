"""What the Slack flows may call; `app.py` builds it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.alerts.incidents import Incidents
from bot.api_tokens import ApiTokens
from bot.broadcast.audiences import Audiences
from bot.broadcast.plan import Broadcasts
from bot.broadcast.reports import Reports
from bot.broadcast.resend import Resends
from bot.broadcast.suppressions import Suppressions
from bot.mailer.connection import Connections
from bot.mailer.drafts import ConnectDrafts
from bot.mailer.hearing import Hearing
from bot.mailer.identities import Identities
from bot.mailer.mending import Mending
from bot.mailer.monitor import Monitor
from bot.mailer.overview import Overviews
from bot.mailer.production import ProductionAccess
from bot.mailer.records import Mailers
from bot.mailer.removal import Removal
from bot.mailer.roles import RoleOffers
from bot.team_settings import TeamRules
from handlers.slack.files import Files
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
    mending: Mending
    incidents: Incidents
    hearing: Hearing
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
