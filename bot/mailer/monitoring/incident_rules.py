"""Decides by the stored facts what is wrong with a mailer, and reconciles its incidents with that."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from bot.alerts.incidents import Condition, Conditions, reconcile
from bot.mailer.aws_states import awaited_until
from bot.mailer.monitoring.feedback_route import route_of
from bot.mailer.monitoring.reputation_limits import Level, Rates, rates_of
from bot.mailer.shapes import identity_shape, mailer_shape
from bot.webhooks.events import MailerEvent, mailer_changed
from storage import Access, Identity, IdentityKind, IdentityState, IncidentKind, Mailer, Production, Sending, Session

OUTAGE_AFTER: Final = timedelta(minutes=10)
"""Of silence: ten looks and more, all in vain."""

ENDING: Final = {IdentityKind.ADDRESS: timedelta(hours=2), IdentityKind.DOMAIN: timedelta(hours=12)}
"""How long before AWS gives up on an identity the channel is told."""

LOW: Final = 0.8
LOW_ENDS: Final = 0.7
"""Shares of the daily quota at which it is low, and no longer low: its window rolls, and it would flap at one line."""

_SENDING = {
    Sending.SHUT_DOWN: IncidentKind.SHUT_DOWN,
    Sending.PAUSED: IncidentKind.SENDING_PAUSED,
    Sending.PROBATION: IncidentKind.PROBATION,
}
_IDENTITY_FAILED = frozenset({IncidentKind.IDENTITY_LOST, IncidentKind.VERIFICATION_FAILED})
_Found = Iterator[tuple[tuple[IncidentKind, str], Condition]]


def detect_conditions(mailer: Mailer, identities: Iterable[Identity], now: datetime) -> Conditions:
    """Return what is wrong. `identities` are the managed ones; the subject of theirs is their id.

    Without access, or while AWS is silent, that is all that can be said: a thousand identities that cannot be read are
    one thing that is wrong.
    """
    if mailer.access is Access.LOST:
        detail = {
            "since": mailer.access_since.isoformat(),
            "code": mailer.access_error,
            "action": mailer.access_action,
        }
        return {(IncidentKind.ACCESS_LOST, ""): Condition(detail)}
    if mailer.unanswered_since and now - mailer.unanswered_since >= OUTAGE_AFTER:
        since = mailer.unanswered_since.isoformat()
        return {(IncidentKind.REGION_OUTAGE, mailer.region): Condition({"since": since, "region": mailer.region})}
    found = dict(_of_account(mailer)) | dict(_of_reputation(rates_of(mailer, now))) | dict(_of_events(mailer))
    for identity in identities:
        found.update(_of_identity(identity, now))
    return found


async def reconcile_incidents(
    session: Session, mailer: Mailer, managed: Iterable[Identity], now: datetime, *, told: bool = False
) -> None:
    """Bring the mailer's incidents in line with its facts, and tell the webhook, in the transaction that changed them.

    The mailer's row is locked in it. `told` is as for `incidents.follow`.
    """
    changes = await reconcile(session, mailer, detect_conditions(mailer, managed, now), now, told=told)
    shape = {"mailer": mailer_shape(mailer)}
    for kind, subjects in changes.opened:
        if kind is IncidentKind.ACCESS_LOST:
            await mailer_changed(session, mailer.team_id, MailerEvent.ACCESS_LOST, [shape], now)
        elif kind in _IDENTITY_FAILED:
            failed = [await session.get_one(Identity, each) for each in subjects]
            data = [shape | {"identity": identity_shape(each, mailer.region)} for each in failed]
            await mailer_changed(session, mailer.team_id, MailerEvent.IDENTITY_FAILED, data, now)
    if IncidentKind.ACCESS_LOST in changes.resolved:
        await mailer_changed(session, mailer.team_id, MailerEvent.ACCESS_RESTORED, [shape], now)


def _of_account(mailer: Mailer) -> _Found:
    if mailer.sending in _SENDING:
        yield (_SENDING[mailer.sending], ""), Condition({"status": mailer.enforcement_status})
    if mailer.production is Production.DENIED:
        yield (IncidentKind.PRODUCTION_DENIED, ""), Condition({"case": mailer.review_case_id})
    if mailer.max_24_hour_send > 0:
        share = mailer.sent_last_24_hours / mailer.max_24_hour_send
        numbers = {"sent": int(mailer.sent_last_24_hours), "limit": int(mailer.max_24_hour_send)}
        if share >= LOW:
            yield (IncidentKind.QUOTA_USED_UP, ""), Condition(numbers, opens=share >= 1)
        if share >= LOW_ENDS:
            yield (IncidentKind.QUOTA_LOW, ""), Condition(numbers, opens=share >= LOW)


def _of_reputation(rates: Rates) -> _Found:
    for kind, level, count in (
        (IncidentKind.BOUNCES, rates.bounce_level, rates.bounces),
        (IncidentKind.COMPLAINTS, rates.complaint_level, rates.complaints),
    ):
        if level is not Level.FINE:
            detail = {"count": count, "sent": rates.sent, "stops": level is Level.STOP}
            yield (kind, ""), Condition(detail, opens=level >= Level.WARN)


def _of_events(mailer: Mailer) -> _Found:
    if mailer.missing_events and mailer.missing_events_since:
        detail = {
            "count": mailer.missing_events,
            "since": mailer.missing_events_since.isoformat(),
            "way": route_of(mailer).value,
        }
        yield (IncidentKind.EVENTS_MISSING, ""), Condition(detail)


def _of_identity(row: Identity, now: datetime) -> _Found:
    if row.state in {IdentityState.FAILED, IdentityState.GONE}:
        lost = row.verified_at is not None or row.state is IdentityState.GONE
        detail = {
            "name": row.name,
            "state": row.state.value,
            "since": row.state_since.isoformat(),
            "error": row.error_type,
            "intent": row.intent,
            "version": row.version,
        }
        yield (IncidentKind.IDENTITY_LOST if lost else IncidentKind.VERIFICATION_FAILED, row.id), Condition(detail)
    elif row.dmarc_found_at and row.dmarc_missing_since:
        detail = {"name": row.name, "since": row.dmarc_missing_since.isoformat()}
        yield (IncidentKind.DMARC_LOST, row.id), Condition(detail)
    elif row.state is IdentityState.PENDING and row.pending_since:
        until = awaited_until(row.kind, row.pending_since)
        if now >= until - ENDING[row.kind]:
            detail = {
                "name": row.name,
                "kind": row.kind.value,
                "since": row.pending_since.isoformat(),
                "until": until.isoformat(),
                "version": row.version,
            }
            yield (IncidentKind.VERIFICATION_ENDING, row.id), Condition(detail)
