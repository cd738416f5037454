"""Teams, mailers and identities as rows, without an AWS behind them."""

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col, select

from bot.alerts.incidents import open_incidents
from bot.mailer.monitoring.incident_rules import reconcile_incidents
from storage.database import Database
from storage.models import Identity, Incident, Mailer, Outbox, Team
from storage.states import IdentityKind, IdentityState, Production


def team_row(channel: str, now: datetime) -> Team:
    return Team(slack_team_id="T1", channel_id=channel, name=channel.lower(), created_by="U1", created_at=now)


def mailer_row(team: Team, now: datetime, **changes: Any) -> Mailer:
    """Return a healthy mailer in production, with a daily quota of 1,000."""
    values: dict[str, Any] = {
        "team_id": team.id,
        "connection": team.id,
        "account_id": "111122223333",
        "region": "eu-west-1",
        "principal_arn": "arn:aws:iam::111122223333:user/mailroom",
        "credentials": b"",
        "credentials_at": now - timedelta(days=1),
        "connected_by": "U1",
        "connected_at": now - timedelta(days=1),
        "configuration_set": "mailroom",
        "topic_arn": "",
        "access_since": now,
        "access_checked_at": now,
        "checked_at": now,
        "production": Production.GRANTED,
        "production_access": True,
        "max_24_hour_send": 1_000,
        "max_send_rate": 14,
    }
    return Mailer(**values | changes)


def identity_row(mailer: Mailer, name: str, now: datetime, **changes: Any) -> Identity:
    """Return a managed identity that is verified."""
    values: dict[str, Any] = {
        "team_id": mailer.team_id,
        "mailer_id": mailer.id,
        "name": name,
        "kind": IdentityKind.ADDRESS if "@" in name else IdentityKind.DOMAIN,
        "managed": True,
        "state": IdentityState.VERIFIED,
        "state_since": now,
        "verified_at": now,
        "checked_at": now,
    }
    return Identity(**values | changes)


class Watched:
    """One team with a mailer and identities in a database, whose facts a test changes."""

    def __init__(self, db: Database, now: datetime, *names: str) -> None:
        self.db = db
        self.team = team_row("C1", now)
        self.mailer = mailer_row(self.team, now)
        self.names = names
        self._now = now

    async def store(self) -> None:
        async with self.db.write() as session:
            session.add(self.team)
            await session.flush()
            session.add(self.mailer)
            await session.flush()
            session.add_all(identity_row(self.mailer, name, self._now) for name in self.names)

    async def follow(self, now: datetime, *, told: bool = False, **facts: Any) -> None:
        """Change facts of the mailer and bring the incidents in line with them, in one transaction."""
        async with self.db.write() as session:
            mailer = await session.get_one(Mailer, self.mailer.id, with_for_update=True)
            for name, value in facts.items():
                setattr(mailer, name, value)
            session.add(mailer)
            managed = (await session.exec(select(Identity).where(Identity.mailer_id == mailer.id))).all()
            await reconcile_incidents(session, mailer, managed, now, told=told)

    async def change(self, *names: str, **facts: Any) -> None:
        """Change facts of these identities."""
        async with self.db.write() as session:
            for row in await session.exec(select(Identity).where(col(Identity.name).in_(names)).with_for_update()):
                for name, value in facts.items():
                    setattr(row, name, value)
                session.add(row)

    async def open(self) -> list[Incident]:
        async with self.db.read() as session:
            return await open_incidents(session, self.team.id)

    async def told(self, *kinds: str) -> list[Outbox]:
        """Return the messages of these kinds (all, without one), oldest first."""
        async with self.db.read() as session:
            rows = (await session.exec(select(Outbox).order_by(col(Outbox.created_at)))).all()
        return [row for row in rows if not kinds or row.kind in kinds]

    async def post(self) -> None:
        """Deliver everything, as the notifier does."""
        async with self.db.write() as session:
            for row in await session.exec(select(Outbox).with_for_update()):
                row.ts, row.shown, row.due_at = row.ts or "1.0", row.wanted, None
                session.add(row)
