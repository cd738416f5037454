import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event
from sqlmodel import select

from storage import leases
from storage.database import Database
from storage.leases import Claim
from storage.models import Outbox, Poll, SendingAccount, Team
from storage.states import PollKind
from tests.databases import Clock

LEASE = timedelta(seconds=60)
ACCOUNT, FEEDBACK = PollKind.ACCOUNT, PollKind.FEEDBACK


async def _schedule(db: Database, subject_id: str, due_in: float, *, postpone: bool = False) -> None:
    async with db.write() as session:
        due_at = db.now() + timedelta(seconds=due_in)
        await leases.schedule(session, ACCOUNT, subject_id, due_at, postpone=postpone)


async def _claim(db: Database, limit: int = 10) -> list[Claim]:
    async with db.write() as session:
        return await leases.claim_due(session, [ACCOUNT], lease=LEASE, limit=limit)


async def _finish(db: Database, claim: Claim, next_in: float) -> bool:
    async with db.write() as session:
        return await leases.finish(session, claim, db.now() + timedelta(seconds=next_in))


async def _due_in(db: Database, subject_id: str) -> float:
    async with db.read() as session:
        poll = (await session.exec(select(Poll).where(Poll.subject_id == subject_id))).one()
    return (poll.due_at - db.now()).total_seconds()


async def test_only_what_is_due_is_claimed_the_longest_overdue_first(db: Database) -> None:
    for subject_id, due_in in [("soon", 1), ("now", 0), ("late", -20), ("later", -10)]:
        await _schedule(db, subject_id, due_in)
    async with db.write() as session:
        await leases.schedule(session, FEEDBACK, "of another kind", db.now())
    assert [claim.subject_id for claim in await _claim(db, limit=2)] == ["late", "later"]
    assert [claim.subject_id for claim in await _claim(db)] == ["now"]
    assert await _claim(db) == []


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_what_is_due_is_claimed_without_reading_all_that_is_looked_at(db: Database) -> None:
    for subject_id in ("a", "b"):
        await _schedule(db, subject_id, 0)
    sent: list[tuple[str, Any]] = []

    def keep(_: Connection, __: object, statement: str, parameters: Any, *___: object) -> None:
        if " poll" in statement:
            sent.append((statement, parameters))

    def plans(connection: Connection) -> list[str]:
        return [str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {what}", how).all()) for what, how in sent]

    event.listen(Engine, "before_cursor_execute", keep)
    try:
        async with db.write() as session:
            claims = await leases.claim_due(session, [ACCOUNT, FEEDBACK], lease=LEASE, limit=10)
    finally:
        event.remove(Engine, "before_cursor_execute", keep)

    assert (len(claims), len(sent)) == (2, 2)
    assert [plan for plan in await db.run(plans) if "SCAN poll" in plan] == []


async def test_a_claim_that_is_not_finished_comes_back_when_its_lease_ends(db: Database, clock: Clock) -> None:
    await _schedule(db, "a", 0)
    (first,) = await _claim(db)
    clock.advance(59.9)
    assert await _claim(db) == []
    clock.advance(0.1)
    (second,) = await _claim(db)
    assert second.fence == first.fence + 1


async def test_a_finished_claim_is_due_when_it_was_said(db: Database, clock: Clock) -> None:
    await _schedule(db, "a", 0)
    (claim,) = await _claim(db)
    assert await _finish(db, claim, 300)
    clock.advance(299)
    assert await _claim(db) == []
    clock.advance(1)
    assert [claim.subject_id for claim in await _claim(db)] == ["a"]


async def test_whoever_comes_late_changes_nothing(db: Database, clock: Clock) -> None:
    await _schedule(db, "a", 0)
    (late,) = await _claim(db)
    clock.advance(60)
    (holder,) = await _claim(db)
    assert not await _finish(db, late, 999)
    assert await _due_in(db, "a") == 60
    assert await _finish(db, holder, 300)


async def test_scheduling_brings_forward_and_postpones_only_when_told(db: Database) -> None:
    await _schedule(db, "a", 100)
    await _schedule(db, "a", 200)
    assert await _due_in(db, "a") == 100
    await _schedule(db, "a", 50)
    assert await _due_in(db, "a") == 50
    await _schedule(db, "a", 500, postpone=True)
    assert await _due_in(db, "a") == 500


async def test_a_poll_wanted_during_a_claim_is_not_put_off_by_its_end(db: Database) -> None:
    await _schedule(db, "a", 0)
    (claim,) = await _claim(db)
    await _schedule(db, "a", 0)
    assert not await _finish(db, claim, 300)
    assert [claim.subject_id for claim in await _claim(db)] == ["a"]


async def test_a_dropped_poll_is_gone_for_its_holder_too(db: Database) -> None:
    await _schedule(db, "a", 0)
    (claim,) = await _claim(db)
    async with db.write() as session:
        await leases.drop(session, ACCOUNT, "a")
    assert not await _finish(db, claim, 0)
    assert await _claim(db) == []


async def test_twenty_claimers_at_once_share_the_work_without_overlap(db: Database) -> None:
    async with db.write() as session:
        for number in range(100):
            session.add(Poll(kind=ACCOUNT, subject_id=f"{number}", due_at=db.now()))
    shares = await asyncio.gather(*(_claim(db, limit=7) for _ in range(20)))
    claimed = [claim.subject_id for share in shares for claim in share]
    assert len(claimed) == len({*claimed})
    while share := await _claim(db):
        claimed += [claim.subject_id for claim in share]
    assert sorted(claimed) == sorted(str(number) for number in range(100))


@pytest.fixture
async def message(db: Database) -> Outbox:
    team = Team(slack_team_id="T1", channel_id="C1", name="news", created_by="U1", created_at=db.now())
    async with db.write() as session:
        session.add(team)
        await session.flush()
        row = Outbox(team_id=team.id, key="k", kind="alert", record_id="r", due_at=db.now(), created_at=db.now())
        session.add(row)
    return row


async def _claim_messages(db: Database) -> list[Outbox]:
    async with db.write() as session:
        return await leases.claim_messages(session, now=db.now(), lease=LEASE, limit=10)


async def _stored(db: Database, message: Outbox) -> Outbox:
    async with db.read() as session:
        return (await session.exec(select(Outbox).where(Outbox.id == message.id))).one()


async def test_a_shown_message_is_done(db: Database, message: Outbox) -> None:
    (claimed,) = await _claim_messages(db)
    assert await _claim_messages(db) == []
    async with db.write() as session:
        assert await leases.finish_message(session, claimed, now=db.now(), ts="17.1", channel_id="C1")
    stored = await _stored(db, message)
    assert (stored.due_at, stored.shown, stored.ts, stored.channel_id) == (None, 1, "17.1", "C1")


async def test_a_message_wanted_anew_while_it_was_posted_is_due_again(db: Database, message: Outbox) -> None:
    (claimed,) = await _claim_messages(db)
    async with db.write() as session:
        row = await session.get_one(Outbox, message.id, with_for_update=True)
        row.wanted += 1
    async with db.write() as session:
        assert await leases.finish_message(session, claimed, now=db.now(), ts="17.1")
    (again,) = await _claim_messages(db)
    assert (again.wanted, again.shown, again.ts) == (2, 1, "17.1")


async def test_a_message_that_could_not_be_posted_waits(db: Database, message: Outbox, clock: Clock) -> None:
    (claimed,) = await _claim_messages(db)
    async with db.write() as session:
        retry_at = db.now() + timedelta(seconds=5)
        assert await leases.finish_message(session, claimed, now=db.now(), retry_at=retry_at, attempts=1)
    assert (await _stored(db, message)).shown == 0
    assert await _claim_messages(db) == []
    clock.advance(5)
    assert [row.attempts for row in await _claim_messages(db)] == [1]


async def test_a_late_poster_records_nothing(db: Database, message: Outbox, clock: Clock) -> None:
    (late,) = await _claim_messages(db)
    clock.advance(60)
    (holder,) = await _claim_messages(db)
    async with db.write() as session:
        assert not await leases.finish_message(session, late, now=db.now(), ts="late")
        assert await leases.finish_message(session, holder, now=db.now(), ts="held")
    assert (await _stored(db, message)).ts == "held"


async def test_a_message_that_is_behind_and_never_due_is_found(db: Database, message: Outbox) -> None:
    async with db.write() as session:
        row = await session.get_one(Outbox, message.id, with_for_update=True)
        row.wanted, row.shown, row.due_at = 2, 1, None
    assert await _claim_messages(db) == []
    async with db.write() as session:
        assert await leases.rouse(session, db.now()) == [message.key]
        assert await leases.rouse(session, db.now()) == []
    assert [row.id for row in await _claim_messages(db)] == [message.id]


@pytest.fixture
async def account(db: Database) -> str:
    row = SendingAccount(account_id="123456789012", region="eu-west-1")
    async with db.write() as session:
        session.add(row)
    return row.id


async def _acquire(db: Database, account: str, owner: str) -> int | None:
    async with db.write() as session:
        return await leases.acquire(session, account, owner, lease=LEASE)


async def test_one_owner_holds_a_sending_account_until_its_lease_ends(db: Database, account: str, clock: Clock) -> None:
    assert await _acquire(db, account, "a") == 1
    assert await _acquire(db, account, "b") is None
    clock.advance(60)
    assert await _acquire(db, account, "b") == 2
    assert await _acquire(db, account, "c") is None


async def test_of_twenty_owners_at_once_one_gets_the_account(db: Database, account: str) -> None:
    fences = await asyncio.gather(*(_acquire(db, account, f"{number}") for number in range(20)))
    assert [fence for fence in fences if fence is not None] == [1]


async def test_a_sending_account_that_is_not_there_is_nobodys(db: Database) -> None:
    assert await _acquire(db, "missing", "a") is None


async def test_of_twenty_deliveries_of_one_request_one_is_new(db: Database) -> None:
    async def see() -> bool:
        async with db.write() as session:
            return await leases.mark_processed(session, "event")

    assert sorted(await asyncio.gather(*(see() for _ in range(20)))) == [False] * 19 + [True]


async def test_a_request_whose_work_failed_is_new_again(db: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with db.write() as session:
            assert await leases.mark_processed(session, "event")
            _ = 1 / 0
    async with db.write() as session:
        assert await leases.mark_processed(session, "event")


async def test_old_requests_are_forgotten(db: Database, clock: Clock) -> None:
    async with db.write() as session:
        await leases.mark_processed(session, "old")
    limit = clock.advance(600)
    async with db.write() as session:
        await leases.mark_processed(session, "new")
        assert await leases.forget_seen(session, limit) == 1
        assert await leases.mark_processed(session, "old")
        assert not await leases.mark_processed(session, "new")


async def test_what_a_dead_process_had_claimed_is_due_at_once_and_its_late_answer_counts_for_nothing(
    db: Database, clock: Clock
) -> None:
    async with db.write() as session:
        await leases.schedule(session, PollKind.ACCOUNT, "claimed", clock())
        await leases.schedule(session, PollKind.ACCOUNT, "far", clock() + timedelta(hours=1))
    async with db.write() as session:
        (claim,) = await leases.claim_due(session, [PollKind.ACCOUNT], lease=leases.LONGEST_POLL, limit=10)

    async with db.write() as session:
        await leases.reclaim_all(session, clock())

    async with db.write() as session:
        assert not await leases.finish(session, claim, clock() + timedelta(hours=1))
        again = await leases.claim_due(session, [PollKind.ACCOUNT], lease=leases.LONGEST_POLL, limit=10)
    assert [each.subject_id for each in again] == ["claimed"]
