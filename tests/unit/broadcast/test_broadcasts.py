"""What a person decides: prepared with its numbers, confirmed once, undone, paused, resumed, cancelled."""

import asyncio
import threading
from collections.abc import Awaitable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from sqlmodel import col, select

from bot.broadcast.audience.import_limits import AT_ONCE
from bot.broadcast.broadcasts import Prepared
from bot.broadcast.draft import Upload
from bot.errors import BotError
from bot.mailer.readiness.rules import Confirmation
from bot.suppression.recording import suppress
from storage.models import Audience, AudienceBlock, Audit, Broadcast, Outbox
from storage.states import BroadcastState, DeliveryState, PauseReason, SendKind, SuppressionReason
from tests.unit.broadcast.fixtures import Station, csv, draft


async def prepared_version(station: Station, size: int = 3) -> tuple[str, int]:
    prepared = await station.broadcasts.prepare(station.team, "U1", draft(), csv(size), None)
    return prepared.broadcast.id, prepared.broadcast.version


async def refused(station: Station, **changes: Any) -> BotError:
    file = Upload(BytesIO(changes.pop("csv", b"email,first_name\na@x.example,A\n")))
    start_at = changes.pop("start_at", None)
    with closing(file), pytest.raises(BotError) as caught:
        await station.broadcasts.prepare(station.team, "U1", draft(**changes), file, start_at)
    return caught.value


async def nothing_is_stored(station: Station) -> bool:
    async with station.db.read() as session:
        found = [(await session.exec(select(table))).first() for table in (Audience, AudienceBlock, Broadcast)]
    return found == [None, None, None]


async def test_a_draft_shows_its_numbers_and_how_it_reads(connected: Station) -> None:
    async with connected.db.write() as session:
        now = connected.clock()
        await suppress(session, connected.team.id, "B@x.example", SuppressionReason.UNSUBSCRIBED, source="", now=now)
    rows = b"a@x.example,Ann\nb@x.example,Bob\nA@X.example,Again\nnobody,No\nc@x.example,\n"
    file = Upload(BytesIO(b"email,first_name\n" + rows))
    typed = draft("Hi {{first_name|you}}", reply_to="us@example.com")
    with closing(file):
        prepared = await connected.broadcasts.prepare(connected.team, "U1", typed, file, None)
    assert prepared.broadcast.state is BroadcastState.DRAFT
    assert prepared.broadcast.size == prepared.audience.size == 3
    assert (prepared.audience.duplicates, prepared.audience.invalid, prepared.suppressed) == (1, 1, 1)
    assert [(row["line"], row["value"]) for row in prepared.audience.rejected] == [(4, "A@x.example"), (5, "nobody")]
    assert [sample.text.splitlines()[0] for sample in prepared.samples] == ["Hi Ann", "Hi you"]
    assert prepared.readiness.duration == timedelta(seconds=2 / 14)
    assert await connected.counts(prepared.broadcast.id) == {}
    assert await connected.broadcasts.last_sender(connected.team) == ("news@example.com", "us@example.com")


class Waits(BytesIO):
    """A file that is read only when the event loop says so."""

    def __init__(self) -> None:
        super().__init__(b"email,first_name\na@x.example,Ann\n")
        self.reached, self.released, self.loop_went_on = threading.Event(), threading.Event(), True

    def read(self, size: int | None = -1, /) -> bytes:
        self.reached.set()
        self.loop_went_on = self.loop_went_on and self.released.wait(10)
        return super().read(size)


async def test_while_a_file_is_read_everybody_else_is_served(connected: Station) -> None:
    file = Waits()
    reading = asyncio.create_task(
        connected.broadcasts.prepare(connected.team, "U1", draft(), Upload(file), None),
    )
    await asyncio.to_thread(file.reached.wait, 10)
    file.released.set()
    assert (await reading).broadcast.size == 1
    assert file.loop_went_on


async def test_only_some_files_are_read_at_once_and_the_others_wait(connected: Station) -> None:
    inside, most = 0, 0

    async def progress(_rows: int) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        for _ in range(50):  # long enough for all of them to come this far
            await connected.broadcasts.last_sender(connected.team)
        inside -= 1

    teams = [connected.team, *(connected.new_team(f"C{number}") for number in range(2, 2 + 2 * AT_ONCE))]
    for team in teams[1:]:
        await connected.connect(team)
    prepared = await asyncio.gather(
        *(
            connected.broadcasts.prepare(team, "U1", draft(), Upload(csv(3).file, progress=progress), None)
            for team in teams
        )
    )
    assert [one.broadcast.size for one in prepared] == [3] * len(teams)
    assert most == AT_ONCE


async def test_of_a_team_one_file_is_read_at_once_and_a_program_does_not_wait_for_long(connected: Station) -> None:
    inside, most = 0, 0

    async def progress(_: int) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await connected.broadcasts.last_sender(connected.team)
        inside -= 1

    def prepare(*, waits: bool) -> Awaitable[Prepared]:
        upload = Upload(csv(3).file, progress=progress, waits=waits)
        return connected.broadcasts.prepare(connected.team, "U1", draft(), upload, None)

    prepared = await asyncio.gather(*(prepare(waits=True) for _ in range(3)))
    assert (len(prepared), most) == (3, 1)

    connected.broadcasts.imports.patience = 0
    async with connected.broadcasts.imports.turn(connected.team.id, waits=True):
        with pytest.raises(BotError, match="IMPORT_UNDER_WAY"):
            await prepare(waits=False)
    assert (await prepare(waits=False)).broadcast.size == 3


async def test_one_of_the_samples_shows_what_is_said_to_who_has_no_value(connected: Station) -> None:
    async def shown(rows: str, text: str = "Hi {{first_name|you}}") -> list[str]:
        file = Upload(BytesIO(f"email,first_name,city\n{rows}".encode()))
        with closing(file):
            prepared = await connected.broadcasts.prepare(connected.team, "U1", draft(text), file, None)
        return [f"{sample.address} {sample.text.splitlines()[0]}" for sample in prepared.samples]

    async with connected.db.write() as session:
        now, team = connected.clock(), connected.team.id
        await suppress(session, team, "s@x.example", SuppressionReason.UNSUBSCRIBED, source="", now=now)
    names = "".join(f"r{number}@x.example,N{number},\n" for number in range(1, 300))
    first = ["r1@x.example Hi N1", "r2@x.example Hi N2"]
    assert await shown(f"{names}s@x.example,,Graz\nlast@x.example, ,Graz\n") == [*first, "last@x.example Hi you"]
    assert await shown(names) == [*first, "r3@x.example Hi N3"]
    assert await shown(f"{names}last@x.example,,\n", "Hello all") == [f"r{n}@x.example Hello all" for n in (1, 2, 3)]
    assert await shown("a@x.example,,\nb@x.example,B,\n") == ["a@x.example Hi you", "b@x.example Hi B"]


async def test_nobody_waits_while_a_message_is_compiled(connected: Station) -> None:
    readers: list[threading.Thread] = []

    class Body(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            readers.append(threading.current_thread())
            return super().get(key, default)

    typed = draft()
    await connected.broadcasts.prepare(connected.team, "U1", replace(typed, body=Body(typed.body)), csv(3), None)
    await connected.broadcasts.prepare_test(
        connected.team, "U1", replace(typed, body=Body(typed.body)), ["a@x.example"]
    )
    assert readers
    assert threading.current_thread() not in readers


async def test_what_is_stored_is_what_was_uploaded(connected: Station) -> None:
    prepared = await connected.broadcasts.prepare(connected.team, "U1", draft(), csv(4_321), None)
    async with connected.db.read() as session:
        blocks = list(await session.exec(select(AudienceBlock).order_by(col(AudienceBlock.first_seq))))
        audience = await session.get_one(Audience, prepared.audience.id)
    assert [block.first_seq for block in blocks] == list(range(1, 4_322, 100))
    addresses = [address for block in blocks for address in block.addresses]
    assert addresses == [f"r{number}@recipients.example" for number in range(1, 4_322)]
    assert blocks[-1].fields[-1] == ["r4321@recipients.example", "Name 4321"]
    assert (audience.size, audience.columns) == (4_321, ["email", "first_name"])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"from_address": "news"}, "from"),
        ({"from_address": "news@elsewhere.example"}, "from"),
        ({"reply_to": "nobody@"}, "reply_to"),
        ({"subject": " "}, "subject"),
        ({"preheader": "x" * 300}, "preheader"),
        ({"body": {"type": "rich_text", "elements": []}}, "message"),
        ({"text": "Hello {{surname}}"}, "message"),
        ({"csv": b""}, "audience"),
        ({"csv": b"email,first_name\nnobody,N\n"}, "audience"),
        ({"csv": b'email,first_name\na@x.example,"open\nb@x.example,B\n'}, "audience"),
    ],
)
async def test_what_cannot_be_sent_is_refused_in_its_field(connected: Station, changes: Any, field: str) -> None:
    error = await refused(connected, **changes)
    assert error.field == field
    assert error.sentence
    assert await nothing_is_stored(connected)


async def test_a_time_that_is_past_or_too_far_is_refused(connected: Station) -> None:
    now = connected.clock()
    assert (await refused(connected, start_at=now - timedelta(minutes=6))).code == "SEND_AT_PAST"
    assert (await refused(connected, start_at=now + timedelta(days=400))).field == "send_at"


async def test_an_audience_of_which_all_is_suppressed_is_refused(connected: Station) -> None:
    async with connected.db.write() as session:
        now = connected.clock()
        await suppress(session, connected.team.id, "a@x.example", SuppressionReason.BOUNCE, source="", now=now)
    error = await refused(connected)
    assert error.field == "audience"
    assert await nothing_is_stored(connected)


async def test_the_guard_is_asked_first(station: Station) -> None:
    assert (await refused(station)).code == "NO_MAILER"
    await station.connect(station.team, production=False)
    assert (await refused(station)).code == "SANDBOX"
    assert await nothing_is_stored(station)


async def test_facts_that_are_too_old_are_read_again(connected: Station) -> None:
    connected.clock.advance(3600)
    connected.ses.fail("example.com")
    assert (await refused(connected)).code == "IDENTITY_FAILED"


async def test_over_the_quota_it_is_for_a_person_to_confirm(connected: Station) -> None:
    connected.ses.set_quota(max_24h=2)
    connected.clock.advance(3600)
    prepared = await connected.broadcasts.prepare(connected.team, "U1", draft(), csv(3), None)
    assert prepared.readiness.confirmations == (Confirmation.OVER_QUOTA,)


async def test_confirming_schedules_after_the_time_of_undo(connected: Station) -> None:
    broadcast_id, version = await prepared_version(connected)
    broadcast = await connected.broadcasts.confirm(connected.team, broadcast_id, version, "U2")
    assert broadcast.state is BroadcastState.SCHEDULED
    assert broadcast.start_at == connected.clock() + timedelta(seconds=30)
    assert broadcast.confirmed_by == "U2"
    assert await connected.counts(broadcast_id) == {DeliveryState.PENDING: 3}
    async with connected.db.read() as session:
        audit = (await session.exec(select(Audit).where(Audit.action == "broadcast.confirm"))).one()
        message = (await session.exec(select(Outbox).where(Outbox.record_id == broadcast_id))).one()
    assert (audit.actor, audit.subject, audit.after["state"]) == ("U2", broadcast_id, "scheduled")
    assert message.kind == "broadcast"


async def test_a_chosen_time_is_kept(connected: Station) -> None:
    at = connected.clock() + timedelta(days=2)
    prepared = await connected.broadcasts.prepare(connected.team, "U1", draft(), csv(3), at)
    broadcast = await connected.broadcasts.confirm(
        connected.team, prepared.broadcast.id, prepared.broadcast.version, "U1"
    )
    assert broadcast.start_at == at


async def test_those_suppressed_are_so_from_the_start(connected: Station) -> None:
    broadcast_id, version = await prepared_version(connected)
    async with connected.db.write() as session:
        address = "R2@recipients.example"
        now = connected.clock()
        await suppress(session, connected.team.id, address, SuppressionReason.COMPLAINT, source="", now=now)
    await connected.broadcasts.confirm(connected.team, broadcast_id, version, "U1")
    assert await connected.counts(broadcast_id) == {DeliveryState.PENDING: 2, DeliveryState.SUPPRESSED: 1}


async def test_many_clicks_at_once_have_one_effect(connected: Station) -> None:
    broadcast_id, version = await prepared_version(connected)
    clicks = (connected.broadcasts.confirm(connected.team, broadcast_id, version, f"U{n}") for n in range(8))
    outcomes = await asyncio.gather(*clicks, return_exceptions=True)
    errors = [outcome for outcome in outcomes if isinstance(outcome, BotError)]
    assert len(errors) == 7
    assert {(error.code, error.sentence) for error in errors} == {
        ("ALREADY", "This broadcast is scheduled already, so nothing was changed.")
    }
    assert await connected.counts(broadcast_id) == {DeliveryState.PENDING: 3}
    async with connected.db.read() as session:
        assert len((await session.exec(select(Audit).where(Audit.action == "broadcast.confirm"))).all()) == 1


async def test_a_broadcast_of_another_team_is_not_there(connected: Station) -> None:
    other = connected.new_team("C2")
    await connected.connect(other)
    broadcast_id, version = await prepared_version(connected)
    for change in ("confirm", "undo", "pause", "resume", "cancel"):
        with pytest.raises(BotError, match="NOT_FOUND"):
            await getattr(connected.broadcasts, change)(other, broadcast_id, version, "U1")
        with pytest.raises(BotError, match="NOT_FOUND"):
            await getattr(connected.broadcasts, change)(connected.team, "0" * 32, version, "U1")


async def test_a_mailer_that_broke_meanwhile_refuses_the_confirmation(connected: Station) -> None:
    broadcast_id, version = await prepared_version(connected)
    connected.ses.pause()
    connected.clock.advance(3600)
    with pytest.raises(BotError, match="SENDING_PAUSED"):
        await connected.broadcasts.confirm(connected.team, broadcast_id, version, "U1")
    assert (await connected.broadcast(broadcast_id)).state is BroadcastState.DRAFT


async def test_undo_takes_it_back_until_it_starts(connected: Station) -> None:
    broadcast = await connected.confirmed(3)
    await connected.broadcasts.undo(connected.team, broadcast.id, broadcast.version, "U1")
    await connected.run()
    assert not connected.aws.mails
    assert await connected.counts(broadcast.id) == {}
    assert (await connected.broadcast(broadcast.id)).state is BroadcastState.DRAFT

    sent = await connected.confirmed(3)
    await connected.run()
    with pytest.raises(BotError, match="is done already"):
        await connected.broadcasts.undo(connected.team, sent.id, sent.version, "U1")


async def test_a_button_of_an_older_message_changes_nothing(connected: Station) -> None:
    broadcast = await connected.confirmed(3)
    paused = await connected.broadcasts.pause(connected.team, broadcast.id, broadcast.version, "U1")
    resumed = await connected.broadcasts.resume(connected.team, broadcast.id, paused.version, "U1")
    assert resumed.version > paused.version
    with pytest.raises(BotError, match="changed since this message was drawn"):
        await connected.broadcasts.pause(connected.team, broadcast.id, broadcast.version, "U2")


async def test_a_scheduled_broadcast_that_is_paused_keeps_its_time(connected: Station) -> None:
    at = connected.clock() + timedelta(days=2)
    prepared = await connected.broadcasts.prepare(connected.team, "U1", draft(), csv(3), at)
    confirmed = await connected.broadcasts.confirm(
        connected.team, prepared.broadcast.id, prepared.broadcast.version, "U1"
    )
    paused = await connected.broadcasts.pause(connected.team, confirmed.id, confirmed.version, "U1")
    assert paused.pause_reasons == [PauseReason.PERSON]
    resumed = await connected.broadcasts.resume(connected.team, confirmed.id, paused.version, "U1")
    assert (resumed.state, resumed.start_at, resumed.started_at) == (BroadcastState.SCHEDULED, at, None)


async def test_what_waits_for_the_quota_goes_on_by_itself_unless_aws_says_that_some_is_left(connected: Station) -> None:
    broadcast = await connected.confirmed(3)
    await connected.change(broadcast, state=BroadcastState.PAUSED, pause_reasons=["person", "quota"])
    connected.ses.set_quota(max_24h=200, sent=200)
    resumed = await connected.broadcasts.resume(connected.team, broadcast.id, broadcast.version, "U1")
    assert (resumed.state, resumed.pause_reasons) == (BroadcastState.PAUSED, ["quota"])
    with pytest.raises(BotError, match="WAITING"):
        await connected.broadcasts.resume(connected.team, broadcast.id, resumed.version, "U1")
    connected.ses.set_quota(sent=199)
    resumed = await connected.broadcasts.resume(connected.team, broadcast.id, resumed.version, "U1")
    assert (resumed.state, resumed.pause_reasons) == (BroadcastState.SENDING, [])


async def test_only_an_admin_resumes_what_bounces_stopped(connected: Station) -> None:
    broadcast = await connected.confirmed(3)
    await connected.change(broadcast, state=BroadcastState.SENDING)
    await connected.change(broadcast, state=BroadcastState.STOPPED, pause_reasons=["reputation"])
    with pytest.raises(BotError, match="ADMINS_ONLY"):
        await connected.broadcasts.resume(connected.team, broadcast.id, broadcast.version, "U1")
    await connected.broadcasts.resume(connected.team, broadcast.id, broadcast.version, "U1", admin=True)
    await connected.run()
    assert await connected.is_done(broadcast.id, 3)


async def test_cancelling_a_draft_accounts_for_everybody(connected: Station) -> None:
    broadcast_id, version = await prepared_version(connected)
    await connected.broadcasts.cancel(connected.team, broadcast_id, version, "U1")
    async with connected.db.read() as session:
        progress = await connected.broadcasts.progress(session, broadcast_id)
        assert await connected.broadcasts.progress(session, "0" * 32) is None
    assert progress is not None
    assert progress.counts == {DeliveryState.CANCELLED: 3}


async def test_progress_tells_rate_and_time_left(connected: Station) -> None:
    connected.team.from_name = "Größe & Co"
    broadcast = await connected.confirmed(140)
    seen = []

    async def look() -> None:
        async with connected.db.read() as session:
            seen.append(await connected.broadcasts.progress(session, broadcast.id))

    connected.between_calls = look
    await connected.run()
    halfway = seen[5]
    assert halfway is not None
    assert halfway.counts[DeliveryState.SENT] == 84
    assert 13 < halfway.rate < 18
    assert halfway.seconds_left == pytest.approx(56 / halfway.rate)
    assert halfway.sender == "=?utf-8?b?R3LDtsOfZSAmIENv?= <news@example.com>"
    assert connected.aws.mails[0].sender == halfway.sender


async def test_the_rate_leaves_out_the_time_it_was_paused(connected: Station) -> None:
    broadcast = await connected.confirmed(280)
    engine = await connected.run_for(rests=5)
    sending = await connected.broadcast(broadcast.id)
    paused = await connected.broadcasts.pause(connected.team, broadcast.id, sending.version, "U1")
    connected.clock.advance(50)
    await connected.broadcasts.resume(connected.team, broadcast.id, paused.version, "U1")

    async def rate() -> float:
        async with connected.db.read() as session:
            progress = await connected.broadcasts.progress(session, broadcast.id)
        assert progress is not None
        return progress.rate

    assert await rate() == 0
    rates = []

    async def look() -> None:
        rates.append(await rate())

    connected.between_calls = look
    await connected.run(engine)
    assert 13 < rates[5] < 18


# Tests


async def test_a_test_is_scheduled_for_now(station: Station) -> None:
    await station.connect(station.team, production=False)
    test = await station.broadcasts.prepare_test(station.team, "U1", draft(), ["ann@example.com", "Ann@Example.com"])
    assert (test.kind, test.state, test.size) == (SendKind.TEST, BroadcastState.SCHEDULED, 1)
    assert test.start_at == station.clock()
    assert await station.counts(test.id) == {DeliveryState.PENDING: 1}


async def test_sandbox_recipients_are_refused_by_name_before_any_call(station: Station) -> None:
    await station.connect(station.team, production=False)
    with pytest.raises(BotError, match="SANDBOX_RECIPIENTS") as caught:
        await station.broadcasts.prepare_test(station.team, "U1", draft(), ["ann@example.com", "eve@else.example"])
    assert caught.value.field == "to"
    assert "eve@else.example" in caught.value.sentence
    assert "ann@example.com" not in caught.value.sentence
    assert await nothing_is_stored(station)


async def test_a_test_over_the_quota_is_refused_with_the_numbers(connected: Station) -> None:
    connected.ses.set_quota(max_24h=200, sent=199)
    connected.clock.advance(3600)
    addresses = ["a@x.example", "b@x.example"]
    with pytest.raises(BotError, match="QUOTA") as caught:
        await connected.broadcasts.prepare_test(connected.team, "U1", draft(), addresses)
    assert "200" in caught.value.sentence
    assert "199" in caught.value.sentence
    simulators = [f"success+{number}@simulator.amazonses.com" for number in range(3)]
    await connected.broadcasts.prepare_test(connected.team, "U1", draft(), simulators)  # does not count


async def test_a_test_has_a_limit(connected: Station) -> None:
    with pytest.raises(BotError, match="TOO_MANY_ADDRESSES") as caught:
        await connected.broadcasts.prepare_test(
            connected.team, "U1", draft(), [f"a{number}@x.example" for number in range(51)]
        )
    assert caught.value.field == "to"
