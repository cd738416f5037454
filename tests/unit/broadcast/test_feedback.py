"""Events of any kind, in any order and twice; and the silence where none come. Rows alone, no AWS."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import delete, select

from bot.broadcast.events import Event, EventKind, parse
from bot.broadcast.outcomes import record
from bot.broadcast.silence import ENOUGH, follow_silence
from bot.mailer.hearing import heard
from bot.mailer.way_back import EVENTS_COME_WITHIN
from storage import leases
from storage.database import Database
from storage.models import Audience, Broadcast, Chunk, Delivery, Mailer, Poll, SendingAccount, Suppression, new_id
from storage.states import Access, ChunkState, DeliveryState, IncidentKind, PollKind, SendKind
from tests.databases import Clock
from tests.unit.alerts.rows import Watched

K, S = EventKind, DeliveryState
SECOND = timedelta(seconds=1)


class Sent:
    """A broadcast of a connected team, in the hands of SES."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self.db, self.clock = db, clock
        self.watched = Watched(db, clock())
        self.broadcast_id, self.chunk_id = new_id(), new_id()

    async def store(self, size: int, state: DeliveryState, **mailer: Any) -> None:
        await self.watched.store()
        team, now = self.watched.team, self.clock()
        audience = Audience(team_id=team.id, created_by="U1", created_at=now)
        account = SendingAccount(account_id="1", region="eu-west-1")
        broadcast = Broadcast(
            id=self.broadcast_id,
            team_id=team.id,
            mailer_id=self.watched.mailer.id,
            audience_id=audience.id,
            kind=SendKind.BROADCAST,
            from_address="a@example.com",
            created_by="U1",
            created_at=now,
        )
        chunk = Chunk(
            id=self.chunk_id,
            broadcast_id=broadcast.id,
            sending_account_id=account.id,
            state=ChunkState.IN_DOUBT,
            fence=1,
            size=size,
        )
        async with self.db.write() as session:
            for row in (audience, account, broadcast, chunk):
                session.add(row)
                await session.flush()
            session.add_all(
                Delivery(
                    broadcast_id=broadcast.id,
                    seq=seq,
                    address=f"r{seq}@else.test",
                    address_key=f"r{seq}@else.test",
                    state=state,
                    chunk_id=chunk.id,
                    at=now,
                )
                for seq in range(size)
            )
            stored = await session.get_one(Mailer, self.watched.mailer.id)
            for name, value in mailer.items():
                setattr(stored, name, value)

    def event(self, kind: EventKind, seq: int = 0, *, key: str = "") -> Event:
        address = f"r{seq}@else.test"
        return Event(key or new_id(), kind, "m1", self.chunk_id, self.broadcast_id, (address,), permanent=True)

    async def play(self, events: list[Event]) -> DeliveryState:
        """Let the events come, from a delivery in doubt on; what it ends as."""
        async with self.db.write() as session:
            row = await session.get_one(Delivery, (self.broadcast_id, 0))
            chunk = await session.get_one(Chunk, self.chunk_id)
            row.state, chunk.state = S.IN_DOUBT, ChunkState.IN_DOUBT
            session.add_all([row, chunk])
            await session.flush()
            for event in events:
                await record(session, self.watched.mailer, [event], self.clock())
            await session.refresh(row)
            return row.state

    async def mailer(self) -> Mailer:
        async with self.db.read() as session:
            return await session.get_one(Mailer, self.watched.mailer.id)

    async def listens(self) -> list[IncidentKind]:
        """Look for a silence, as the poll does; what is wrong then."""
        async with self.db.write() as session:
            await follow_silence(session, self.watched.mailer.id, self.clock())
        return [incident.kind for incident in await self.watched.open()]


@pytest.fixture
def sent(db: Database, clock: Clock) -> Sent:
    return Sent(db, clock)


# What SES may tell of one mail, and what it then is.
HISTORIES = [
    ({K.SEND}, S.SENT),
    ({K.SEND, K.DELIVERY_DELAY}, S.SENT),
    ({K.SEND, K.REJECT}, S.FAILED),
    ({K.RENDERING_FAILURE}, S.FAILED),
    ({K.SEND, K.DELIVERY_DELAY, K.DELIVERY}, S.DELIVERED),
    ({K.SEND, K.DELIVERY_DELAY, K.BOUNCE}, S.BOUNCED),
    ({K.SEND, K.DELIVERY, K.BOUNCE}, S.BOUNCED),  # the other side took it, and sent it back later
    ({K.SEND, K.DELIVERY_DELAY, K.DELIVERY, K.COMPLAINT}, S.COMPLAINED),
    ({K.SEND, K.DELIVERY, K.BOUNCE, K.COMPLAINT}, S.COMPLAINED),
]


@pytest.fixture
async def doubtful(sent: Sent) -> Sent:
    """One mail of which nobody knows whether it went out."""
    await sent.store(1, S.IN_DOUBT)
    return sent


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.sampled_from(HISTORIES), data=st.data())
async def test_any_order_of_events_ends_in_the_same_state_and_twice_is_once(
    doubtful: Sent, history: tuple[set[EventKind], DeliveryState], data: st.DataObject
) -> None:
    kinds, end = history
    once = [doubtful.event(kind) for kind in sorted(kinds)]
    again = data.draw(st.lists(st.sampled_from(once), max_size=4))
    order = data.draw(st.permutations(once + again))
    assert await doubtful.play(order) is end
    async with doubtful.db.read() as session:
        assert (await session.get_one(Chunk, doubtful.chunk_id)).state is ChunkState.DONE


async def test_only_what_lasts_is_suppressed(sent: Sent) -> None:
    await sent.store(4, S.SENT)
    soft = replace(sent.event(K.BOUNCE, 2), permanent=False)
    events = [sent.event(K.BOUNCE, 0), sent.event(K.COMPLAINT, 1), soft, sent.event(K.REJECT, 3)]
    async with sent.db.write() as session:
        for event in events:
            await record(session, sent.watched.mailer, [event], sent.clock())
    async with sent.db.read() as session:
        rows = await session.exec(select(Suppression))
        assert {row.address: row.reason for row in rows} == {"r0@else.test": "bounce", "r1@else.test": "complaint"}


async def test_an_event_that_comes_again_does_not_undo_what_a_person_decided(sent: Sent) -> None:
    await sent.store(1, S.SENT)
    event = sent.event(K.BOUNCE)
    for _ in range(2):
        async with sent.db.write() as session:
            await record(session, sent.watched.mailer, [event], sent.clock())
            await session.exec(delete(Suppression))  # somebody knows that the address is right
    async with sent.db.write() as session:
        await record(session, sent.watched.mailer, [event], sent.clock())
    async with sent.db.read() as session:
        assert (await session.exec(select(Suppression))).all() == []


# Silence


async def test_enough_mails_long_enough_ago_without_one_event_are_an_incident(sent: Sent) -> None:
    await sent.store(ENOUGH, S.SENT)
    sent.clock.advance(EVENTS_COME_WITHIN.total_seconds() - 1)
    assert await sent.listens() == []
    sent.clock.advance(1)
    assert await sent.listens() == [IncidentKind.EVENTS_MISSING]
    (incident,) = await sent.watched.open()
    assert incident.detail["count"] == ENOUGH
    assert datetime.fromisoformat(incident.detail["since"]) == sent.clock() - EVENTS_COME_WITHIN

    async with sent.db.write() as session:
        await leases.drop(session, PollKind.SUPPRESSIONS, sent.watched.mailer.id)
    await heard(sent.db, await sent.mailer(), sent.clock())
    assert await sent.watched.open() == []
    async with sent.db.read() as session:
        polls = {row.kind: row.due_at for row in await session.exec(select(Poll))}
    assert polls == {PollKind.SUPPRESSIONS: sent.clock()}, "AWS's own list tells what was missed"
    assert await sent.listens() == []


async def test_a_few_mails_are_no_alarm(sent: Sent) -> None:
    await sent.store(ENOUGH - 1, S.SENT)
    sent.clock.advance(3 * 24 * 3600)
    assert await sent.listens() == []


@pytest.mark.parametrize("state", [S.FAILED, S.SUPPRESSED, S.IN_DOUBT, S.PENDING, S.CANCELLED, S.BOUNCED], ids=str)
async def test_what_ses_did_not_take_or_has_told_of_is_not_missed(sent: Sent, state: DeliveryState) -> None:
    await sent.store(2 * ENOUGH, state)
    sent.clock.advance(3600)
    assert await sent.listens() == []


async def test_one_event_since_is_enough(sent: Sent, clock: Clock) -> None:
    await sent.store(2 * ENOUGH, S.SENT, heard_at=clock() + SECOND)
    sent.clock.advance(3600)
    assert await sent.listens() == []


async def test_without_access_nothing_can_be_heard(sent: Sent) -> None:
    await sent.store(2 * ENOUGH, S.SENT, access=Access.SUSPECT)
    sent.clock.advance(3600)
    assert await sent.listens() == []


# What an event says


def message(event: dict[str, Any]) -> str:
    return json.dumps({"Type": "Notification", "TopicArn": "t", "MessageId": "m", "Message": json.dumps(event)})


def test_an_event_of_a_mail_that_is_none_of_a_broadcast_counts_as_heard_alone() -> None:
    mail = {"messageId": "m1", "destination": ["success@simulator.amazonses.com"]}
    for tags in ({}, {"tags": {"ses:operation": ["SendEmail"]}}):
        event = parse(message({"eventType": "Send", "mail": mail | tags, "send": {}}), "t")
        assert event is not None
        assert (event.attempt, event.broadcast_id) == ("", "")


def test_delays_are_read_and_what_changes_nothing_is_passed_over() -> None:
    mail = {"messageId": "m1", "destination": ["a@else.test"], "tags": {"attempt": ["1"], "broadcast": ["2"]}}
    delayed = parse(message({"eventType": "DeliveryDelay", "mail": mail, "deliveryDelay": {}}), "t")
    assert delayed is not None
    assert (delayed.kind, delayed.addresses) == (K.DELIVERY_DELAY, ("a@else.test",))
    for kind in ("Open", "Click", "Subscription", "Something new"):
        assert parse(message({"eventType": kind, "mail": mail}), "t") is None
