"""Every modal, home tab and message of Mailroom once, about a made-up team: what `doctor --live` shows to Slack."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from slack_sdk.models.views import View

from bot.broadcast.audience.header_detection import Candidate
from bot.broadcast.audience.import_summary import ImportSummary
from bot.broadcast.audience.status_column import Marked
from bot.broadcast.draft import Draft, Prepared, Sample
from bot.broadcast.mail_me_one import Offered, Why
from bot.broadcast.reporting.history import ReportPage
from bot.broadcast.reporting.progress import Progress
from bot.broadcast.resend import Resend
from bot.dashboard import Standing
from bot.errors import BotError
from bot.mailer.identities.dmarc import read_dmarc
from bot.mailer.identities.dns_records import Found, RecordCheck, records_of
from bot.mailer.identities.recovery import RetryOutcome
from bot.mailer.identities.recovery_state import StaleActionError
from bot.mailer.identities.sender_rules import SenderRulesReport, dkim_rule, dmarc_rule, one_click_rule
from bot.mailer.readiness.overview import Overview
from bot.mailer.readiness.rules import facts_from, readiness
from bot.ses.cloudformation import RoleOffer
from bot.ses.operations import FEEDBACK_FORWARDING
from bot.ses.permission_check import AccessReport, ActionCheck, Outcome
from bot.teams.codes import TeamCode
from bot.teams.settings import History, TeamSettings
from handlers.slack import ids
from handlers.slack.codes import SlackCode
from handlers.slack.live_check import Samples
from handlers.slack.views import (
    alerts,
    api_tokens,
    audiences,
    audit_log,
    blocks,
    broadcast_message,
    compose,
    connect,
    connect_form,
    home,
    identities,
    identity_recovery,
    mail_me_one,
    notices,
    production_access,
    reports,
    sender_rules,
    status_card,
    team_settings,
)
from handlers.slack.views.blocks import Message
from storage.models import ApiToken, Audience, Audit, Broadcast, Identity, Incident, Mailer, Team
from storage.states import BroadcastState, DeliveryState, IdentityKind, IncidentKind, SendKind, SignIn

_AT: Final = datetime(2026, 6, 1, 9, tzinfo=UTC)
_REF: Final = ids.Ref("0" * 32, "1" * 32, 1)
_SOMEBODY: Final = "U0000000000"
_CONNECT, _RECONNECT = "Connect Amazon SES", "Reconnect Amazon SES"


def samples() -> Samples:
    """Build them."""
    return Samples(modals=_modals(), homes={"home.dashboard": _dashboard()}, messages=_messages())


def _team() -> Team:
    return Team(
        id=_REF.team_id,
        slack_team_id="T0000000000",
        channel_id="C0000000000",
        name="news",
        from_name="Acme",
        reply_to="hello@example.com",
        postal_address="1 High Street",
        created_by=_SOMEBODY,
        created_at=_AT,
    )


def _mailer() -> Mailer:
    return Mailer(
        id="2" * 32,
        team_id=_REF.team_id,
        connection="0" * 16,
        account_id="111122223333",
        region="eu-west-1",
        principal_arn="arn:aws:iam::111122223333:user/mailroom",
        credentials=b"",
        credentials_at=_AT,
        connected_by=_SOMEBODY,
        connected_at=_AT,
        configuration_set="mailroom-0",
        topic_arn="arn:aws:sns:eu-west-1:111122223333:mailroom-0",
        missing_optional=["sqs:CreateQueue", FEEDBACK_FORWARDING],
        access_since=_AT,
        access_checked_at=_AT,
        max_24_hour_send=50_000,
        max_send_rate=14,
        sent_last_24_hours=1_200,
        checked_at=_AT,
    )


def _identity() -> Identity:
    return Identity(
        id=_REF.record_id,
        team_id=_REF.team_id,
        mailer_id="2" * 32,
        name="example.com",
        kind=IdentityKind.DOMAIN,
        managed=True,
        added_by=_SOMEBODY,
        state_since=_AT,
        pending_since=_AT,
        verification_status="PENDING",
        dkim_tokens=["a" * 32, "b" * 32, "c" * 32],
        dkim_zone="dkim.amazonses.com",
        mail_from_domain="bounce.example.com",
        checked_at=_AT,
    )


def _incident(kind: IncidentKind) -> Incident:
    return Incident(
        id=_REF.record_id,
        team_id=_REF.team_id,
        mailer_id="2" * 32,
        kind=kind,
        detail={"name": "example.com", "identity_id": _REF.record_id},
        opened_at=_AT,
        updated_at=_AT,
    )


def _broadcast() -> Broadcast:
    return Broadcast(
        id=_REF.record_id,
        team_id=_REF.team_id,
        mailer_id="2" * 32,
        audience_id="3" * 32,
        kind=SendKind.BROADCAST,
        state=BroadcastState.SENDING,
        from_address="hello@example.com",
        subject="Spring news",
        size=20_000,
        created_by=_SOMEBODY,
        created_at=_AT,
        confirmed_by=_SOMEBODY,
        start_at=_AT,
        started_at=_AT,
        went_on_at=_AT,
    )


def _audience() -> Audience:
    rejected = [{"line": 7, "value": "not an address", "why": "has no @"}]
    return Audience(
        id="3" * 32,
        team_id=_REF.team_id,
        name="Newsletter",
        file_name="june.csv",
        columns=["first_name"],
        size=20_000,
        toward_quota=20_000,
        duplicates=3,
        invalid=1,
        rejected=rejected,
        created_by=_SOMEBODY,
        created_at=_AT,
    )


def _progress() -> Progress:
    counts = {DeliveryState.PENDING: 12_000, DeliveryState.SENT: 500, DeliveryState.DELIVERED: 7_500}
    return Progress(_broadcast(), counts, 14, 857, 0, (), "Acme <hello@example.com>")


def _summary() -> ImportSummary:
    first = Candidate("primary_email", "Primary Email", "ann@example.com")
    second = Candidate("secondary_email", "Secondary Email", "ann@example.org")
    return ImportSummary(first.name, (first, second), marked=Marked(2, ["unsubscribed"], ["Status"]))


def _prepared() -> Prepared:
    facts = facts_from(_mailer(), [_identity()])
    answer = readiness(facts, "hello@example.com", SendKind.BROADCAST, 20_000, _AT)
    return Prepared(
        _broadcast(),
        _audience(),
        _summary(),
        [Sample("ann@example.com", "Spring news", "Hello Ann", 900)],
        [],
        12,
        answer,
        Decimal("1.99"),
    )


def _overview() -> Overview:
    facts = facts_from(_mailer(), [_identity()])
    answer = readiness(facts, "", SendKind.BROADCAST, 51, _AT)
    return Overview(_team(), _mailer(), (_identity(),), answer, (_incident(IncidentKind.VERIFICATION_FAILED),))


def _resend() -> Resend:
    return Resend(_broadcast(), 12, 1, [("MESSAGE_REJECTED", 12)], _prepared().readiness)


def _sender_rules() -> SenderRulesReport:
    rules = (
        dkim_rule(_identity(), []),
        dmarc_rule(_identity(), read_dmarc("example.com", {"example.com": [], "com": []})),
    )
    return SenderRulesReport([(_identity(), rules)], [one_click_rule(one_click=True)], left_out=2)


def _report() -> AccessReport:
    steps = [ActionCheck("ses:GetAccount", required=True, outcome=Outcome.OK)]
    steps.append(ActionCheck("sqs:CreateQueue", required=False, outcome=Outcome.MISSING))
    return AccessReport("111122223333", _mailer().principal_arn, is_root=False, steps=tuple(steps), set_up=None)


def _modals() -> dict[str, View]:
    draft = Draft("hello@example.com", "", "Spring news", "", {})
    role = connect_form.Draft(RoleOffer("999900001111", "mailroom-" + "0" * 32), "eu-west-1")
    key = connect_form.Draft(None, "eu-west-1", SignIn.ACCESS_KEY)
    token = ApiToken(team_id=_REF.team_id, name="CI", token_hash="", created_by=_SOMEBODY, created_at=_AT)
    findings = [RecordCheck(record, Found.MISSING) for record in records_of(_identity(), "eu-west-1")]
    return {
        "alerts.checking_events": alerts.checking_events(),
        "api_tokens.tokens_page": api_tokens.tokens_page(
            _team(), [token], None, public_url="https://mailroom.example.com"
        ),
        "audiences.saved_audiences": audiences.saved_audiences(_REF.team_id, [_audience()]),
        "blocks.waiting": blocks.waiting(_CONNECT, "Asking AWS …"),
        "connect.checking": connect.checking(_CONNECT, _report().steps),
        "connect.connected": connect.connected(_CONNECT, _mailer(), _report(), _REF),
        "connect.delete_form": connect.delete_form(_REF, _team(), _mailer(), [_identity()], [_broadcast()]),
        "connect.deleted": connect.deleted(["topic mailroom-0"]),
        "identities.add_form": identities.add_form(_REF),
        "identities.checked": identities.checked(_identity(), findings),
        "identity_recovery.replace_form": identity_recovery.replace_form(_REF, _identity(), moves=True, asks=True),
        "identity_recovery.replaced": identity_recovery.replaced("example.org", _identity(), _mailer()),
        "production_access.production_form": production_access.production_form(_REF),
        "reports.on_its_way": reports.on_its_way("Resend failed"),
        "reports.resend_form": reports.resend_form(_REF, _resend()),
        "reports.send_again_form": reports.send_again_form(_REF, _resend()),
        "compose.confirmation": compose.confirmation(_prepared(), _REF, one_click=True),
        "compose.confirmed": compose.confirmed(30, scheduled=False),
        "compose.not_read_again": compose.not_read_again(
            _broadcast(), BotError(SlackCode.FILE_UNREADABLE, "It is gone.")
        ),
        "compose.test_sent": compose.test_sent(2),
        "compose.choose_file_form": compose.choose_file_form(
            _REF, {"F0000000001": "june.csv", "F0000000002": "july.csv"}
        ),
        "compose.write_broadcast_form, held": compose.write_broadcast_form(
            _REF, draft, hint="example.com", saved=[], chosen=compose.Recipients(held=_audience())
        ),
        "compose.write_broadcast_form": compose.write_broadcast_form(
            _REF, draft, hint="example.com", saved=[_audience()]
        ),
        "compose.write_test_form": compose.write_test_form(_REF, draft, to="ann@example.com", hint="example.com"),
        "connect_form.credentials_form, key": connect_form.credentials_form(ids.Form.CONNECT, _CONNECT, _REF, key),
        "connect_form.credentials_form, role": connect_form.credentials_form(
            ids.Form.RECONNECT, _RECONNECT, _REF, role, report=_report()
        ),
        "mail_me_one.mail_me_one_form": mail_me_one.mail_me_one_form(
            _REF, [Offered(Why.LONGEST, 1, "ann@example.com")], send_to="me@example.com"
        ),
        "sender_rules.sender_rules": sender_rules.sender_rules(_sender_rules(), _REF),
        "status_card.looked": status_card.looked(_overview()),
        "team_settings.admins_form": team_settings.admins_form(_REF, []),
        "team_settings.admins_saved": team_settings.admins_saved({_SOMEBODY}, set()),
        "team_settings.settings_form": team_settings.settings_form(_REF, TeamSettings.of(_team())),
        "team_settings.settings_saved": team_settings.settings_saved(),
    }


def _dashboard() -> View:
    return home.dashboard([Standing(_overview(), _broadcast())], 0, one_click=True)


def _messages() -> dict[str, Message]:
    identity, mailer = _identity(), _mailer()
    audit = Audit(team_id=_REF.team_id, at=_AT, actor=_SOMEBODY, action="mailer.connect")
    page = ReportPage([_progress()], 0, 1)
    said = {
        "alerts.gone": alerts.gone(),
        "alerts.stranded": alerts.stranded("news", [_incident(IncidentKind.ACCESS_LOST)]),
        "broadcast_message.progress": broadcast_message.progress(_progress()),
        "blocks.refusal": blocks.refusal(BotError(TeamCode.NOT_FOUND, "It is not there any more.", "Look at /mailer.")),
        "blocks.said": blocks.said("Nothing was changed."),
        "connect.already": connect.already(mailer, _REF),
        "audit_log.history": audit_log.history(History([audit], {}, {})),
        "identities.added": identities.added(identity, records_of(identity, mailer.region)),
        "identities.replaced": identities.replaced(identity),
        "identities.superseded": identities.superseded(identity),
        "identity_recovery.retried": identity_recovery.retried(RetryOutcome(identity, again=True)),
        "identity_recovery.too_late": identity_recovery.too_late(StaleActionError("Somebody was faster.", _SOMEBODY)),
        "notices.account_shared": notices.account_shared(mailer, _team(), [_team()]),
        "notices.applied": notices.applied(),
        "notices.connected": notices.connected(mailer),
        "notices.deleted": notices.deleted(),
        "notices.granted": notices.granted(mailer),
        "notices.identity_verified": notices.identity_verified(identity, mailer),
        "notices.reconnected": notices.reconnected(mailer, [_broadcast()]),
        "notices.shared": notices.shared(),
        "reports.broadcasts_page": reports.broadcasts_page(_REF.team_id, page, replaces=False),
        "reports.draft_cancelled": reports.draft_cancelled(_broadcast()),
        "reports.list_asked": reports.list_asked(),
        "reports.list_comes": reports.list_comes(_broadcast(), 20_000, _AT),
        "compose.audience_is_read": compose.audience_is_read(_REF, _audience()),
        "compose.draft_waits": compose.draft_waits(_prepared(), _REF),
        "status_card.card": status_card.card(_overview()),
        "status_card.help_text": status_card.help_text("/mailer", [("connect", "connects an AWS account")]),
        "status_card.not_ready": status_card.not_ready(_overview()),
    }
    for kind in IncidentKind:
        said |= {
            f"alerts.alert, {kind}": alerts.alert(_incident(kind)),
            f"alerts.over, {kind}": alerts.over(_incident(kind)),
            f"alerts.reminder, {kind}": alerts.reminder(_incident(kind)),
        }
    return said
