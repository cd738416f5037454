"""Rows of a made-up team, for `live_samples`."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from bot.broadcast.audience.header_detection import Candidate
from bot.broadcast.audience.import_summary import ImportSummary
from bot.broadcast.audience.status_column import Marked
from bot.broadcast.content.look import Look
from bot.broadcast.draft import Prepared, Sample
from bot.broadcast.reporting.progress import Progress
from bot.broadcast.resend import Resend
from bot.mailer.identities.dmarc import read_dmarc
from bot.mailer.identities.sender_rules import SenderRulesReport, dkim_rule, dmarc_rule, one_click_rule
from bot.mailer.readiness.facts import facts_from
from bot.mailer.readiness.overview import Overview
from bot.mailer.readiness.rules import readiness
from bot.people.person import Membership, Person
from bot.ses.operations import FEEDBACK_FORWARDING
from bot.ses.permission_check import AccessReport, ActionCheck, Outcome
from handlers.slack import ids
from storage import (
    ApiToken,
    Audience,
    Audit,
    Broadcast,
    BroadcastState,
    DeliveryState,
    HeadingFont,
    Identity,
    IdentityKind,
    Incident,
    IncidentKind,
    Mailer,
    Restoration,
    SendKind,
    Suppression,
    SuppressionReason,
    Team,
    TokenScope,
    Webhook,
)
from storage.audit import Action

AT: Final = datetime(2026, 6, 1, 9, tzinfo=UTC)
REF: Final = ids.Ref("0" * 32, "1" * 32, 1)
SOMEBODY: Final = "U0000000000"


def sample_team() -> Team:
    return Team(
        id=REF.team_id,
        slack_team_id="T0000000000",
        channel_id="C0000000000",
        name="news",
        from_name="Acme",
        reply_to="hello@example.com",
        postal_address="1 High Street",
        created_by=SOMEBODY,
        created_at=AT,
    )


def sample_look() -> Look:
    logo = {"name": "logo.png", "alt": "Acme", "type": "image/png", "width": 400, "height": 120, "data": ""}
    return Look(logo, "#14532d", HeadingFont.SERIF, "You get this since you are a customer of Acme.")


def sample_token() -> ApiToken:
    return ApiToken(
        team_id=REF.team_id,
        name="Deploy script",
        prefix="mr_x1Yz…",
        token_hash="",
        scopes=list(TokenScope),
        created_by=SOMEBODY,
        created_at=AT,
        ends_at=AT,
    )


def sample_suppression() -> Suppression:
    return Suppression(
        id=REF.record_id,
        team_id=REF.team_id,
        address="ann@example.com",
        address_key="ann@example.com",
        reason=SuppressionReason.UNSUBSCRIBED,
        word="opt-out",
        source=SOMEBODY,
        created_at=AT,
    )


def sample_restoration() -> Restoration:
    return Restoration(team_id=REF.team_id, copied_at=AT, restored_at=AT + timedelta(hours=3))


def sample_person() -> Person:
    audience = sample_audience()
    memberships = [Membership(audience, 2, {"email": "ann@example.com"})]
    return Person("ann@example.com", sample_suppression(), None, memberships, [], [])


def sample_mailer() -> Mailer:
    return Mailer(
        id="2" * 32,
        team_id=REF.team_id,
        connection="0" * 16,
        account_id="111122223333",
        region="eu-west-1",
        principal_arn="arn:aws:iam::111122223333:user/mailroom",
        credentials=b"",
        credentials_at=AT,
        connected_by=SOMEBODY,
        connected_at=AT,
        configuration_set="mailroom-0",
        topic_arn="arn:aws:sns:eu-west-1:111122223333:mailroom-0",
        missing_optional=["sqs:CreateQueue", FEEDBACK_FORWARDING],
        access_since=AT,
        access_checked_at=AT,
        max_24_hour_send=50_000,
        max_send_rate=14,
        sent_last_24_hours=1_200,
        checked_at=AT,
    )


def sample_identity() -> Identity:
    return Identity(
        id=REF.record_id,
        team_id=REF.team_id,
        mailer_id="2" * 32,
        name="example.com",
        kind=IdentityKind.DOMAIN,
        managed=True,
        added_by=SOMEBODY,
        state_since=AT,
        pending_since=AT,
        verification_status="PENDING",
        dkim_tokens=["a" * 32, "b" * 32, "c" * 32],
        dkim_zone="dkim.amazonses.com",
        mail_from_domain="bounce.example.com",
        checked_at=AT,
    )


def sample_incident(kind: IncidentKind) -> Incident:
    return Incident(
        id=REF.record_id,
        team_id=REF.team_id,
        mailer_id="2" * 32,
        kind=kind,
        detail={"name": "example.com", "identity_id": REF.record_id},
        opened_at=AT,
        updated_at=AT,
    )


def sample_broadcast() -> Broadcast:
    return Broadcast(
        id=REF.record_id,
        team_id=REF.team_id,
        mailer_id="2" * 32,
        audience_id="3" * 32,
        kind=SendKind.BROADCAST,
        state=BroadcastState.SENDING,
        from_address="hello@example.com",
        subject="Spring news",
        size=20_000,
        created_by=SOMEBODY,
        created_at=AT,
        confirmed_by=SOMEBODY,
        start_at=AT,
        started_at=AT,
        resumed_at=AT,
    )


def sample_request() -> Broadcast:
    request = sample_broadcast()
    request.state, request.asked_by, request.asked_at = BroadcastState.AWAITING_APPROVAL, SOMEBODY, AT
    request.asked_of, request.approved_by, request.start_at = [SOMEBODY], [SOMEBODY], None
    return request


def sample_step(action: Action) -> Audit:
    return Audit(team_id=REF.team_id, at=AT, actor=SOMEBODY, action=action, after={"note": "Mend the link"})


def sample_audience() -> Audience:
    rejected = [{"line": 7, "value": "not an address", "why": "has no @"}]
    return Audience(
        id="3" * 32,
        team_id=REF.team_id,
        name="Newsletter",
        file_name="june.csv",
        columns=["first_name"],
        size=20_000,
        toward_quota=20_000,
        duplicates=3,
        invalid=1,
        rejected=rejected,
        created_by=SOMEBODY,
        created_at=AT,
    )


def sample_progress() -> Progress:
    counts = {DeliveryState.PENDING: 12_000, DeliveryState.SENT: 500, DeliveryState.DELIVERED: 7_500}
    return Progress(sample_broadcast(), counts, 14, 857, 0, "Acme <hello@example.com>")


def sample_summary() -> ImportSummary:
    first = Candidate("primary_email", "Primary Email", "ann@example.com")
    second = Candidate("secondary_email", "Secondary Email", "ann@example.org")
    return ImportSummary(first.name, (first, second), marked=Marked(2, ["unsubscribed"], ["Status"]))


def sample_prepared() -> Prepared:
    facts = facts_from(sample_mailer(), [sample_identity()])
    answer = readiness(facts, "hello@example.com", SendKind.BROADCAST, 20_000, AT)
    return Prepared(
        sample_broadcast(),
        sample_audience(),
        sample_audience(),
        sample_summary(),
        [Sample("ann@example.com", "Spring news", "Hello Ann", 900)],
        [],
        12,
        answer,
        Decimal("1.99"),
    )


def sample_overview() -> Overview:
    facts = facts_from(sample_mailer(), [sample_identity()])
    answer = readiness(facts, "", SendKind.BROADCAST, 51, AT)
    return Overview(
        sample_team(),
        sample_mailer(),
        (sample_identity(),),
        answer,
        (sample_incident(IncidentKind.VERIFICATION_FAILED),),
    )


def sample_webhook() -> Webhook:
    attempt = {"at": AT.isoformat(), "type": "broadcast.done", "id": "msg_0", "answer": "503 Service Unavailable"}
    return Webhook(
        id=REF.record_id,
        team_id=REF.team_id,
        address="https://example.com/mailroom",
        topics=["broadcasts", "bounces"],
        secret=b"",
        saved_by=SOMEBODY,
        saved_at=AT,
        attempts=[{**attempt, "taken": False, "again": AT.isoformat()}],
    )


def sample_resend() -> Resend:
    return Resend(sample_broadcast(), 12, 1, [("MESSAGE_REJECTED", 12)], sample_prepared().readiness)


def sample_sender_rules() -> SenderRulesReport:
    rules = (
        dkim_rule(sample_identity(), []),
        dmarc_rule(sample_identity(), read_dmarc("example.com", {"example.com": [], "com": []})),
    )
    return SenderRulesReport([(sample_identity(), rules)], [one_click_rule(one_click=True)], left_out=2)


def sample_report() -> AccessReport:
    steps = [ActionCheck("ses:GetAccount", required=True, outcome=Outcome.OK)]
    steps.append(ActionCheck("sqs:CreateQueue", required=False, outcome=Outcome.MISSING))
    return AccessReport("111122223333", sample_mailer().principal_arn, is_root=False, steps=tuple(steps), set_up=None)
