"""Everything that is Slack: listeners in, views and notices out."""

from handlers.slack.api import ApiFlow
from handlers.slack.audiences import AudienceFlow
from handlers.slack.broadcasts import BroadcastFlow
from handlers.slack.connect import ConnectFlow
from handlers.slack.identities import IdentityFlow
from handlers.slack.incidents import IncidentFlow
from handlers.slack.listen import Listeners, Word
from handlers.slack.mending import MendingFlow
from handlers.slack.people import People
from handlers.slack.production import ProductionFlow
from handlers.slack.reports import ReportFlow
from handlers.slack.send_test import SendTestFlow
from handlers.slack.services import Services
from handlers.slack.status import StatusFlow, help_word
from handlers.slack.suppress import SuppressFlow
from handlers.slack.team import TeamFlow


def register(listeners: Listeners, services: Services, people: People) -> None:
    """Register every command, button and form, one flow after the other."""
    status, connect, identities = StatusFlow(services), ConnectFlow(services), IdentityFlow(services)
    production, suppress = ProductionFlow(services), SuppressFlow(services)
    tests, broadcasts = SendTestFlow(services), BroadcastFlow(services)
    api = ApiFlow(services)
    MendingFlow(services).register(listeners)
    team = TeamFlow(services, people)
    team.register(listeners)
    IncidentFlow(services).register(listeners)
    reports, audiences = ReportFlow(services), AudienceFlow(services)
    for flow in (connect, identities, production, tests, broadcasts, reports, audiences, api):
        flow.register(listeners)
    mailer = [*status.words(), *connect.words(), *identities.words(), *production.words(), *suppress.words()]
    mailer += [*team.words(), *api.words()]
    _command(listeners, "/mailer", mailer)
    _command(listeners, "/broadcast", [*broadcasts.words(), *tests.words(), *reports.words(), *audiences.words()])


def _command(listeners: Listeners, name: str, words: list[Word]) -> None:
    helping = help_word(name, words)
    listeners.command(name, [*words, helping], unknown=helping)
