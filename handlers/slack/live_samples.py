"""Every modal, home tab and message of Mailroom once, about a made-up team: what `doctor --live` shows to Slack."""

from slack_sdk.models.views import View

from bot.broadcast.draft import Draft
from bot.broadcast.mail_me_one import Offered, Why
from bot.broadcast.preview import LINK_LIVES
from bot.broadcast.reporting.history import ReportPage
from bot.dashboard import Standing
from bot.errors import BotError
from bot.mailer.identities.dns_records import Found, RecordCheck, records_of
from bot.mailer.identities.recovery import RetryOutcome
from bot.mailer.identities.recovery_state import StaleActionError
from bot.ses.cloudformation import RoleOffer
from bot.teams.codes import TeamCode
from bot.teams.settings import History, TeamSettings
from handlers.slack import ids
from handlers.slack.codes import SlackCode
from handlers.slack.live_check import Samples
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
    sample_report,
    sample_resend,
    sample_sender_rules,
    sample_team,
)
from handlers.slack.views import (
    alerts,
    api_tokens,
    audiences,
    audit_log,
    blocks,
    broadcast_message,
    compose,
    confirmations,
    drafts,
    home,
    mail_me_one,
    notices,
    preview,
    reports,
    status_card,
    team_settings,
)
from handlers.slack.views.blocks import Message
from handlers.slack.views.mailer import (
    connect,
    connect_form,
    identities,
    identity_recovery,
    production_access,
    sender_rules,
)
from storage.models import ApiToken, Audit
from storage.states import IncidentKind, SignIn

_CONNECT, _RECONNECT = "Connect Amazon SES", "Reconnect Amazon SES"


def samples() -> Samples:
    """Build them."""
    return Samples(modals=_modals(), homes={"home.dashboard": _dashboard()}, messages=_messages())


def _modals() -> dict[str, View]:
    draft = Draft("hello@example.com", "", "Spring news", "", {})
    role = connect_form.Draft(RoleOffer("999900001111", "mailroom-" + "0" * 32), "eu-west-1")
    key = connect_form.Draft(None, "eu-west-1", SignIn.ACCESS_KEY)
    token = ApiToken(team_id=REF.team_id, name="CI", token_hash="", created_by=SOMEBODY, created_at=AT)
    findings = [RecordCheck(record, Found.MISSING) for record in records_of(sample_identity(), "eu-west-1")]
    return {
        "alerts.checking_events": alerts.checking_events(),
        "api_tokens.tokens_page": api_tokens.tokens_page(
            sample_team(), [token], None, public_url="https://mailroom.example.com"
        ),
        "audiences.saved_audiences": audiences.saved_audiences(REF.team_id, [sample_audience()]),
        "blocks.waiting": blocks.waiting(_CONNECT, "Asking AWS …"),
        "connect.checking": connect.checking(_CONNECT, sample_report().steps),
        "connect.connected": connect.connected(_CONNECT, sample_mailer(), sample_report(), REF),
        "connect.delete_form": connect.delete_form(
            REF, sample_team(), sample_mailer(), [sample_identity()], [sample_broadcast()]
        ),
        "connect.deleted": connect.deleted(["topic mailroom-0"]),
        "identities.add_form": identities.add_form(REF),
        "identities.checked": identities.checked(sample_identity(), findings),
        "identity_recovery.replace_form": identity_recovery.replace_form(REF, sample_identity(), moves=True, asks=True),
        "identity_recovery.replaced": identity_recovery.replaced("example.org", sample_identity(), sample_mailer()),
        "production_access.production_form": production_access.production_form(REF),
        "reports.on_its_way": reports.on_its_way("Resend failed"),
        "reports.resend_form": reports.resend_form(REF, sample_resend()),
        "reports.send_again_form": reports.send_again_form(REF, sample_resend()),
        "confirmations.confirmation": confirmations.confirmation(sample_prepared(), REF, one_click=True),
        "confirmations.confirmed": confirmations.confirmed(30, scheduled=False),
        "drafts.saved": drafts.saved(sample_broadcast()),
        "confirmations.not_read_again": confirmations.not_read_again(
            sample_broadcast(), BotError(SlackCode.FILE_UNREADABLE, "It is gone.")
        ),
        "compose.test_sent": compose.test_sent(2),
        "compose.choose_file_form": compose.choose_file_form(
            REF, {"F0000000001": "june.csv", "F0000000002": "july.csv"}
        ),
        "compose.write_broadcast_form, held": compose.write_broadcast_form(
            REF, draft, hint="example.com", saved=[], chosen=compose.Recipients(held=sample_audience())
        ),
        "compose.write_broadcast_form": compose.write_broadcast_form(
            REF, draft, hint="example.com", saved=[sample_audience()]
        ),
        "compose.write_test_form": compose.write_test_form(REF, draft, to="ann@example.com", hint="example.com"),
        "connect_form.credentials_form, key": connect_form.credentials_form(ids.Form.CONNECT, _CONNECT, REF, key),
        "connect_form.credentials_form, role": connect_form.credentials_form(
            ids.Form.RECONNECT, _RECONNECT, REF, role, report=sample_report()
        ),
        "mail_me_one.mail_me_one_form": mail_me_one.mail_me_one_form(
            REF, [Offered(Why.LONGEST, 1, "ann@example.com")], send_to="me@example.com"
        ),
        "preview.preview_link": preview.preview_link("https://mailroom.example.com/p/x", LINK_LIVES),
        "preview.preview_sent": preview.preview_sent(sent=True),
        "sender_rules.sender_rules": sender_rules.sender_rules(sample_sender_rules(), REF),
        "status_card.looked": status_card.looked(sample_overview()),
        "team_settings.admins_form": team_settings.admins_form(REF, []),
        "team_settings.admins_saved": team_settings.admins_saved({SOMEBODY}, set()),
        "team_settings.settings_form": team_settings.settings_form(REF, TeamSettings.of(sample_team())),
        "team_settings.settings_saved": team_settings.settings_saved(),
    }


def _dashboard() -> View:
    return home.dashboard([Standing(sample_overview(), sample_broadcast())], 0, one_click=True)


def _messages() -> dict[str, Message]:
    identity, mailer = sample_identity(), sample_mailer()
    audit = Audit(team_id=REF.team_id, at=AT, actor=SOMEBODY, action="mailer.connect")
    page = ReportPage([sample_progress()], 0, 1)
    said = {
        "alerts.gone": alerts.gone(),
        "alerts.stranded": alerts.stranded("news", [sample_incident(IncidentKind.ACCESS_LOST)]),
        "broadcast_message.progress": broadcast_message.progress(sample_progress()),
        "blocks.refusal": blocks.refusal(BotError(TeamCode.NOT_FOUND, "It is not there any more.", "Look at /mailer.")),
        "blocks.said": blocks.said("Nothing was changed."),
        "connect.already": connect.already(mailer, REF),
        "audit_log.history": audit_log.history(History([audit], {}, {})),
        "identities.added": identities.added(identity, records_of(identity, mailer.region)),
        "identities.replaced": identities.replaced(identity),
        "identities.superseded": identities.superseded(identity),
        "identity_recovery.retried": identity_recovery.retried(RetryOutcome(identity, again=True)),
        "identity_recovery.too_late": identity_recovery.too_late(StaleActionError("Somebody was faster.", SOMEBODY)),
        "notices.account_shared": notices.account_shared(mailer, sample_team(), [sample_team()]),
        "notices.applied": notices.applied(),
        "notices.connected": notices.connected(mailer),
        "notices.deleted": notices.deleted(),
        "notices.granted": notices.granted(mailer),
        "notices.identity_verified": notices.identity_verified(identity, mailer),
        "notices.reconnected": notices.reconnected(mailer, [sample_broadcast()]),
        "notices.shared": notices.shared(),
        "reports.broadcasts_page": reports.broadcasts_page(REF.team_id, page, replaces=False),
        "drafts.draft_list": drafts.draft_list([(sample_broadcast(), sample_audience())], 1),
        "drafts.discarded": drafts.discarded(sample_broadcast()),
        "drafts.ends_soon": drafts.ends_soon(sample_broadcast()),
        "reports.list_asked": reports.list_asked(),
        "reports.list_comes": reports.list_comes(sample_broadcast(), 20_000, AT),
        "compose.audience_is_read": compose.audience_is_read(REF, sample_audience()),
        "confirmations.draft_waits": confirmations.draft_waits(sample_prepared(), REF),
        "status_card.card": status_card.card(sample_overview()),
        "status_card.help_text": status_card.help_text("/mailer", [("connect", "connects an AWS account")]),
        "status_card.not_ready": status_card.not_ready(sample_overview()),
    }
    for kind in IncidentKind:
        said |= {
            f"alerts.alert, {kind}": alerts.alert(sample_incident(kind)),
            f"alerts.over, {kind}": alerts.over(sample_incident(kind)),
            f"alerts.reminder, {kind}": alerts.reminder(sample_incident(kind)),
        }
    return said
