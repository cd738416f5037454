"""What an operator alarms on, read from the database as it stands."""

from datetime import timedelta
from typing import Any

import pytest

from bot.alerts.outbox import Notice, announce
from bot.metrics import measure
from storage import leases
from storage.database import Database
from storage.models import Broadcast, Outbox, SendingAccount, Team
from storage.states import BroadcastState, SendKind
from tests.databases import Clock
from tests.unit.alerts.rows import mailer_row, team_row


def outbox_row(team: Team, key: str, clock: Clock, **values: Any) -> Outbox:
    now = clock()
    given: dict[str, Any] = {"team_id": team.id, "key": key, "kind": "alert", "record_id": "1", "created_at": now}
    return Outbox(**given | values)


@pytest.fixture
async def team(db: Database, clock: Clock) -> Team:
    made = team_row("C1", clock())
    async with db.write() as session:
        session.add(made)
    return made


async def test_a_message_that_slack_refuses_is_as_old_as_it_is_however_often_it_is_tried(
    db: Database, clock: Clock, team: Team
) -> None:
    gone = team_row("C2", clock())
    gone.reachable = False
    async with db.write() as session:
        session.add(gone)
        await session.flush()
        later = clock() + timedelta(seconds=700)
        session.add_all(
            (
                outbox_row(
                    team, "refused", clock, due_at=later, behind_since=clock() + timedelta(minutes=1), attempts=5
                ),
                outbox_row(
                    team, "edit", clock, due_at=later, attempts=5, ts="1.2", created_at=clock() - timedelta(days=1)
                ),
                outbox_row(team, "shown", clock, ts="1.3", created_at=clock() - timedelta(days=1)),
                outbox_row(
                    team,
                    "chart",
                    clock,
                    due_at=later,
                    behind_since=clock(),
                    is_file=True,
                    created_at=clock() - timedelta(hours=1),
                ),
                outbox_row(
                    gone,
                    "waits",
                    clock,
                    due_at=later,
                    behind_since=clock(),
                    attempts=5,
                    created_at=clock() - timedelta(days=1),
                ),
            )
        )
    clock.advance(600)

    now = await measure(db, clock())

    assert now.message_unsent == 600
    assert now.messages_failing == 2
    assert now.message_lag == 540  # from when it was due at first, though its next try is still to come
    assert now.messages_due == 0


async def test_a_message_is_late_from_when_it_was_due_at_first_until_slack_takes_it(
    db: Database, clock: Clock, team: Team
) -> None:
    async def wants() -> None:
        async with db.write() as session:
            await announce(session, team.id, Notice.ALERT, "1", now=clock())

    async def claims() -> Outbox:
        async with db.write() as session:
            (row,) = await leases.claim_messages(session, now=clock(), lease=timedelta(seconds=60), limit=1)
        return row

    async def ends(row: Outbox, **values: Any) -> None:
        async with db.write() as session:
            await leases.finish_message(session, row, now=clock(), **values)

    async def lag_after(seconds: float) -> float:
        clock.advance(seconds)
        return (await measure(db, clock())).message_lag

    await wants()
    for tries in (1, 2, 3):
        assert await lag_after(100) == tries * 100
        await ends(await claims(), retry_at=clock() + timedelta(seconds=50), attempts=tries)
    await wants()
    assert await lag_after(50) == 350
    taken = await claims()
    await wants()
    await ends(taken, ts="1.2", attempts=0)
    assert await lag_after(30) == 30  # of the edit that was wanted while it was posted
    await ends(await claims())
    assert await lag_after(100) == 0
    await wants()
    assert await lag_after(10) == 10


async def test_an_account_that_sends_nothing_is_as_late_as_its_last_claim_or_the_start_of_its_latest_broadcast(
    db: Database, clock: Clock, team: Team
) -> None:
    begun = clock()
    account = SendingAccount(account_id="111122223333", region="eu-west-1")
    other = SendingAccount(account_id="444455556666", region="eu-west-1", next_send_at=begun - timedelta(days=1))
    mailer = mailer_row(team, begun)
    made = Broadcast(
        team_id=team.id,
        mailer_id=mailer.id,
        kind=SendKind.BROADCAST,
        state=BroadcastState.SENDING,
        from_address="a@b.test",
        resumed_at=begun,
        created_by="U1",
        created_at=begun,
    )
    async with db.write() as session:
        session.add_all((mailer, account, other))
        await session.flush()
        session.add(made)

    async def after(seconds: float) -> float:
        clock.advance(seconds)
        return (await measure(db, clock())).sending_lag

    assert await after(100) == 100
    async with db.write() as session:
        (await session.get_one(SendingAccount, account.id, with_for_update=True)).next_send_at = clock()
    assert await after(30) == 30
    async with db.write() as session:
        (await session.get_one(Broadcast, made.id, with_for_update=True)).state = BroadcastState.PAUSED
    assert await after(30) == 0
