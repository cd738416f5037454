"""Whether SES events arrive: recorded when one does, and when none does."""

from datetime import datetime, timedelta
from typing import Final

from bot.mailer.monitoring.facts import managed_of
from bot.mailer.monitoring.incident_rules import reconcile_incidents
from storage import Database, Mailer, PollKind, Session, leases

_OFTEN_ENOUGH: Final = timedelta(seconds=10)


async def event_received(db: Database, mailer: Mailer, now: datetime) -> None:
    """Record that an event came. After a gap AWS's own suppression list shows what was missed."""
    if mailer.last_event_at and now - mailer.last_event_at < _OFTEN_ENOUGH and not mailer.missing_events:
        return
    async with db.write() as session:
        row = await session.get(Mailer, mailer.id, with_for_update=True)
        if row is None:
            return
        if row.last_event_at is None or row.missing_events:
            await leases.schedule(session, PollKind.FORWARDING, row.id, now)
        row.last_event_at, row.unanswered_probes = now, 0
        session.add(row)
        if row.missing_events:
            row.missing_events, row.missing_events_since = 0, None
            await reconcile_incidents(session, row, await managed_of(session, row.id), now)
            await leases.schedule(session, PollKind.SUPPRESSIONS, row.id, now)


async def report_missing_events(session: Session, row: Mailer, mails: int, since: datetime, now: datetime) -> None:
    """Write down that nothing came of so many mails. The mailer's row is locked."""
    row.missing_events, row.missing_events_since = mails, since
    session.add(row)
    await reconcile_incidents(session, row, await managed_of(session, row.id), now)
    await leases.schedule(session, PollKind.FORWARDING, row.id, now)


async def schedule_probe(session: Session, row: Mailer, at: datetime) -> None:
    """Have the simulator mailed again. The mailer's row is locked."""
    row.probed_at, row.unanswered_probes = None, 0
    session.add(row)
    await leases.schedule(session, PollKind.SELF_TEST, row.id, at)
