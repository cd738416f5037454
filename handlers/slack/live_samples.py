"""Every modal, home tab and message of Mailroom once, about a made-up team: what `doctor --live` shows to Slack."""

from dataclasses import replace

from slack_sdk.models.views import View

from bot.broadcast.audience.revisions.comparison import Counts
from bot.broadcast.audience.revisions.proposals import How
from bot.broadcast.audience.selection.filter import Condition, Filter, Match, Operator
from bot.broadcast.content.html_body import SAME_PAGE
from bot.broadcast.draft import Draft
from bot.broadcast.mail_me_one import Offered, Why
from bot.broadcast.preview import LINK_LIVES
from bot.dashboard import Standing
from bot.errors import BotError
from bot.mailer.identities.dns_records import Found, RecordCheck
from bot.mailer.identity_records import records_of
from bot.mailer.readiness.rules import Confirmation
from bot.people.suppression_csv import ImportCounts
from bot.ses.cloudformation import RoleOffer
from bot.suppression.lookup import LookedUp
from bot.suppression.suppression_list import AtAws
from bot.teams.fleet import FleetMember, FleetState
from bot.teams.settings import TeamSettings
from bot.webhooks.receiver import Answer
from handlers.slack import ids
from handlers.slack.codes import SlackCode
from handlers.slack.live_check import Samples
from handlers.slack.live_sample_messages import sample_messages
from handlers.slack.sample_rows import (
    AT,
    REF,
    SOMEBODY,
    sample_audience,
    sample_broadcast,
    sample_identity,
    sample_look,
    sample_mailer,
    sample_overview,
    sample_person,
    sample_prepared,
    sample_report,
    sample_request,
    sample_resend,
    sample_sender_rules,
    sample_suppression,
    sample_team,
    sample_token,
    sample_webhook,
)
from handlers.slack.views import (
    alerts,
    api_tokens,
    audiences,
    blocks,
    compose,
    confirmations,
    drafts,
    home,
    mail_me_one,
    preview,
    reports,
    team_settings,
)
from handlers.slack.views.appearance import look
from handlers.slack.views.approval import requests as approval_requests
from handlers.slack.views.mailer import (
    connect,
    connect_form,
    identities,
    identity_recovery,
    production_access,
    sender_rules,
    status_card,
)
from handlers.slack.views.people import person, suppressions
from handlers.slack.views.selection import filter_form
from handlers.slack.views.selection.fields import SelectionChoices
from handlers.slack.views.webhook import form as webhook_form
from storage import Secret, SignIn, SuppressionReason

_WHERE = Filter(Match.ALL, (Condition("plan", Operator.IS, "pro"), Condition("age", Operator.OVER, "30")))
_CONNECT, _RECONNECT = "Connect Amazon SES", "Reconnect Amazon SES"
_READ = audiences.Reading(["Read from the sheet “June”."], ["line 7: “not an address” has no @"])


def samples() -> Samples:
    """Build them."""
    return Samples(modals=_modals(), homes=_homes(), messages=sample_messages())


def _modals() -> dict[str, View]:
    draft = Draft("hello@example.com", "", "Spring news", "", {})
    role = connect_form.FormState(RoleOffer("999900001111", "mailroom-" + "0" * 32), "eu-west-1")
    key = connect_form.FormState(None, "eu-west-1", SignIn.ACCESS_KEY)
    findings = [RecordCheck(record, Found.MISSING) for record in records_of(sample_identity(), "eu-west-1")]
    return {
        "alerts.checking_events_page": alerts.checking_events_page(),
        "api_tokens.tokens_page": api_tokens.tokens_page(
            sample_team(), [sample_token()], None, public_url="https://mailroom.example.com"
        ),
        "api_tokens.token_form": api_tokens.token_form(REF, api_tokens.NOTHING_TYPED),
        "audiences.saved_audiences_page": audiences.saved_audiences_page(REF.team_id, [sample_audience()], AT),
        "audiences.change_audience_form": audiences.change_audience_form(How.ADD, REF, sample_audience()),
        "audiences.keep_changes_form": audiences.keep_changes_form(REF, "Newsletter", Counts(312, 40), _READ),
        "audiences.nothing_changes_page": audiences.nothing_changes_page("Newsletter", _READ),
        "blocks.file_page": blocks.file_page("Saved audiences", "the list as a CSV", sent=True),
        "blocks.waiting_page": blocks.waiting_page(_CONNECT, "Asking AWS …"),
        "connect.checking_page": connect.checking_page(_CONNECT, sample_report().steps),
        "connect.connected_page": connect.connected_page(_CONNECT, sample_mailer(), sample_report(), REF),
        "connect.delete_form": connect.delete_form(
            REF, sample_team(), sample_mailer(), [sample_identity()], [sample_broadcast()]
        ),
        "connect.deleted_page": connect.deleted_page(["topic mailroom-0"]),
        "identities.add_form": identities.add_form(REF),
        "identities.check_result_page": identities.check_result_page(sample_identity(), findings),
        "identity_recovery.replace_form": identity_recovery.replace_form(REF, sample_identity(), moves=True, asks=True),
        "identity_recovery.replaced_page": identity_recovery.replaced_page(
            "example.org", sample_identity(), sample_mailer()
        ),
        "production_access.production_form": production_access.production_form(REF),
        "reports.resending_page": reports.resending_page("Resend failed"),
        "reports.resend_form": reports.resend_form(REF, sample_resend()),
        "reports.send_again_form": reports.send_again_form(REF, sample_resend()),
        "confirmations.confirmation_form": confirmations.confirmation_form(sample_prepared(), REF, one_click=True),
        "confirmations.confirmation_form, approval": confirmations.confirmation_form(
            replace(sample_prepared(), needs_approval=True), REF, one_click=True
        ),
        "requests.review_view": approval_requests.review_view(
            sample_prepared(), REF, [], approves=True, unticked=list(Confirmation)
        ),
        "requests.approved_page": approval_requests.approved_page(sample_request()),
        "requests.asked_page": approval_requests.asked_page(sample_request(), 60),
        "requests.request_changes_form": approval_requests.request_changes_form(REF),
        "requests.sent_back_page": approval_requests.sent_back_page(),
        "confirmations.confirmed_page": confirmations.confirmed_page(30, scheduled=False),
        "drafts.draft_saved_page": drafts.draft_saved_page(sample_broadcast()),
        "confirmations.not_read_again_page": confirmations.not_read_again_page(
            sample_broadcast(), BotError(SlackCode.FILE_UNREADABLE, "It is gone.")
        ),
        "compose.test_sent_page": compose.test_sent_page(2),
        "audiences.choose_file_form": audiences.choose_file_form(
            REF, {"F0000000001": "june.csv", "F0000000002": "july.csv"}
        ),
        "compose.write_broadcast_form, held": compose.write_broadcast_form(
            REF, draft, hint="example.com", saved=[], chosen=compose.Recipients(held=sample_audience())
        ),
        "compose.write_broadcast_form": compose.write_broadcast_form(
            REF, draft, hint="example.com", saved=[sample_audience()]
        ),
        "compose.write_broadcast_form, canvas": compose.write_broadcast_form(
            REF, replace(draft, body={**SAME_PAGE, "canvas": ""}), hint="example.com", saved=[]
        ),
        "compose.write_broadcast_form, selected": compose.write_broadcast_form(
            REF,
            draft,
            hint="example.com",
            saved=[sample_audience()],
            selection=SelectionChoices(
                _WHERE, also=[sample_audience().id], saved=[sample_audience()], sent=[sample_broadcast()]
            ),
        ),
        "filter_form.filter_form": filter_form.filter_form(REF, _WHERE, [f"column_{number}" for number in range(300)]),
        "drafts.nobody_selected_page": drafts.nobody_selected_page(
            sample_broadcast(), BotError(SlackCode.FILE_UNREADABLE, "Nobody is left.")
        ),
        "compose.write_test_form": compose.write_test_form(REF, draft, to="ann@example.com", hint="example.com"),
        "connect_form.credentials_form, key": connect_form.credentials_form(ids.Form.CONNECT, _CONNECT, REF, key),
        "connect_form.credentials_form, role": connect_form.credentials_form(
            ids.Form.RECONNECT, _RECONNECT, REF, role, report=sample_report()
        ),
        "mail_me_one.mail_me_one_form": mail_me_one.mail_me_one_form(
            REF, [Offered(Why.LONGEST, 1, "ann@example.com")], send_to="me@example.com"
        ),
        "preview.preview_link_page": preview.preview_link_page("https://mailroom.example.com/p/x", LINK_LIVES),
        "sender_rules.sender_rules_page": sender_rules.sender_rules_page(sample_sender_rules(), REF),
        "suppressions.suppressions_form": suppressions.suppressions_form(
            sample_team(),
            {SuppressionReason.BOUNCE: 12},
            LookedUp("ann@example.com", sample_suppression(), subject="Spring news"),
        ),
        "person.person_form": person.person_form(sample_team(), sample_person(), REF.record_id),
        "person.erase_form": person.erase_form(REF, "ann@example.com"),
        "person.erasing_page": person.erasing_page(sample_person()),
        "suppressions.choose_import_form": suppressions.choose_import_form(REF),
        "suppressions.import_form": suppressions.import_form(REF, ImportCounts(4_120, 880, 3, 2)),
        "suppressions.nothing_to_import_page": suppressions.nothing_to_import_page(ImportCounts(invalid=3)),
        "suppressions.imported_page": suppressions.imported_page(ImportCounts(4_120, 880, 3)),
        "suppressions.lift_form": suppressions.lift_form(REF, sample_suppression()),
        "suppressions.lifted_page": suppressions.lifted_page("ann@example.com", AtAws.NOT_ALLOWED),
        "status_card.check_result_page": status_card.check_result_page(sample_overview()),
        "team_settings.admins_form": team_settings.admins_form(REF, []),
        "team_settings.admins_saved_page": team_settings.admins_saved_page({SOMEBODY}, set()),
        "team_settings.settings_form": team_settings.settings_form(
            REF, TeamSettings.of(sample_team()), sample_look(), sample_webhook()
        ),
        "look.look_form": look.look_form(REF.team_id, sample_look()),
        "look.look_saved_page": look.look_saved_page(sample_look()),
        "team_settings.settings_saved_page": team_settings.settings_saved_page(),
        "form.webhook_form": webhook_form.webhook_form(REF, sample_webhook(), "https://example.com/hook", ["bounces"]),
        "form.saved_page": webhook_form.saved_page(Secret("whsec_")),
        "form.new_secret_page": webhook_form.new_secret_page(Secret("whsec_")),
        "form.tried_page": webhook_form.tried_page(Answer(503)),
        "form.attempts_page": webhook_form.attempts_page(sample_webhook()),
        "form.switched_off_page": webhook_form.switched_off_page(),
        "form.retried_page": webhook_form.retried_page(),
    }


def _homes() -> dict[str, View]:
    standing = Standing(sample_overview(), sample_broadcast())
    return {
        "home.dashboard_view": home.dashboard_view([standing], 0, one_click=True, admin=True),
        "home.fleet_view": home.fleet_view([FleetMember(sample_team(), FleetState.READY)], 0),
    }
