"""The canvases that Mailroom made for a team: they are the team's, wherever Slack shows them."""

from sqlmodel import select

from storage import Audit, Repository, Team, audit


class Canvases(Repository):
    async def keep(self, team: Team, canvas_id: str, by: str) -> None:
        async with self._db.write() as session:
            audit.record(session, team.id, by, "canvas.create", session.now, canvas_id)

    async def is_made_for(self, team: Team, canvas_id: str) -> bool:
        made = select(Audit.id).where(
            Audit.team_id == team.id, Audit.action == "canvas.create", Audit.subject == canvas_id
        )
        async with self._db.read() as session:
            return (await session.exec(made.limit(1))).first() is not None
