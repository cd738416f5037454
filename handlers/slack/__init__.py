"""Everything that is Slack: listeners in, views and notices out."""

from bot.services import Services
from handlers.slack.approvers import Approvers
from handlers.slack.canvases import SlackCanvases
from handlers.slack.dispatch.listeners import Listeners
from handlers.slack.dispatch.registration import Subcommand
from handlers.slack.dispatch.user_directory import UserDirectory
from handlers.slack.file_transfer import Files
from handlers.slack.flows.alerts import AlertFlow
from handlers.slack.flows.api_tokens import ApiTokenFlow
from handlers.slack.flows.appearance.look import LookFlow
from handlers.slack.flows.approval import ApprovalFlow
from handlers.slack.flows.audiences import AudienceFlow
from handlers.slack.flows.broadcasts import BroadcastFlow
from handlers.slack.flows.check import CheckFlow
from handlers.slack.flows.compose import Composer
from handlers.slack.flows.drafts import DraftFlow
from handlers.slack.flows.mailer.connect import ConnectFlow
from handlers.slack.flows.mailer.identities import IdentityFlow
from handlers.slack.flows.mailer.identity_recovery import IdentityRecoveryFlow
from handlers.slack.flows.mailer.production_access import ProductionAccessFlow
from handlers.slack.flows.mailer.sender_rules import SenderRulesFlow
from handlers.slack.flows.mailer.status_card import StatusFlow, help_word
from handlers.slack.flows.operation.restored import RestoredFlow
from handlers.slack.flows.people.person import PersonFlow
from handlers.slack.flows.people.suppression_import import SuppressionImportFlow
from handlers.slack.flows.people.suppressions import SuppressionFlow
from handlers.slack.flows.reports import ReportFlow
from handlers.slack.flows.sample_send import SendTestFlow
from handlers.slack.flows.selection.chosen import ChosenSelections
from handlers.slack.flows.selection.filter_form import FilterFlow
from handlers.slack.flows.team_settings import TeamSettingsFlow
from handlers.slack.flows.use_as_audience import UseAsAudienceFlow
from handlers.slack.flows.webhook import WebhookFlow


def register(listeners: Listeners, services: Services, people: UserDirectory, files: Files) -> None:
    """Register every command, button and form, one flow after the other."""
    mailers, overviews, public_url = services.mailers, services.overviews, services.public_url
    status = StatusFlow(overviews, public_url)
    connect = ConnectFlow(
        mailers,
        services.connections,
        services.connect_drafts,
        services.role_offers,
        services.broadcasts,
        services.approval_requests,
        services.removal,
    )
    identities = IdentityFlow(mailers, services.identities, services.forwarding)
    production = ProductionAccessFlow(services.production, mailers)
    lists = services.suppression_csv
    person = PersonFlow(services.people, files)
    suppressions = SuppressionFlow(services.suppressions, services.suppression_lookup, lists, files)
    approvers = Approvers(services.team_rules, people)
    team = TeamSettingsFlow(services.team_rules, services.looks, services.webhooks, approvers)
    api = ApiTokenFlow(services.tokens, public_url)
    selections = ChosenSelections(services.audiences, services.open_forms)
    composer = Composer(
        overviews=overviews,
        monitor=services.monitor,
        audiences=services.audiences,
        broadcasts=services.broadcasts,
        canvases=SlackCanvases(services.canvases, files),
        files=files,
        fetch_image=services.fetch_image,
        selections=selections,
    )
    broadcasts = BroadcastFlow(
        composer=composer,
        broadcasts=services.broadcasts,
        drafts=services.drafts,
        audiences=services.audiences,
        files=files,
        clock=services.db.now,
        undo_seconds=services.undo_seconds,
        one_click=bool(public_url),
    )
    approval = ApprovalFlow(
        composing=broadcasts,
        requests=services.approval_requests,
        follow_up=services.approval_follow_up,
        approvers=approvers,
        drafts=services.drafts,
        clock=services.db.now,
    )
    drafts = DraftFlow(
        composer=composer,
        composing=broadcasts,
        broadcasts=services.broadcasts,
        drafts=services.drafts,
        clock=services.db.now,
    )
    tests = SendTestFlow(composer=composer, overviews=overviews, broadcasts=services.broadcasts)
    reports = ReportFlow(reports=services.reports, resends=services.resends)
    only_where = FilterFlow(
        selections=selections,
        open_forms=services.open_forms,
        audiences=services.audiences,
        broadcasts=services.broadcasts,
        drafts=services.drafts,
    )
    audiences = AudienceFlow(services.audiences, services.revisions, files, services.db.now)
    for flow in (
        connect,
        identities,
        production,
        team,
        api,
        broadcasts,
        approval,
        drafts,
        only_where,
        tests,
        reports,
        audiences,
        suppressions,
        SuppressionImportFlow(lists, files),
        person,
        IdentityRecoveryFlow(services.identity_recovery, services.identities, mailers),
        AlertFlow(services.incidents, services.monitor, mailers, overviews),
        SenderRulesFlow(services.sender_rules),
        WebhookFlow(services.webhooks),
        LookFlow(services.looks, files),
        RestoredFlow(services.restorations),
        CheckFlow(
            broadcasts=services.broadcasts,
            previews=services.previews,
            mails=services.mail_me_one,
            missing=services.missing_values,
            files=files,
        ),
        UseAsAudienceFlow(composer=composer, broadcasts=services.broadcasts, files=files),
    ):
        for listener in flow.listeners():
            listeners.add(listener)
    mailer = [*status.words(), *connect.words(), *identities.words(), *production.words(), *suppressions.words()]
    mailer += [*person.words()]
    mailer += [*team.words(), *api.words()]
    _command(listeners, "/mailer", mailer)
    broadcast = [*broadcasts.words(), *drafts.words(), *tests.words(), *reports.words(), *audiences.words()]
    _command(listeners, "/broadcast", broadcast)


def _command(listeners: Listeners, name: str, words: list[Subcommand]) -> None:
    helping = help_word(name, words)
    listeners.command(name, [*words, helping], unknown=helping)
