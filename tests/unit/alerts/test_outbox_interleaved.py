"""A message never falls between two who write its row at the same moment: every order of their statements is tried."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import combinations_with_replacement, product
from typing import Any

import pytest
from sqlmodel import col, select, update

from bot.alerts.outbox import Notice, announce, key_of, redraw
from bot.teams import reachability
from storage import leases
from storage.database import Database, Session
from storage.models import Outbox, Team
from tests.interleaving import interleaving, orders

LEASE = timedelta(seconds=60)
RECORD = "r"


@pytest.fixture
def database_kind() -> str:
    return "postgresql"  # SQLite has one writer at a time


@pytest.fixture
async def team(db: Database) -> AsyncIterator[Team]:
    row = Team(slack_team_id="T1", channel_id="C1", name="news", created_by="U1", created_at=db.now())
    async with db.write() as session:
        session.add(row)
    yield row


@dataclass(frozen=True)
class Did:
    """What a transaction did to the row: how often it counted up what is wanted, and the fence at least."""

    wanted: int = 0
    fence: int = 0


Act = Callable[[Session, Team, Outbox], Awaitable[Did]]


async def announces(session: Session, team: Team, held: Outbox) -> Did:
    await announce(session, team.id, Notice.ALERT, RECORD, now=held.created_at)
    return Did(wanted=1)


async def redraws(session: Session, _team: Team, held: Outbox) -> Did:
    await redraw(session, [RECORD], [Notice.ALERT], held.created_at)
    return Did(wanted=1)


async def claims(session: Session, _team: Team, held: Outbox) -> Did:
    return Did(fence=len(await leases.claim_messages(session, now=held.created_at, lease=LEASE, limit=10)))


async def finishes(session: Session, _team: Team, held: Outbox) -> Did:
    if await leases.finish_message(session, held, now=held.created_at):
        return Did()
    return await doubts(session, _team, held)  # as the notifier does


async def doubts(session: Session, _team: Team, held: Outbox) -> Did:
    await leases.doubt_message(session, held, look_at=held.created_at + LEASE)
    return Did(fence=1)


async def loses_touch(session: Session, team: Team, held: Outbox) -> Did:
    await reachability.mark_unreachable(session, team, "is_archived", now=held.created_at)
    await leases.finish_message(session, held, now=held.created_at, retry_at=held.created_at + reachability.LOOK_AGAIN)
    return Did()


async def comes_back(session: Session, team: Team, held: Outbox) -> Did:
    await reachability.mark_reachable(session, team, now=held.created_at)
    return Did()  # and one more of the fence where the message was behind


async def rouses(session: Session, _team: Team, held: Outbox) -> Did:
    await leases.rouse(session, held.created_at)
    return Did()


ACTS: tuple[Act, ...] = (announces, redraws, claims, finishes, doubts, rouses)
OF_THE_CHANNEL: tuple[Act, ...] = (loses_touch, comes_back)
PAIRS = [
    *combinations_with_replacement(ACTS, 2),
    *product((announces, claims, finishes), OF_THE_CHANNEL),
    OF_THE_CHANNEL,
]
STATES: dict[str, dict[str, Any]] = {
    "held": {"wanted": 2, "shown": 1, "fence": 1, "claims": 1, "due_in": LEASE},
    "due": {"wanted": 2, "shown": 1, "fence": 1, "claims": 0, "due_in": timedelta()},
    "shown": {"wanted": 2, "shown": 2, "fence": 1, "claims": 0, "due_in": None},
}


async def _put(db: Database, team: Team, state: str, *, reachable: bool) -> Outbox:
    """Have the one row in this state; return it as its holder has it."""
    values = {**STATES[state]}
    due_in = values.pop("due_in")
    values["due_at"] = None if due_in is None else db.now() + due_in
    async with db.write() as session:
        await session.exec(update(Team).where(col(Team.id) == team.id).values(reachable=reachable))
        row = (await session.exec(select(Outbox).with_for_update())).first()
        row = row or Outbox(
            team_id=team.id,
            key=key_of(Notice.ALERT, RECORD),
            kind=Notice.ALERT,
            record_id=RECORD,
            ts="17.1",
            created_at=db.now(),
        )
        for name, value in values.items():
            setattr(row, name, value)
        session.add(row)
    return row


@pytest.mark.parametrize(("one", "other"), PAIRS)
async def test_in_every_order_nothing_is_lost(db: Database, team: Team, one: Act, other: Act) -> None:
    acts = (one, other)
    states = STATES if claims in acts else ("held", "shown")
    async with interleaving(db) as interleaved:
        for state in states:
            steps = []
            for act in acts:
                held = await _put(db, team, state, reachable=comes_back not in acts)
                steps.append(await interleaved.steps(partial(_in_transaction, db, act, team, held)))
            for order in orders(*steps):
                held = await _put(db, team, state, reachable=comes_back not in acts)
                works = [partial(_in_transaction, db, act, team, held) for act in acts]
                did = await interleaved.run(*works, order=order)
                async with db.read() as session:
                    row = (await session.exec(select(Outbox))).one()
                assert row.wanted == held.wanted + sum(each.wanted for each in did)
                assert row.due_at is not None or row.shown == row.wanted
                assert row.fence >= held.fence + sum(each.fence for each in did)


async def _in_transaction(db: Database, act: Act, team: Team, held: Outbox) -> Did:
    async with db.write() as session:
        return await act(session, team, held)
