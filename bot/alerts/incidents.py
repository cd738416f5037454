"""Incidents: each condition that is wrong, from its detection to its end, shown by one live message.

They follow from what is wrong by comparison, in the transaction of the facts and of the message: so it does not matter
who saw it first, nor how often anybody looks.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlmodel import col, select

from bot.alerts.codes import AlertCode
from bot.alerts.ops_channel import show_in_ops_channel
from bot.alerts.outbox import Notice, announce, key_of, tell
from bot.errors import BotError
from storage import Incident, IncidentKind, IncidentState, Mailer, Outbox, Repository, Session, Team, TeamAdmin, audit

REMIND_EVERY: Final = timedelta(hours=24)
TELL_EVERY: Final = timedelta(hours=24)

GROUP_ABOVE: Final = 5
"""Of one kind and at one time: what is more than these begins as one incident."""

INHIBITS: Final = frozenset({IncidentKind.ACCESS_LOST, IncidentKind.REGION_OUTAGE})
"""While one of these lasts nothing else can be seen: neither that it began, nor that it ended."""

RESOLVED_SILENTLY: Final = frozenset(
    {
        IncidentKind.PRODUCTION_DENIED,
        IncidentKind.VERIFICATION_FAILED,
        IncidentKind.VERIFICATION_ENDING,
        IncidentKind.QUOTA_LOW,
    }
)
"""Their end has a message of its own ("… is verified"), or is no news."""

SUPERSEDED_BY: Final = {IncidentKind.QUOTA_LOW: IncidentKind.QUOTA_USED_UP}
"""What opens no incident while a worse one of the same thing is open."""

_ORDER = {kind: place for place, kind in enumerate(IncidentKind)}


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that is wrong.

    Attributes:
        detail: what its message says beyond the kind; JSON, `name` names the subject.
        opens: False keeps an incident that is open from ending, and opens none, so that nothing flaps at a threshold.
    """

    detail: Mapping[str, Any] = field(default_factory=dict)
    opens: bool = True


Conditions = Mapping[tuple[IncidentKind, str], Condition]
"""All that is wrong with a mailer, by kind and subject."""


OF_TEAM: Final = frozenset({IncidentKind.WEBHOOK_FAILING})
"""What is wrong with a team's own things; every other kind is of its mailer."""

OF_MAILER: Final = frozenset(IncidentKind) - OF_TEAM


@dataclass(frozen=True, slots=True)
class Changes:
    """What has begun, with its subjects, and what has ended."""

    opened: Sequence[tuple[IncidentKind, Sequence[str]]]
    resolved: Collection[IncidentKind]


async def reconcile(session: Session, mailer: Mailer, conditions: Conditions, now: datetime, *, told: bool) -> Changes:
    """Open, update and resolve the mailer's incidents until they are what is wrong; remind of those that last.

    Args:
        session: the transaction of the facts, which holds the mailer's row locked.
        mailer: whose.
        conditions: all that is wrong.
        now: the time.
        told: the caller tells the channel of what has ended.
    """
    return await _reconcile(session, mailer.team_id, mailer.id, OF_MAILER, conditions, now, told=told)


async def reconcile_team(session: Session, team_id: str, conditions: Conditions, now: datetime) -> None:
    """As `reconcile`, for what is wrong with a team's own things; the caller holds them locked."""
    await _reconcile(session, team_id, None, OF_TEAM, conditions, now, told=False)


async def _reconcile(
    session: Session,
    team_id: str,
    mailer_id: str | None,
    kinds: Collection[IncidentKind],
    conditions: Conditions,
    now: datetime,
    *,
    told: bool,
) -> Changes:
    blind = any(kind in INHIBITS for kind, _ in conditions)
    known: set[tuple[IncidentKind, str]] = set()
    lasts: set[IncidentKind] = set()
    resolved: list[IncidentKind] = []
    for incident in await open_incidents(session, team_id, kinds=kinds, lock=True):
        subjects = _subjects(incident)
        known.update((incident.kind, subject) for subject in subjects)
        lasting = [subject for subject in subjects if (incident.kind, subject) in conditions]
        if lasting:
            lasts.add(incident.kind)
            await _go_on(session, incident, _detail(incident.kind, lasting, conditions, incident.detail), now)
        elif not blind or incident.kind in INHIBITS:
            await _resolve(session, incident, now, told=told or incident.kind in RESOLVED_SILENTLY)
            resolved.append(incident.kind)
    new: dict[IncidentKind, list[str]] = defaultdict(list)
    for (kind, subject), finding in conditions.items():
        if finding.opens and (kind, subject) not in known and SUPERSEDED_BY.get(kind) not in lasts | new.keys():
            new[kind].append(subject)
    for kind, subjects in new.items():
        for together in [subjects] if len(subjects) > GROUP_ABOVE else [[subject] for subject in subjects]:
            detail = _detail(kind, together, conditions, {"members": []} if len(together) > 1 else {})
            await _open(
                session, Incident(team_id=team_id, mailer_id=mailer_id, kind=kind, detail=detail), together, now
            )
    return Changes([*new.items()], resolved)


async def open_incidents(
    session: Session, team_id: str, *, kinds: Collection[IncidentKind] = OF_MAILER | OF_TEAM, lock: bool = False
) -> list[Incident]:
    """Return what is not resolved, the most basic first; `lock` it to change it."""
    unresolved = select(Incident).where(
        Incident.team_id == team_id,
        col(Incident.state) != IncidentState.RESOLVED,
        col(Incident.kind).in_(kinds),
    )
    rows = await session.exec(unresolved.order_by(Incident.id).with_for_update() if lock else unresolved)
    return sorted(rows, key=lambda row: (_ORDER[row.kind], row.opened_at, row.subject))


async def close_all(session: Session, team_id: str) -> None:
    """Redraw open alerts a last time: they go with their mailer."""
    for incident in await open_incidents(session, team_id, kinds=OF_MAILER):
        await _show(session, incident, session.now)


async def tell_in_person(session: Session, team: Team) -> None:
    """Tell the known team admins that alerts wait because the channel is out of reach; at most once a day.

    They are the appointed ones, and the person who connected the mailer.
    """
    lately = select(Outbox.id).where(
        Outbox.team_id == team.id, Outbox.kind == Notice.CHANNEL_GONE, col(Outbox.created_at) > session.now - TELL_EVERY
    )
    if (await session.exec(lately.limit(1))).first() is not None:
        return
    connected_by = (await session.exec(select(Mailer.connected_by).where(Mailer.team_id == team.id))).first()
    appointed = await session.exec(select(TeamAdmin.user_id).where(TeamAdmin.team_id == team.id))
    for user in sorted({connected_by or team.created_by, *appointed}):
        await tell(
            session, team.id, user, Notice.CHANNEL_GONE, team.id, now=session.now, episode=f"{session.now:%Y-%m-%d}"
        )


class Incidents(Repository):
    """What people do about them."""

    async def acknowledge(self, team: Team, incident_id: str, by: str) -> Incident:
        """Mark it as taken care of: no more reminders, and its message names the person.

        Raises:
            BotError: NOT_FOUND; ALREADY where it is over, or somebody was faster.
        """
        async with self._db.write() as session:
            incident = await session.get(Incident, incident_id, with_for_update=True)
            if incident is None or incident.team_id != team.id:
                raise BotError(AlertCode.NOT_FOUND)
            if incident.state is IncidentState.RESOLVED:
                raise BotError(AlertCode.NOT_OPEN, "This is over already, so there is nothing to acknowledge.")
            if incident.state is IncidentState.ACKNOWLEDGED:
                raise BotError(AlertCode.NOT_OPEN, "Somebody has acknowledged this already; the alert says who.")
            incident.state, incident.acknowledged_by = IncidentState.ACKNOWLEDGED, by
            await _change(session, incident, session.now)
            audit.record(session, team.id, by, "incident.acknowledge", session.now, incident.id)
        return incident


async def _open(session: Session, incident: Incident, subjects: Sequence[str], now: datetime) -> None:
    incident.subject, incident.opened_at, incident.updated_at = subjects[0], now, now
    session.add(incident)
    await session.flush()
    await _show(session, incident, now)


async def _go_on(session: Session, incident: Incident, detail: dict[str, Any], now: datetime) -> None:
    if detail != incident.detail:
        incident.detail = detail
        await _change(session, incident, now)
    last_told = incident.reminded_at or incident.opened_at
    if incident.state is IncidentState.OPEN and now - last_told >= REMIND_EVERY:
        incident.reminded_at = now
        session.add(incident)
        await _reply(session, incident, Notice.ALERT_REMINDER, now)


async def _resolve(session: Session, incident: Incident, now: datetime, *, told: bool) -> None:
    incident.state, incident.resolved_at = IncidentState.RESOLVED, now
    await _change(session, incident, now)
    if not told:
        await _reply(session, incident, Notice.ALERT_OVER, now)


async def _change(session: Session, incident: Incident, now: datetime) -> None:
    incident.version += 1
    incident.updated_at = now
    session.add(incident)
    await _show(session, incident, now)


async def _show(session: Session, incident: Incident, now: datetime) -> None:
    """Have it drawn, again where it was before, in its own channel and in the operator's."""
    await announce(session, incident.team_id, Notice.ALERT, incident.id, now=now)
    await show_in_ops_channel(session, incident.id, now)


async def _reply(session: Session, incident: Incident, kind: Notice, now: datetime) -> None:
    """Say something under the alert; where that was never posted, it says all of it itself when it is."""
    alert = key_of(Notice.ALERT, incident.id)
    posted = await session.exec(select(Outbox.id).where(Outbox.key == alert, col(Outbox.ts) != ""))
    if posted.first() is not None:
        episode = str(int(now.timestamp()))
        await announce(session, incident.team_id, kind, incident.id, now=now, episode=episode, reply_to=alert)


def _subjects(incident: Incident) -> list[str]:
    members = incident.detail.get("members", ())
    return [incident.subject, *(member for member in members if member != incident.subject)]


def _detail(
    kind: IncidentKind, subjects: Iterable[str], conditions: Conditions, before: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what the message says: of one subject all of it, of several their ids and names."""
    findings = {subject: conditions[kind, subject] for subject in subjects}
    if "members" not in before:
        (finding,) = findings.values()
        return dict(finding.detail)
    return {
        "members": list(findings),
        "names": sorted(str(finding.detail.get("name", subject)) for subject, finding in findings.items()),
    }
