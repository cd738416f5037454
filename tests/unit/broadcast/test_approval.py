"""Approval: nothing above the line is sent without the yes of somebody else, for that very version."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import col, select

from bot.api.tokens import ApiTokens
from bot.broadcast.approval import rules as approval
from bot.broadcast.approval.follow_up import ApprovalFollowUp
from bot.broadcast.approval.requests import ApprovalRequests
from bot.broadcast.broadcasts import Broadcasts
from bot.broadcast.draft import Edited
from bot.errors import BotError
from storage.database import Database
from storage.models import ApiToken, Audit, Broadcast, Delivery, Outbox, Team, TeamAdmin
from storage.states import Access, ApprovalRule, BroadcastState, SendKind
from tests.databases import Clock
from tests.interleaving import interleaving
from tests.triggers import refusing
from tests.unit.broadcast.fixtures import PUBLIC_URL, MortalDatabase, Station, csv, draft

ON_SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"])
ON_POSTGRESQL = pytest.mark.parametrize("database_kind", ["postgresql"])
WAITS, DRAFT, SCHEDULED = BroadcastState.AWAITING_APPROVAL, BroadcastState.DRAFT, BroadcastState.SCHEDULED
ANN, BOB, CLEO, DAN = "UANN", "UBOB", "UCLEO", "UDAN"


def requests_of(station: Station, db: Database | None = None) -> ApprovalRequests:
    db = db or station.db
    broadcasts = Broadcasts(db, station.preflight, undo_seconds=30, test_limit=50, public_url=PUBLIC_URL)
    return ApprovalRequests(db, station.preflight, broadcasts, undo_seconds=30)


def follow_up_of(station: Station) -> ApprovalFollowUp:
    return ApprovalFollowUp(station.db)


async def rule(station: Station, **values: Any) -> None:
    await station.change(station.team, **values)


async def asked(station: Station, by: str = ANN, start_at: datetime | None = None) -> Broadcast:
    prepared = await station.broadcasts.prepare(station.team, by, draft(), csv(3), start_at)
    made = prepared.broadcast
    return await requests_of(station).ask(station.team, made.id, made.version, by, agreed=[], asked_of=[CLEO])


async def approve(station: Station, request: Broadcast, by: str, *, admin: bool = False) -> Broadcast:
    return await requests_of(station).approve(station.team, request.id, request.version, by, workspace_admin=admin)


async def withdraw(station: Station, request: Broadcast, by: str) -> Broadcast:
    return await requests_of(station).withdraw(station.team, request.id, request.version, by, workspace_admin=False)


async def code_of(work: Callable[[], Awaitable[Any]]) -> str:
    try:
        await work()
    except BotError as error:
        return error.code
    return ""


async def notices(station: Station, kind: str) -> int:
    async with station.db.read() as session:
        return len((await session.exec(select(Outbox.id).where(Outbox.kind == kind))).all())


# The rules


@ON_SQLITE
@pytest.mark.parametrize(
    ("settings", "needed"),
    [
        ({"approval": ApprovalRule.NEVER}, False),
        ({"approval": ApprovalRule.ALWAYS}, True),
        ({"approval": ApprovalRule.FROM, "approval_from": 4}, False),
        ({"approval": ApprovalRule.FROM, "approval_from": 3}, True),
    ],
)
async def test_the_rule_decides_by_the_number_of_recipients(
    connected: Station, settings: dict[str, Any], needed: bool
) -> None:
    await rule(connected, **settings)
    made = (await connected.broadcasts.prepare(connected.team, ANN, draft(), csv(3), None)).broadcast

    code = await code_of(partial(connected.broadcasts.confirm, connected.team, made.id, made.version, ANN))

    assert code == ("APPROVAL_REQUIRED" if needed else "")


@ON_SQLITE
async def test_one_text_to_several_audiences_within_a_day_counts_as_one(connected: Station) -> None:
    await rule(connected, approval=ApprovalRule.FROM, approval_from=5)
    await connected.confirmed(3)

    async def confirm(text: str) -> str:
        made = (await connected.broadcasts.prepare(connected.team, ANN, draft(text), csv(3), None)).broadcast
        return await code_of(partial(connected.broadcasts.confirm, connected.team, made.id, made.version, ANN))

    assert await confirm("Another text") == ""
    assert await confirm("Hello {{first_name}}") == "APPROVAL_REQUIRED"
    connected.clock.advance(86_400)
    assert await confirm("Hello {{first_name}}") == ""


@ON_SQLITE
async def test_who_may_approve(connected: Station) -> None:
    async with connected.db.write() as session:
        session.add(TeamAdmin(team_id=connected.team.id, user_id=DAN, appointed_by=ANN, appointed_at=connected.clock()))
    await rule(connected, approval=ApprovalRule.ALWAYS)
    request = await asked(connected)

    assert await code_of(partial(approve, connected, request, ANN, admin=True)) == "OWN_BROADCAST"
    assert await code_of(partial(approve, connected, request, BOB)) == "NOT_APPROVER"
    await rule(connected, approvers=[BOB])
    assert await code_of(partial(approve, connected, request, CLEO, admin=True)) == "NOT_APPROVER"
    assert await code_of(partial(approve, connected, request, DAN)) == "NOT_APPROVER"
    await rule(connected, approvers=[])
    sent = await approve(connected, request, DAN)
    assert (sent.state, sent.start_at) == (SCHEDULED, connected.clock() + timedelta(seconds=30))


@ON_SQLITE
async def test_who_made_the_token_is_an_author_of_what_it_wrote(connected: Station) -> None:
    await rule(connected, approval=ApprovalRule.ALWAYS, approvers=[BOB, CLEO])
    token = ApiToken(team_id=connected.team.id, token_hash="x", created_by=BOB, created_at=connected.clock())
    async with connected.db.write() as session:
        session.add(token)
    made = (await connected.broadcasts.prepare(connected.team, f"token:{token.id}", draft(), csv(3), None)).broadcast
    request = await requests_of(connected).ask(
        connected.team, made.id, made.version, ANN, agreed=[], asked_of=[BOB, CLEO]
    )

    assert await code_of(partial(approve, connected, request, BOB)) == "OWN_BROADCAST"
    assert await code_of(partial(approve, connected, request, f"token:{token.id}")) == "OWN_BROADCAST"
    await ApiTokens(connected.db).revoke(connected.team, token.id, BOB)
    assert await code_of(partial(approve, connected, request, BOB)) == "OWN_BROADCAST"
    assert (await approve(connected, request, CLEO)).state is SCHEDULED


@ON_SQLITE
async def test_two_approvals_are_of_two_people_who_are_approvers_still(connected: Station) -> None:
    await rule(connected, approval=ApprovalRule.ALWAYS, approvers=[BOB, CLEO, DAN], approvals=2)
    request = await asked(connected)

    assert (await approve(connected, request, BOB)).state is WAITS
    assert await code_of(partial(approve, connected, request, BOB)) == "ALREADY"
    await rule(connected, approvers=[CLEO, DAN])
    assert (await approve(connected, request, CLEO)).state is WAITS
    assert (await approve(connected, request, DAN)).state is SCHEDULED


@ON_SQLITE
async def test_once_the_rule_is_off_one_yes_of_anybody_who_may_send_is_enough(connected: Station) -> None:
    await rule(connected, approval=ApprovalRule.ALWAYS, approvers=[BOB, CLEO, DAN], approvals=2)
    request = await asked(connected)
    await rule(connected, approval=ApprovalRule.NEVER, senders=[ANN])

    assert (await connected.broadcast(request.id)).state is WAITS
    assert await code_of(partial(approve, connected, request, BOB)) == "NOT_APPROVER"
    assert (await approve(connected, request, ANN)).state is SCHEDULED


@ON_SQLITE
async def test_what_was_confirmed_before_the_rule_goes_on_without_being_asked_for(connected: Station) -> None:
    confirmed = await connected.confirmed(3)
    paused = await connected.broadcasts.pause(connected.team, confirmed.id, confirmed.version, ANN)
    await rule(connected, approval=ApprovalRule.ALWAYS, approvers=[BOB, CLEO])

    await connected.broadcasts.resume(connected.team, paused.id, paused.version, ANN)
    await connected.run()

    assert await connected.is_done(confirmed.id, 3)


@ON_SQLITE
async def test_readiness_is_asked_at_the_approval_and_its_no_leaves_the_request_open(connected: Station) -> None:
    await rule(connected, approval=ApprovalRule.ALWAYS, approvers=[BOB])
    request = await asked(connected)
    connected.ses.fail("example.com")
    connected.clock.advance(3_600)

    assert await code_of(partial(approve, connected, request, BOB)) not in {"", "ALREADY"}

    assert (await connected.broadcast(request.id)).state is WAITS


# Its end


def at(**times: int) -> Broadcast:
    now = datetime(2026, 11, 24, 9).astimezone()
    start_at = now + timedelta(hours=times["start"]) if "start" in times else None
    return Broadcast(
        team_id="",
        mailer_id=None,
        kind=SendKind.BROADCAST,
        from_address="",
        created_by=ANN,
        created_at=now,
        asked_at=now,
        start_at=start_at,
    )


def test_it_ends_after_seven_days_or_at_the_time_chosen_and_reminds_before() -> None:
    now = at().created_at
    hours = [
        [(when(request) - now) / timedelta(hours=1) for when in (approval.remind_at, approval.ends_at)]
        for request in (at(), at(start=2), at(start=20), at(start=24 * 30))
    ]

    assert hours == [[4, 168], [1, 2], [4, 20], [4, 168]]


@ON_SQLITE
async def test_it_reminds_once_and_is_a_draft_again_when_nobody_approves_it(connected: Station) -> None:
    await rule(connected, approval=ApprovalRule.ALWAYS, approvers=[BOB])
    start_at = connected.clock() + timedelta(hours=6)
    request, follow_up = await asked(connected, start_at=start_at), follow_up_of(connected)
    for _ in range(2):
        await follow_up.tick()
        assert await notices(connected, "approval_reminder") == 0
    connected.clock.advance(3 * 3_600)
    for _ in range(2):
        await follow_up.tick()
        assert await notices(connected, "approval_reminder") == 1
    connected.clock.advance(3 * 3_600)

    assert await code_of(partial(approve, connected, request, BOB)) == "ALREADY"  # also before the tick
    for _ in range(2):
        await follow_up.tick()

    row = await connected.broadcast(request.id)
    assert (row.state, row.asked_by, row.approved_by, row.start_at) == (DRAFT, "", [], start_at)
    assert await notices(connected, "approval_step") == 1
    async with connected.db.read() as session:
        last = (await session.exec(select(Audit).order_by(col(Audit.id).desc()).limit(1))).one()
    assert (last.actor, last.action) == ("mailroom", "broadcast.expire")


@ON_SQLITE
async def test_a_request_that_cannot_be_ended_keeps_no_other_back(connected: Station) -> None:
    await rule(connected, approval=ApprovalRule.ALWAYS, approvers=[BOB])
    first, other = sorted([(await asked(connected)).id, (await asked(connected, by=DAN)).id])
    connected.clock.advance(8 * 24 * 3_600)
    async with refusing(connected.db, "broadcast", f"new.id = '{first}'"):
        with pytest.raises(DBAPIError, match="refused here"):
            await follow_up_of(connected).tick()
    assert [(await connected.broadcast(each)).state for each in (first, other)] == [WAITS, DRAFT]


@ON_SQLITE
@pytest.mark.parametrize("away", ["access", "channel"])
async def test_its_clock_stands_while_it_cannot_be_answered_and_it_says_so_on_return(
    connected: Station, away: str
) -> None:
    await rule(connected, approval=ApprovalRule.ALWAYS, approvers=[BOB])
    request, follow_up = await asked(connected), follow_up_of(connected)
    ended = approval.ends_at(request)

    async def is_away(yes: bool) -> None:
        if away == "channel":
            await rule(connected, reachable=not yes)
        else:
            mailer = await connected.mailers.require(connected.team)
            await connected.change(mailer, access=Access.LOST if yes else Access.OK)
        await follow_up.tick()

    await is_away(True)
    connected.clock.advance(8 * 86_400)
    await follow_up.tick()
    assert (await connected.broadcast(request.id)).state is WAITS
    assert await notices(connected, "approval_reminder") == await notices(connected, "approval_goes_on") == 0

    await is_away(False)

    row = await connected.broadcast(request.id)
    assert (row.version, approval.ends_at(row)) == (request.version, ended + timedelta(days=8))
    assert await notices(connected, "approval_goes_on") == 1
    connected.clock.advance(4 * 3_600)
    await follow_up.tick()
    assert await notices(connected, "approval_reminder") == 1
    connected.clock.advance(7 * 86_400)
    await follow_up.tick()
    assert (await connected.broadcast(request.id)).state is DRAFT
    assert await notices(connected, "approval_goes_on") == 1


@ON_SQLITE
async def test_a_time_chosen_passes_also_while_nobody_could_answer(connected: Station) -> None:
    await rule(connected, approval=ApprovalRule.ALWAYS, approvers=[BOB])
    start_at = connected.clock() + timedelta(hours=6)
    request, follow_up = await asked(connected, start_at=start_at), follow_up_of(connected)
    await rule(connected, reachable=False)
    await follow_up.tick()
    connected.clock.advance(7 * 3_600)
    await follow_up.tick()
    assert (await connected.broadcast(request.id)).state is WAITS
    assert await code_of(partial(approve, connected, request, BOB)) == "ALREADY"

    await rule(connected, reachable=True)
    for _ in range(2):
        await follow_up.tick()

    assert (await connected.broadcast(request.id)).state is DRAFT
    assert await notices(connected, "approval_goes_on") == 0
    async with connected.db.read() as session:
        last = (await session.exec(select(Audit).order_by(col(Audit.id).desc()).limit(1))).one()
    assert (last.action, last.after["held_seconds"]) == ("broadcast.expire", 7 * 3_600)


@ON_SQLITE
async def test_too_few_approvers_are_told_once(connected: Station) -> None:
    await rule(connected, approval=ApprovalRule.ALWAYS, approvers=[BOB, CLEO])
    request, follow_up = await asked(connected), follow_up_of(connected)
    async with connected.db.read() as session:
        team = await session.get_one(Team, connected.team.id)
    await follow_up.judge(team, request.id, [CLEO])
    assert await notices(connected, "approvers_missing") == 0

    for _ in range(2):
        await follow_up.judge(team, request.id, [ANN])

    assert await notices(connected, "approvers_missing") == 1


@ON_SQLITE
async def test_a_request_holds_a_place_among_the_drafts_and_a_mailer_that_goes_makes_a_draft_of_it(
    connected: Station,
) -> None:
    await rule(connected, approval=ApprovalRule.ALWAYS)
    request = await asked(connected)

    await requests_of(connected).withdraw_all(connected.team, ANN)

    assert (await connected.broadcast(request.id)).state is DRAFT


# At the same moment


async def of_two_one_wins(station: Station, *both: Callable[[], Awaitable[Any]]) -> None:
    works = [partial(code_of, work) for work in both]
    if station.db.path:
        codes = await asyncio.gather(*(work() for work in works))
    else:
        async with interleaving(station.db) as two:
            codes = await two.run(*works, order=[0, 1] * 20)
    assert sorted(codes) == ["", "ALREADY"]


async def test_of_an_approval_and_a_withdrawal_at_one_moment_one_wins(connected: Station) -> None:
    await rule(connected, approval=ApprovalRule.ALWAYS, approvers=[BOB, CLEO])
    request = await asked(connected)

    await of_two_one_wins(
        connected, partial(approve, connected, request, BOB), partial(withdraw, connected, request, ANN)
    )

    made = len(await connected.deliveries(request.id))
    assert ((await connected.broadcast(request.id)).state, made) in {(SCHEDULED, 3), (DRAFT, 0)}


async def test_of_two_approvals_at_one_moment_one_sends_it(connected: Station) -> None:
    await rule(connected, approval=ApprovalRule.ALWAYS, approvers=[BOB, CLEO])
    request = await asked(connected)

    await of_two_one_wins(
        connected, partial(approve, connected, request, BOB), partial(approve, connected, request, CLEO)
    )

    row = await connected.broadcast(request.id)
    assert (row.state, len(row.approved_by), len(await connected.deliveries(request.id))) == (SCHEDULED, 1, 3)


@ON_POSTGRESQL  # which two processes can share
@pytest.mark.parametrize("dies_at", range(1, 4))
async def test_who_dies_between_approval_and_schedule_leaves_a_request_or_all_of_it(
    connected: Station, database_url: str, clock: Clock, dies_at: int
) -> None:
    await rule(connected, approval=ApprovalRule.ALWAYS, approvers=[BOB])
    request = await asked(connected)
    db = MortalDatabase(database_url, clock, dies_at=dies_at)
    await db.start()
    with contextlib.suppress(OperationalError):
        await requests_of(connected, db).approve(
            connected.team, request.id, request.version, BOB, workspace_admin=False
        )
    await db.stop()

    row = await connected.broadcast(request.id)
    if row.state is WAITS:
        assert row.approved_by == []
        row = await approve(connected, request, BOB)
    assert (row.state, row.approved_by, len(await connected.deliveries(row.id))) == (SCHEDULED, [BOB], 3)


# Any history

PEOPLE = [ANN, BOB, CLEO]
EDITS = ["edit", "address", "time"]
ACTS = ["ask", "approve", "approve", "send back", "withdraw", "confirm", "undo", *EDITS]
RULES = [
    {"approval": ApprovalRule.NEVER},
    {"approval": ApprovalRule.ALWAYS},
    {"approval": ApprovalRule.FROM, "approval_from": 3},
    {"approvals": 2},
    {"approvals": 1},
    {"approvers": [BOB, CLEO]},
    {"approvers": []},
]


class Story:
    """One draft, what people do with it in any order, and what they may have meant by it."""

    def __init__(self, station: Station, made: Broadcast) -> None:
        self.station, self.id, self.requests = station, made.id, requests_of(station)
        self.wrote = {ANN}
        self.yes: list[tuple[str, tuple[Any, ...]]] = []
        self.seen = [made.version]
        self.texts = 0

    @staticmethod
    def content(row: Broadcast) -> tuple[Any, ...]:
        return row.subject, str(row.body), row.from_address, row.audience_id

    async def act(self, act: str, who: str, stale: bool) -> None:
        row = await self.station.broadcast(self.id)
        version = self.seen[0] if stale else row.version
        self.seen = [row.version]
        try:
            after = await (self._edit(act, who, version) if act in EDITS else self._press(act, who, version))
        except BotError:
            return
        if act == "approve":
            self.yes.append((who, self.content(after)))
        if act in {*EDITS, "undo"}:
            self.wrote = {ANN, who}
        if act == "ask":
            self.wrote |= {who}
            self.yes = []
        if after.state is SCHEDULED and row.state is not SCHEDULED:
            await self.check(after)

    async def _press(self, act: str, who: str, version: int) -> Broadcast:
        this, admin = (self.station.team, self.id, version, who), True
        presses: dict[str, Callable[[], Awaitable[Broadcast]]] = {
            "ask": lambda: self.requests.ask(*this, agreed=[], asked_of=[]),
            "approve": lambda: self.requests.approve(*this, workspace_admin=admin),
            "send back": lambda: self.requests.send_back(*this, "Shorter", workspace_admin=admin),
            "withdraw": lambda: self.requests.withdraw(*this, workspace_admin=False),
            "confirm": lambda: self.station.broadcasts.confirm(*this),
            "undo": lambda: self.station.broadcasts.undo(*this),
        }
        return await presses[act]()

    async def _edit(self, act: str, who: str, version: int) -> Broadcast:
        self.texts += 1
        address, subject = f"n{self.texts}@example.com", f"News {self.texts}"
        changed = draft(from_address=address) if act == "address" else draft(subject=subject)
        later = self.station.clock() + timedelta(hours=self.texts) if act == "time" else None
        edited = Edited(self.id, version)
        prepared = await self.station.broadcasts.prepare(self.station.team, who, changed, csv(3), later, edited=edited)
        return prepared.broadcast

    async def check(self, after: Broadcast) -> None:
        async with self.station.db.read() as session:
            team = await session.get_one(Team, self.station.team.id)
        if team.approval is ApprovalRule.NEVER:
            return
        others = {who for who, content in self.yes if content == self.content(after)} - self.wrote
        if team.approvers:
            others &= set(team.approvers)
        assert len(others) >= team.approvals, (team.approval, self.yes, self.wrote)


@ON_SQLITE
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.one_of(st.tuples(st.sampled_from(ACTS), st.sampled_from(PEOPLE), st.booleans()), st.sampled_from(RULES)),
        max_size=14,
    )
)
@example(steps=[("ask", ANN, False), ("approve", ANN, False), ("approve", BOB, False)])
@example(
    steps=[
        {"approvals": 2},
        ("ask", ANN, False),
        ("approve", BOB, False),
        ("withdraw", ANN, False),
        ("edit", ANN, False),
        ("ask", ANN, False),
        ("approve", CLEO, False),
    ]
)
@example(steps=[("edit", BOB, False), ("ask", ANN, False), ("approve", BOB, False), ("confirm", ANN, False)])
@example(steps=[("ask", BOB, False), ("approve", CLEO, False), ("undo", CLEO, False), ("confirm", BOB, False)])
async def test_nothing_above_the_line_is_sent_without_the_yes_of_others_to_that_very_version(
    connected: Station, steps: list[Any]
) -> None:
    await rule(connected, approval=ApprovalRule.ALWAYS, approval_from=3, approvers=[], approvals=1)
    async with connected.db.write() as session:
        for row in await session.exec(select(Broadcast).with_for_update()):
            await session.delete(row)
    made = (await connected.broadcasts.prepare(connected.team, ANN, draft(), csv(3), None)).broadcast
    story = Story(connected, made)

    for step in steps:
        if isinstance(step, dict):
            await rule(connected, **step)
        else:
            await story.act(*step)
    row = await connected.broadcast(made.id)
    async with connected.db.read() as session:
        found = (await session.exec(select(Delivery.seq).where(Delivery.broadcast_id == made.id))).all()
    assert len(found) == (3 if row.state is SCHEDULED else 0)
