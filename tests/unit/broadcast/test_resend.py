"""What is sent again because a person said so: exactly what they saw, once, to nobody who left meanwhile."""

import asyncio
from typing import Any, Final

import pytest
from sqlmodel import col, select, update

from bot.broadcast.resend import Resend, Resends
from bot.errors import BotError
from bot.feedback.event_processor import process_events
from bot.feedback.ses_events import EventKind, SesEvent
from bot.suppression.recording import suppress
from storage.models import Broadcast, Delivery, Mailer
from storage.states import BroadcastState, ChunkState, DeliveryState, SuppressionReason
from tests.audit_log import audits
from tests.playground.aws import How
from tests.unit.broadcast.fixtures import BULK, Station

pytestmark = pytest.mark.both_databases

SENT: Final = DeliveryState.SENT
FAILED: Final = DeliveryState.FAILED
IN_DOUBT: Final = DeliveryState.IN_DOUBT
SIZE = 30


async def with_doubts(station: Station, how: How = How.CLOSE_AFTER) -> Broadcast:
    """A broadcast that is done; of its first call nobody knows whether AWS took it."""
    broadcast = await station.confirmed(SIZE)
    station.aws.fail(BULK, how)
    await station.run()
    assert await station.counts(broadcast.id) == {SENT: 16, IN_DOUBT: 14}
    return await station.broadcast(broadcast.id)


async def with_failures(station: Station) -> Broadcast:
    """A broadcast that is done; AWS has refused three of its recipients."""
    broadcast = await station.confirmed(SIZE)
    await station.run()
    for seq, why in ((1, "blocked"), (2, "too large"), (3, "blocked")):
        await becomes(station, broadcast, [seq], state=FAILED, error=why, message_id=None)
    return await station.broadcast(broadcast.id)


async def becomes(station: Station, broadcast: Broadcast, seqs: list[int], **values: Any) -> None:
    these = update(Delivery).where(col(Delivery.broadcast_id) == broadcast.id, col(Delivery.seq).in_(seqs))
    async with station.db.write() as session:
        await session.exec(these.values(**values))


async def suppressed(station: Station, address: str) -> None:
    async with station.db.write() as session:
        why = SuppressionReason.UNSUBSCRIBED
        await suppress(session, station.team.id, address, why, source="test", now=station.clock())


def resends(station: Station) -> Resends:
    return Resends(station.db, station.preflight)


async def again(station: Station, broadcast: Broadcast, what: Any, by: str = "U1") -> Broadcast:
    return await resends(station).send(station.team, broadcast.id, broadcast.version, what, by)


async def look(station: Station, broadcast: Broadcast, what: Any) -> Resend:
    return await resends(station).look(station.team, broadcast.id, broadcast.version, what)


async def undecided(station: Station, broadcast: Broadcast) -> int:
    async with station.db.read() as session:
        progress = await station.broadcasts.progress(session, broadcast.id)
    assert progress is not None
    return progress.undecided


async def actions(station: Station) -> list[tuple[str, Any]]:
    """What people did about a broadcast that was done, and to how many recipients."""
    rows = await audits(station.db)
    return [(row.action, row.after["recipients"]) for row in rows if "recipients" in row.after]


async def test_exactly_what_is_in_doubt_is_sent_again(connected: Station) -> None:
    broadcast = await with_doubts(connected)
    doubtful = {row.address for row in await connected.deliveries(broadcast.id) if row.state is IN_DOUBT}
    assert (await look(connected, broadcast, IN_DOUBT)).size == await undecided(connected, broadcast) == 14

    await again(connected, broadcast, IN_DOUBT)
    await connected.run()

    assert await connected.is_done(broadcast.id, SIZE)
    assert {address for address, mails in connected.mailed().items() if mails == 2} == doubtful
    assert {chunk.state for chunk in await connected.chunks()} == {ChunkState.DONE}
    assert await undecided(connected, broadcast) == 0
    assert await actions(connected) == [("broadcast.send_again", 14)]


async def test_nothing_is_sent_again_by_itself(connected: Station) -> None:
    broadcast = await with_doubts(connected)
    await connected.later(connected.engine(), 86_400, step=7200)
    assert connected.nobody_twice()
    assert await connected.counts(broadcast.id) == {SENT: 16, IN_DOUBT: 14}


async def test_what_an_event_has_settled_meanwhile_is_not_sent_again(connected: Station) -> None:
    broadcast = await with_doubts(connected)
    settled = next(row for row in await connected.deliveries(broadcast.id) if row.state is IN_DOUBT)
    async with connected.db.write() as session:
        mailer = (await session.exec(select(Mailer))).one()
        event = SesEvent("e1", EventKind.SEND, "m1", str(settled.chunk_id), broadcast.id, settled.address)
        await process_events(session, mailer, [event])

    await again(connected, broadcast, IN_DOUBT)
    await connected.run()

    assert connected.mailed()[settled.address] == 1
    assert sum(mails == 2 for mails in connected.mailed().values()) == 13


async def test_what_is_left_as_it_is_stays_and_is_not_asked_about_again(connected: Station) -> None:
    broadcast = await with_doubts(connected, How.REFUSE)

    left = await resends(connected).leave(connected.team, broadcast.id, broadcast.version, "U1")

    assert await undecided(connected, broadcast) == 0
    assert await connected.counts(broadcast.id) == {SENT: 16, IN_DOUBT: 14}
    for ask in (look(connected, left, IN_DOUBT), again(connected, left, IN_DOUBT)):
        with pytest.raises(BotError, match="ALREADY"):
            await ask
    assert await actions(connected) == [("broadcast.leave_in_doubt", 14)]


async def test_new_doubts_are_asked_about_though_older_ones_were_left(connected: Station) -> None:
    broadcast = await with_doubts(connected, How.REFUSE)
    broadcast = await resends(connected).leave(connected.team, broadcast.id, broadcast.version, "U1")
    await becomes(connected, broadcast, [20], state=FAILED)
    connected.clock.advance(60)
    connected.aws.fail(BULK, How.REFUSE)

    await again(connected, broadcast, FAILED)
    await connected.run()

    broadcast = await connected.broadcast(broadcast.id)
    assert await connected.counts(broadcast.id) == {SENT: 15, IN_DOUBT: 15}
    assert (await look(connected, broadcast, IN_DOUBT)).size == await undecided(connected, broadcast) == 1


async def test_what_failed_is_sent_again_alone_with_the_same_letter(connected: Station) -> None:
    broadcast = await with_failures(connected)
    seen = await look(connected, broadcast, FAILED)
    assert (seen.size, seen.suppressed, seen.reasons) == (3, 0, [("blocked", 2), ("too large", 1)])

    await again(connected, broadcast, FAILED)
    await connected.run()

    assert await connected.is_done(broadcast.id, SIZE)
    twice = {address for address, mails in connected.mailed().items() if mails == 2}
    assert twice == {"r1@c1.example", "r2@c1.example", "r3@c1.example"}
    first, second = connected.aws.mails_to("r2@c1.example")
    assert (first.subject, first.html, first.headers) == (second.subject, second.html, second.headers)
    assert "List-Unsubscribe" in second.headers
    assert first.tags["attempt"] != second.tags["attempt"]
    assert await actions(connected) == [("broadcast.resend_failed", 3)]


@pytest.mark.parametrize("what", [FAILED, IN_DOUBT])
async def test_whoever_is_suppressed_since_then_is_left_out(connected: Station, what: Any) -> None:
    broadcast = await (with_failures if what is FAILED else with_doubts)(connected)
    out, *others = [row.address for row in await connected.deliveries(broadcast.id) if row.state is what]
    await suppressed(connected, out)
    seen = await look(connected, broadcast, what)
    assert (seen.size, seen.suppressed) == (len(others), 1)

    await again(connected, broadcast, what)
    await connected.run()

    assert await connected.counts(broadcast.id) == {SENT: SIZE - 1, what: 1}
    assert [connected.mailed()[address] for address in (out, *others)] == [1, *(2 for _ in others)]
    assert await undecided(connected, broadcast) == 0  # there is nothing left that a person could do


async def test_with_everybody_suppressed_there_is_nobody_to_send_to(connected: Station) -> None:
    broadcast = await with_failures(connected)
    for number in (1, 2, 3):
        await suppressed(connected, f"r{number}@c1.example")
    with pytest.raises(BotError, match="ALL_SUPPRESSED"):
        await look(connected, broadcast, FAILED)


async def test_two_people_at_the_same_moment_have_one_effect(connected: Station) -> None:
    broadcast = await with_doubts(connected)
    asked = (
        again(connected, broadcast, IN_DOUBT, "U1"),
        again(connected, broadcast, IN_DOUBT, "U2"),
        resends(connected).leave(connected.team, broadcast.id, broadcast.version, "U3"),
    )

    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    await connected.run()

    lost = [outcome for outcome in outcomes if isinstance(outcome, BotError)]
    assert [error.code for error in lost] == ["ALREADY", "ALREADY"]
    assert len(await actions(connected)) == 1
    assert max(connected.mailed().values()) <= 2


async def test_an_old_message_a_foreign_team_and_a_running_broadcast_change_nothing(connected: Station) -> None:
    broadcast = await with_failures(connected)
    stale = broadcast.version - 1
    stranger = connected.new_team("C2")
    running = await connected.confirmed(3)
    resend = resends(connected)
    for team, row, version, code in (
        (connected.team, broadcast, stale, "ALREADY"),
        (stranger, broadcast, broadcast.version, "NOT_FOUND"),
        (connected.team, running, running.version, "ALREADY"),
    ):
        with pytest.raises(BotError, match=code):
            await resend.send(team, row.id, version, FAILED, "U1")
        with pytest.raises(BotError, match=code):
            await resend.leave(team, row.id, version, "U1")
    assert (await connected.counts(broadcast.id))[FAILED] == 3


async def test_the_guard_is_asked_as_at_first(connected: Station) -> None:
    broadcast = await with_failures(connected)
    connected.ses.pause()
    connected.clock.advance(3600)  # so that the facts are read again
    with pytest.raises(BotError, match="SENDING_PAUSED"):
        await again(connected, broadcast, FAILED)
    assert (await connected.broadcast(broadcast.id)).state is BroadcastState.DONE
    assert (await connected.counts(broadcast.id))[FAILED] == 3


async def test_over_the_quota_it_says_so_and_waits_like_any_broadcast(connected: Station) -> None:
    broadcast = await with_failures(connected)
    connected.ses.set_quota(max_24h=SIZE + 1)
    connected.clock.advance(3600)
    seen = await look(connected, broadcast, FAILED)
    assert [each.value for each in seen.readiness.confirmations] == ["OVER_QUOTA"]
