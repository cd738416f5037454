"""`python app.py fleet` and `audit --since TIME`: what an operator sees across channels. They change nothing."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, Final

from sqlmodel import col, select

from bot.settings import Settings
from storage import Audit, Database, Incident, IncidentState, Mailer, StorageError, Team

_PAGE: Final = 1_000  # rows of the audit

Say = Callable[[str], None]


def parse_time(text: str) -> datetime:
    """Read a day or a time as ISO 8601 has it; without a zone it is UTC. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


async def tell_fleet(settings: Settings, say: Say, *, as_json: bool) -> None:
    """Say how each channel's mailer is, by line or as one JSON array. Raises StorageError."""
    db = Database(settings.database_url)
    try:
        await _check_current(db)
        fleet = await _fleet(db)
    finally:
        await db.stop()
    if as_json:
        say(json.dumps(fleet, indent=2))
        return
    for each in fleet:
        say(_line(each))


async def tell_audit(settings: Settings, since: datetime, say: Say) -> None:
    """Say who did what since then, oldest first, a JSON object a line. Raises StorageError."""
    db = Database(settings.database_url)
    try:
        await _check_current(db)
        async for row in _audit(db, since):
            say(json.dumps(row))
    finally:
        await db.stop()


async def _check_current(db: Database) -> None:
    if db.path and not db.path.exists():
        raise StorageError("There is no database yet; the first start makes it.")
    if not await db.is_current():
        raise StorageError("The database has an older schema: run `python app.py migrate` first.")


async def _fleet(db: Database) -> list[dict[str, Any]]:
    async with db.read() as session:
        teams = (await session.exec(select(Team).order_by(Team.slack_team_id, Team.channel_id))).all()
        mailers = {row.team_id: row for row in await session.exec(select(Mailer))}
        wrong = select(Incident).where(col(Incident.state) != IncidentState.RESOLVED).order_by(col(Incident.opened_at))
        incidents = defaultdict(list)
        for incident in await session.exec(wrong):
            incidents[incident.team_id].append(str(incident.kind))
    shown = [team for team in teams if team.id in mailers or not team.ops]
    return [_state(team, mailers.get(team.id), incidents[team.id]) for team in shown]


def _state(team: Team, mailer: Mailer | None, incidents: list[str]) -> dict[str, Any]:
    """Return states only: the name of a private channel is nobody's business but its own."""
    return {
        "workspace": team.slack_team_id,
        "channel": team.channel_id,
        "name": None if team.private else team.name,
        "reachable": team.reachable,
        "mailer": mailer
        and {
            "account": mailer.account_id,
            "region": mailer.region,
            "access": mailer.access,
            "production": mailer.production,
            "sending": mailer.sending,
            "quota": mailer.max_24_hour_send,
            "sent_last_24_hours": mailer.sent_last_24_hours,
            "checked_at": mailer.checked_at.isoformat(),
        },
        "incidents": incidents,
    }


def _line(each: dict[str, Any]) -> str:
    channel = "a private channel" if each["name"] is None else f"#{each['name']}"
    mailer, parts = each["mailer"], [f"{each['workspace']}/{each['channel']} {channel}"]
    if mailer is None:
        parts.append("no mailer")
    else:
        parts.append(f"{mailer['account']} {mailer['region']}")
        parts.append(f"access {mailer['access']}, production {mailer['production']}, sending {mailer['sending']}")
    if not each["reachable"]:
        parts.append("out of reach")
    if each["incidents"]:
        parts.append(f"open: {', '.join(each['incidents'])}")
    return " · ".join(parts)


async def _audit(db: Database, since: datetime) -> AsyncIterator[dict[str, Any]]:
    last = 0
    while True:
        page = select(Audit, Team).outerjoin(Team, col(Team.id) == col(Audit.team_id))
        page = page.where(col(Audit.at) >= since, col(Audit.id) > last).order_by(col(Audit.id)).limit(_PAGE)
        async with db.read() as session:
            rows = (await session.exec(page)).all()
        for row, team in rows:
            last = row.id or 0
            told = row.model_dump(include={"id", "team_id", "actor", "action", "subject", "before", "after"})
            where = {"workspace": team.slack_team_id, "channel": team.channel_id} if team else {}
            yield {"at": row.at.isoformat(), **told, **where}
        if len(rows) < _PAGE:
            return
