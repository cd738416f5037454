"""Events of any kind, in any order and twice; and the silence where none come. Rows alone, no AWS."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError
from sqlmodel import delete, select

from bot import unknown_answers
from bot.feedback.event_collector import EventCollector
from bot.feedback.event_processor import FIND, process_events
from bot.feedback.missing_events import ENOUGH, detect_missing_events
from bot.feedback.ses_events import LONGEST_ID, EventKind, SesEvent, parse
from bot.mailer.credential_store import CredentialStore
from bot.mailer.monitoring.feedback_health import event_received
from bot.mailer.monitoring.feedback_route import EVENTS_COME_WITHIN
from bot.ses.client import SesClients
from bot.ses.errors import MAX_TEXT
from storage import leases
from storage.database import Database
from storage.models import Audience, Broadcast, Chunk, Delivery, Mailer, Poll, SendingAccount, Suppression, new_id
from storage.sealing import KeyRing
from storage.states import Access, ChunkState, DeliveryState, IncidentKind, PollKind, SendKind, SuppressionReason
from tests.databases import Clock
from tests.triggers import refusing
from tests.unit.alerts.rows import Watched
from tests.unit.broadcast.fixtures import MortalDatabase

K, S, R = EventKind, DeliveryState, SuppressionReason
TEXTS = dict.fromkeys(K, "") | {K.BOUNCE: "Permanent, General:", K.SOFT_BOUNCE: "Transient, General:"}
REASONS = {K.BOUNCE: R.BOUNCE, K.NOT_TRIED: R.BOUNCE, K.COMPLAINT: R.COMPLAINT}
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
            stored = await session.get_one(Mailer, self.watched.mailer.id, with_for_update=True)
            for name, value in mailer.items():
                setattr(stored, name, value)

    def event(self, kind: EventKind, seq: int = 0, *, key: str = "") -> SesEvent:
        address = f"r{seq}@else.test"
        return SesEvent(
            key or new_id(), kind, "m1", self.chunk_id, self.broadcast_id, address, REASONS.get(kind), TEXTS[kind]
        )

    async def play(self, events: list[SesEvent]) -> DeliveryState:
        """Let the events come, from a delivery in doubt on; what it ends as."""
        async with self.db.write() as session:
            old = await session.get_one(Delivery, (self.broadcast_id, 0), with_for_update=True)
            called = await session.get_one(Chunk, self.chunk_id, with_for_update=True)
            for gone in (old, called):
                await session.delete(gone)
                await session.flush()
            row = Delivery(**old.model_dump() | {"state": S.IN_DOUBT})
            for made in (Chunk(**called.model_dump() | {"state": ChunkState.IN_DOUBT}), row):
                session.add(made)
                await session.flush()
            for event in events:
                await process_events(session, self.watched.mailer, [event])
            await session.refresh(row)
            return row.state

    async def mailer(self) -> Mailer:
        async with self.db.read() as session:
            return await session.get_one(Mailer, self.watched.mailer.id)

    async def listens(self) -> list[IncidentKind]:
        """Look for a silence, as the poll does; what is wrong then."""
        async with self.db.write() as session:
            await detect_missing_events(session, self.watched.mailer.id)
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
    ({K.SEND, K.NOT_TRIED}, S.SUPPRESSED),
    ({K.SEND, K.SOFT_BOUNCE}, S.BOUNCED),
    ({K.SEND, K.SOFT_BOUNCE, K.DELIVERY}, S.DELIVERED),  # an out-of-office answer
    ({K.SEND, K.SOFT_BOUNCE, K.BOUNCE, K.DELIVERY}, S.BOUNCED),
    ({K.SEND, K.DELIVERY, K.NOT_SPAM}, S.DELIVERED),
    ({K.NOT_SPAM}, S.SENT),
    ({K.SEND, K.DELIVERY, K.NOT_SPAM, K.COMPLAINT}, S.COMPLAINED),
    (set(K), S.COMPLAINED),
]


@pytest.fixture
async def doubtful(sent: Sent) -> Sent:
    """One mail of which nobody knows whether it went out."""
    await sent.store(1, S.IN_DOUBT)
    return sent


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


@pytest.mark.parametrize("kind", [K.BOUNCE, K.DELIVERY, K.REJECT, K.COMPLAINT])
@pytest.mark.parametrize("state", [S.SENDING, S.SENT, S.IN_DOUBT])
async def test_an_event_of_an_earlier_attempt_settles_no_later_one(
    sent: Sent, kind: EventKind, state: DeliveryState
) -> None:
    """What was in doubt was sent again; then the first mail of the two bounces after all."""
    await sent.store(1, state)
    async with sent.db.write() as session:
        await process_events(session, sent.watched.mailer, [sent.event(kind)._replace(attempt="earlier")])
    async with sent.db.read() as session:
        assert (await session.get_one(Delivery, (sent.broadcast_id, 0))).state is state
    assert bool(await suppressed(sent.db)) is (kind in REASONS), "it is the same address all the same"


async def test_what_a_mail_server_says_is_kept_as_one_short_visible_line(sent: Sent) -> None:
    await sent.store(1, S.SENT, topic_arn="t")
    (body,) = bounces_of(sent, 1)
    envelope = json.loads(body)
    event = json.loads(envelope["Message"])
    said = "550 <!channel> \0\r\n\u202e\ud800" + "x" * 6_000
    event["bounce"]["bouncedRecipients"] = [{"diagnosticCode": said}]
    envelope["Message"] = json.dumps(event)
    feedback = EventCollector(sent.db, CredentialStore(KeyRing.generate(), SesClients()))
    await feedback.ingest(await sent.mailer(), [json.dumps(envelope)])
    async with sent.db.read() as session:
        error = (await session.get_one(Delivery, (sent.broadcast_id, 0))).error
    assert error.startswith("Permanent, General: 550 <!channel> x")
    assert (len(error), error.isprintable()) == (MAX_TEXT, True)


async def test_only_what_lasts_is_suppressed(sent: Sent) -> None:
    await sent.store(4, S.SENT)
    harmless = [sent.event(kind, 2) for kind in (K.SOFT_BOUNCE, K.NOT_SPAM)]
    events = [sent.event(K.BOUNCE, 0), sent.event(K.COMPLAINT, 1), *harmless, sent.event(K.REJECT, 3)]
    async with sent.db.write() as session:
        for event in events:
            await process_events(session, sent.watched.mailer, [event])
    async with sent.db.read() as session:
        rows = await session.exec(select(Suppression))
        assert {row.address: row.reason for row in rows} == {"r0@else.test": "bounce", "r1@else.test": "complaint"}


async def test_an_event_that_comes_again_does_not_undo_what_a_person_decided(sent: Sent) -> None:
    await sent.store(1, S.SENT)
    event = sent.event(K.BOUNCE)
    for _ in range(2):
        async with sent.db.write() as session:
            await process_events(session, sent.watched.mailer, [event])
            await session.exec(delete(Suppression))  # somebody knows that the address is right
    async with sent.db.write() as session:
        await process_events(session, sent.watched.mailer, [event])
    async with sent.db.read() as session:
        assert (await session.exec(select(Suppression))).all() == []


async def test_nobody_is_suppressed_whom_the_broadcast_was_not_for(sent: Sent) -> None:
    await sent.store(1, S.SENT)
    events = [sent.event(kind)._replace(address="ceo@victim.test") for kind in (K.BOUNCE, K.COMPLAINT)]
    async with sent.db.write() as session:
        await process_events(session, sent.watched.mailer, events)
    assert await suppressed(sent.db) == {}


# Messages that cannot be written down


async def suppressed(db: Database) -> dict[str, str]:
    async with db.read() as session:
        return {row.address: row.reason for row in await session.exec(select(Suppression))}


def bounces_of(sent: Sent, count: int) -> list[str]:
    def body(seq: int) -> str:
        event = told([f"r{seq}@else.test"])
        event["mail"]["tags"] = {"attempt": [sent.chunk_id], "broadcast": [sent.broadcast_id]}
        return json.dumps(json.loads(message(event)) | {"MessageId": f"m{seq}"})

    return [body(seq) for seq in range(count)]


async def test_a_message_that_cannot_be_written_down_keeps_no_other_back(
    sent: Sent, caplog: pytest.LogCaptureFixture
) -> None:
    await sent.store(10, S.SENT, topic_arn="t")
    feedback = EventCollector(sent.db, CredentialStore(KeyRing.generate(), SesClients()))
    async with refusing(sent.db, "delivery", "new.seq = 3"):
        await feedback.ingest(await sent.mailer(), bounces_of(sent, 10))
    assert set(await suppressed(sent.db)) == {f"r{seq}@else.test" for seq in range(10) if seq != 3}
    assert [record.getMessage() for record in caplog.records] == [
        f"a message from the topic of mailer {sent.watched.mailer.id} cannot be written down and is passed over"
    ]


async def test_where_the_database_is_away_no_message_is_passed_over(sent: Sent, database_url: str) -> None:
    await sent.store(1, S.SENT, topic_arn="t")
    gone = MortalDatabase(database_url, sent.clock, dies_at=1)
    try:
        feedback = EventCollector(gone, CredentialStore(KeyRing.generate(), SesClients()))
        with pytest.raises(OperationalError):
            await feedback.ingest(await sent.mailer(), bounces_of(sent, 1))
    finally:
        await gone.stop()
    await EventCollector(sent.db, CredentialStore(KeyRing.generate(), SesClients())).ingest(
        await sent.mailer(), bounces_of(sent, 1)
    )
    assert await suppressed(sent.db) == {"r0@else.test": "bounce"}


async def test_a_database_that_is_back_a_moment_later_costs_no_message(sent: Sent, database_url: str) -> None:
    await sent.store(1, S.SENT, topic_arn="t")
    away = MortalDatabase(database_url, sent.clock, dies_at=1, revives=2)  # for the batch, and for the message alone
    try:
        feedback = EventCollector(away, CredentialStore(KeyRing.generate(), SesClients()))
        await feedback.ingest(await sent.mailer(), bounces_of(sent, 1))
    finally:
        await away.stop()
    assert await suppressed(sent.db) == {"r0@else.test": "bounce"}


async def test_bounces_are_judged_by_the_next_process_where_one_died_before_it_did(
    sent: Sent, database_url: str
) -> None:
    await sent.store(1, S.SENT, topic_arn="t")
    dying = MortalDatabase(database_url, sent.clock, dies_at=2)  # when the event is written down
    try:
        feedback = EventCollector(dying, CredentialStore(KeyRing.generate(), SesClients()))
        with pytest.raises(OperationalError):
            await feedback.ingest(await sent.mailer(), bounces_of(sent, 1))
    finally:
        await dying.stop()
    assert await suppressed(sent.db) == {"r0@else.test": "bounce"}
    await EventCollector(sent.db, CredentialStore(KeyRing.generate(), SesClients())).tick()
    assert (await sent.mailer()).bounced_lately == 1


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
    await event_received(sent.db, await sent.mailer(), sent.clock())
    assert await sent.watched.open() == []
    async with sent.db.read() as session:
        polls = {row.kind: row.due_at for row in await session.exec(select(Poll))}
    assert polls[PollKind.SUPPRESSIONS] == sent.clock(), "AWS's own list tells what was missed"
    assert polls[PollKind.FORWARDING] == sent.clock(), "what it mails itself is wanted no longer"
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
    await sent.store(2 * ENOUGH, S.SENT, last_event_at=clock() + SECOND)
    sent.clock.advance(3600)
    assert await sent.listens() == []


async def test_without_access_nothing_can_be_heard(sent: Sent) -> None:
    await sent.store(2 * ENOUGH, S.SENT, access=Access.SUSPECT)
    sent.clock.advance(3600)
    assert await sent.listens() == []


# What an event says


def message(event: dict[str, Any]) -> str:
    return json.dumps({"Type": "Notification", "TopicArn": "t", "MessageId": "m", "Message": json.dumps(event)})


def told(destination: Any, **changes: Any) -> dict[str, Any]:
    """A bounce for good of one mail of a broadcast."""
    tags = {"attempt": ["1"], "broadcast": ["2"]}
    bounce = {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": []}
    mail = {"messageId": "m1", "destination": destination, "tags": tags}
    return {"eventType": "Bounce", "mail": mail, "bounce": bounce} | changes


@pytest.mark.parametrize(
    "address",
    ["a" * 321, "a\0@else.test", "\ud800@else.test", "a\n@else.test", "a\u202e@else.test", 7, None, {"a": 1}, ["a"]],
    ids=ascii,
)
def test_an_address_that_no_mail_could_have_gone_to_is_no_event(address: Any) -> None:
    assert parse(message(told([address])), "t") is None
    assert parse(message(told(["a@else.test"])), "t") is not None


@pytest.mark.parametrize("value", ["\0", "\ud800", "\n", 7, None, []], ids=ascii)
@pytest.mark.parametrize("name", ["messageId", "attempt", "broadcast", "MessageId"])
def test_ids_that_no_database_takes_are_no_event(name: str, value: Any) -> None:
    event = told(["a@else.test"])
    if name == "messageId":
        event["mail"][name] = value
    elif name != "MessageId":
        event["mail"]["tags"][name] = [value]
    envelope = json.loads(message(event))
    envelope |= {"MessageId": value} if name == "MessageId" else {}
    assert parse(json.dumps(envelope), "t") is None


def test_long_ids_are_cut() -> None:
    event = told(["a@else.test"])
    event["mail"] |= {"messageId": "m" * 9_999, "tags": {"attempt": ["a" * 9_999], "broadcast": ["b" * 9_999]}}
    envelope = json.loads(message(event)) | {"MessageId": "k" * 9_999}
    read = parse(json.dumps(envelope), "t")
    assert read is not None
    assert {len(each) for each in (read.key, read.message_id, read.attempt, read.broadcast_id)} == {LONGEST_ID}


@pytest.mark.parametrize(
    "recipients",
    [
        [{"emailAddress": "mila.private@home.test"}],
        [{"emailAddress": "Mila <mila@north.test> "}],
        [{"emailAddress": "x" * 6_000}, {"diagnosticCode": 7}, "\0"],
        [],
        None,
        "nobody",
    ],
    ids=ascii,
)
def test_a_bounce_is_about_whom_the_mail_was_for_whatever_the_other_side_names(recipients: Any) -> None:
    event = told(["mila@north.test"])
    event["bounce"]["bouncedRecipients"] = recipients
    read = parse(message(event), "t")
    assert read is not None
    assert (read.address, read.reason, read.text) == ("mila@north.test", R.BOUNCE, "Permanent, General:")


@pytest.mark.parametrize(
    ("kind", "sub_type", "expected"),
    [
        ("Permanent", "General", (K.BOUNCE, R.BOUNCE)),
        ("Permanent", "NoEmail", (K.BOUNCE, R.BOUNCE)),
        ("Permanent", "Suppressed", (K.BOUNCE, R.BOUNCE)),
        ("Permanent", "OnAccountSuppressionList", (K.NOT_TRIED, R.BOUNCE)),
        ("Permanent", "OnTenantSuppressionList", (K.NOT_TRIED, R.BOUNCE)),
        ("Permanent", "EmailValidationSuppressed", (K.NOT_TRIED, None)),
        ("Permanent", "UnsubscribedRecipient", (K.NOT_TRIED, R.UNSUBSCRIBED)),
        ("Permanent", "something new", (K.BOUNCE, R.BOUNCE)),
        ("Permanent", None, (K.BOUNCE, R.BOUNCE)),
        ("Transient", "General", (K.SOFT_BOUNCE, None)),
        ("Transient", "MailboxFull", (K.SOFT_BOUNCE, None)),
        ("Undetermined", "Undetermined", (K.SOFT_BOUNCE, None)),
        ("something new", "", (K.SOFT_BOUNCE, None)),
    ],
)
def test_what_a_bounce_means(
    kind: str, sub_type: str | None, expected: tuple[EventKind, SuppressionReason | None]
) -> None:
    bounce: dict[str, Any] = {"bounceType": kind, "bounceSubType": sub_type, "bouncedRecipients": []}
    read = parse(message(told(["a@else.test"], bounce=bounce)), "t")
    assert read is not None
    assert (read.kind, read.reason) == expected


def test_what_is_on_no_list_is_counted_and_what_is_passed_over_is_not() -> None:
    pair, event = ("ses", "event"), told(["a@else.test"])
    before = unknown_answers.answers.counted.get(pair, 0)
    for kind in ("Open", "Click", "Subscription", "Brand New"):
        assert parse(message(event | {"eventType": kind}), "t") is None
    assert unknown_answers.answers.counted[pair] == before + 1
    parse(message(told(["a@else.test"], bounce={"bounceType": "Brand New"})), "t")
    assert unknown_answers.answers.counted[pair] == before + 2
    assert parse(message(event | {"eventType": ["a", {}]}), "t") is None


@pytest.mark.parametrize(
    ("feedback", "sub_type", "expected"),
    [
        ("abuse", None, (K.COMPLAINT, R.COMPLAINT)),
        (None, None, (K.COMPLAINT, R.COMPLAINT)),
        ("not-spam", None, (K.NOT_SPAM, None)),
        (None, "OnAccountSuppressionList", (K.NOT_TRIED, R.COMPLAINT)),
        (None, "OnTenantSuppressionList", (K.NOT_TRIED, R.COMPLAINT)),
    ],
)
def test_what_a_complaint_means(
    feedback: str | None, sub_type: str | None, expected: tuple[EventKind, SuppressionReason | None]
) -> None:
    complaint: dict[str, Any] = {
        "complaintFeedbackType": feedback,
        "complaintSubType": sub_type,
        "complainedRecipients": [],
    }
    read = parse(message(told(["a@else.test"], eventType="Complaint", complaint=complaint)), "t")
    assert read is not None
    assert (read.kind, read.reason) == expected


async def test_an_out_of_office_answer_is_a_note_on_what_was_delivered(sent: Sent) -> None:
    for order in ([K.DELIVERY, K.SOFT_BOUNCE], [K.SOFT_BOUNCE, K.DELIVERY]):
        if order[0] is K.DELIVERY:
            await sent.store(1, S.IN_DOUBT)
        assert await sent.play([sent.event(kind) for kind in order]) is S.DELIVERED
        async with sent.db.read() as session:
            assert (await session.get_one(Delivery, (sent.broadcast_id, 0))).error == TEXTS[K.SOFT_BOUNCE]


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
    assert (delayed.kind, delayed.address) == (K.DELIVERY_DELAY, "a@else.test")
    for kind in ("Open", "Click", "Subscription", "Something new"):
        assert parse(message({"eventType": kind, "mail": mail}), "t") is None


async def test_whom_an_event_is_about_is_found_by_address_however_large_the_broadcast(db: Database) -> None:
    if db.dialect == "postgresql":
        pytest.skip("its plan goes by the size of the table")
    statements: list[tuple[Any, ...]] = []

    def plan(connection: Connection) -> str:
        event.listen(connection, "before_cursor_execute", lambda *sent: statements.append(sent[2:4]))
        connection.execute(FIND, {"of": "b1", "keys": ["a@x.test", "b@x.test"]})
        statement, values = statements[0]
        return str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).first())

    assert "(broadcast_id=? AND address_key=?)" in await db.run(plan)
