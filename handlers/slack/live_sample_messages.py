"""Every message of Mailroom once, about the made-up team of `live_samples`."""

from dataclasses import replace

from bot.broadcast.audience.revisions.comparison import Counts
from bot.broadcast.audience.token_notices import AudienceDay
from bot.broadcast.reporting.history import ReportPage
from bot.errors import BotError
from bot.mailer.identities.recovery import RetryOutcome
from bot.mailer.identities.recovery_state import StaleActionError
from bot.mailer.identity_records import records_of
from bot.teams.codes import TeamCode
from bot.teams.fleet import FleetMember, FleetState
from bot.teams.settings import History
from handlers.slack.sample_rows import (
    AT,
    REF,
    SOMEBODY,
    sample_audience,
    sample_broadcast,
    sample_identity,
    sample_incident,
    sample_mailer,
    sample_overview,
    sample_prepared,
    sample_progress,
    sample_request,
    sample_restoration,
    sample_step,
    sample_team,
    sample_token,
)
from handlers.slack.views import (
    alerts,
    api_tokens,
    audiences,
    audit_log,
    blocks,
    broadcast_message,
    confirmations,
    drafts,
    notices,
    reports,
)
from handlers.slack.views.approval import requests as approval_requests
from handlers.slack.views.approval import settings as approval_settings
from handlers.slack.views.blocks import Message
from handlers.slack.views.mailer import (
    connect,
    identities,
    identity_recovery,
    status_card,
)
from handlers.slack.views.operation import ops_channel, restored
from storage import Audit, IncidentKind


def sample_messages() -> dict[str, Message]:
    identity, mailer = sample_identity(), sample_mailer()
    audit = Audit(team_id=REF.team_id, at=AT, actor=SOMEBODY, action="mailer.connect")
    page = ReportPage([sample_progress()], 0, 1)
    said = {
        "alerts.mailer_deleted_message": alerts.mailer_deleted_message(),
        "alerts.unreachable_channel_message": alerts.unreachable_channel_message(
            "news", [sample_incident(IncidentKind.ACCESS_LOST)]
        ),
        "broadcast_message.progress_message": broadcast_message.progress_message(sample_progress()),
        "broadcast_message.progress_message, request": broadcast_message.progress_message(
            replace(sample_progress(), broadcast=sample_request())
        ),
        "requests.step_message": approval_requests.step_message(
            sample_step("broadcast.request_changes"), sample_request(), {}
        ),
        "requests.reminder_message": approval_requests.reminder_message(sample_request()),
        "requests.goes_on_message": approval_requests.goes_on_message(sample_request()),
        "requests.approvers_missing_message": approval_requests.approvers_missing_message(sample_request(), [SOMEBODY]),
        "settings.approval_changed_message": approval_settings.approval_changed_message(
            sample_step("team.settings"), sample_team()
        ),
        "api_tokens.token_ends_message": api_tokens.token_ends_message(sample_token()),
        "api_tokens.suppressions_message": api_tokens.suppressions_message(sample_token(), AT.date(), 4_120, 3),
        "api_tokens.audience_message": api_tokens.audience_message(
            sample_token(), AT.date(), AudienceDay("Customers", 312, 40, 0, 19_904)
        ),
        "api_tokens.maker_gone_message": api_tokens.maker_gone_message(sample_token(), sample_team()),
        "ops_channel.ops_alert_message": ops_channel.ops_alert_message(
            sample_incident(IncidentKind.ACCESS_LOST), sample_team()
        ),
        "ops_channel.ops_alert_gone_message": ops_channel.ops_alert_gone_message(),
        "ops_channel.ops_daily_message": ops_channel.ops_daily_message(
            [FleetMember(sample_team(), FleetState.READY), FleetMember(sample_team(), FleetState.ACCESS_LOST)]
        ),
        "restored.question_message": restored.question_message(sample_restoration(), [sample_broadcast()]),
        "restored.went_on_message": restored.went_on_message(
            [(sample_broadcast(), BotError(TeamCode.NOT_FOUND, "It is gone."))]
        ),
        "blocks.error_message": blocks.error_message(
            BotError(TeamCode.NOT_FOUND, "It is not there any more.", "Look at /mailer.")
        ),
        "blocks.text_message": blocks.text_message("Nothing was changed."),
        "connect.already_connected_message": connect.already_connected_message(mailer, REF),
        "audit_log.history_message": audit_log.history_message(History([audit], {}, {})),
        "identities.identity_message": identities.identity_message(identity, records_of(identity, mailer.region)),
        "identities.replaced_message": identities.replaced_message(identity),
        "identities.superseded_message": identities.superseded_message(identity),
        "identity_recovery.retried_message": identity_recovery.retried_message(RetryOutcome(identity, again=True)),
        "identity_recovery.too_late_message": identity_recovery.too_late_message(
            StaleActionError("Somebody was faster.", SOMEBODY)
        ),
        "notices.account_shared_message": notices.account_shared_message(mailer, sample_team(), [sample_team()]),
        "notices.production_requested_message": notices.production_requested_message(),
        "notices.connected_message": notices.connected_message(mailer),
        "notices.mailer_deleted_message": notices.mailer_deleted_message(),
        "notices.production_granted_message": notices.production_granted_message(mailer),
        "notices.identity_verified_message": notices.identity_verified_message(identity, mailer),
        "notices.reconnected_message": notices.reconnected_message(mailer, [sample_broadcast()]),
        "notices.channel_shared_message": notices.channel_shared_message(),
        "reports.broadcasts_message": reports.broadcasts_message(REF.team_id, page, replaces=False),
        "drafts.drafts_message": drafts.drafts_message([(sample_broadcast(), sample_audience())], 1, {}),
        "drafts.discarded_message": drafts.discarded_message(sample_broadcast()),
        "drafts.ends_soon_message": drafts.ends_soon_message(sample_broadcast()),
        "reports.export_requested_message": reports.export_requested_message(),
        "reports.export_message": reports.export_message(sample_broadcast(), 20_000, AT),
        "audiences.audience_read_message": audiences.audience_read_message(REF, sample_audience()),
        "audiences.changes_read_message": audiences.changes_read_message(REF, "Newsletter", Counts(312, 40)),
        "confirmations.draft_waits_message": confirmations.draft_waits_message(sample_prepared(), REF),
        "status_card.status_message": status_card.status_message(sample_overview()),
        "status_card.help_message": status_card.help_message("/mailer", [("connect", "connects an AWS account")]),
        "status_card.not_ready_message": status_card.not_ready_message(sample_overview()),
    }
    for kind in IncidentKind:
        said |= {
            f"alerts.alert_message, {kind}": alerts.alert_message(sample_incident(kind)),
            f"alerts.resolved_message, {kind}": alerts.resolved_message(sample_incident(kind)),
            f"alerts.reminder_message, {kind}": alerts.reminder_message(sample_incident(kind)),
        }
    return said
