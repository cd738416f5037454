"""What goes out, to whom, how fast, and in which order."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select, update

from bot.broadcast.transitions import schedule_sending
from bot.suppression.hidden import hash_of
from bot.suppression.recording import Entry, suppress, suppress_all
from bot.suppression.unsubscribe_links import read_token
from storage.database import Database
from storage.models import Delivery, Outbox, SendingAccount
from storage.states import BroadcastState, DeliveryState, PauseReason, SuppressionReason
from tests.triggers import refusing
from tests.unit.broadcast.fixtures import BULK, PUBLIC_URL, Station, csv, draft

pytestmark = pytest.mark.both_databases


async def test_everybody_gets_their_own_mail_once(connected: Station) -> None:
    broadcast = await connected.confirmed(30)
    await connected.run()
    assert await connected.is_done(broadcast.id, 30)
    assert connected.mailed() == {f"r{number}@c1.example": 1 for number in range(1, 31)}
    mail = connected.aws.mails_to("r7@c1.example")[0]
    assert mail.subject == "News"
    assert "X-Mailroom-Test" not in mail.headers
    assert "Hello Name 7" in (mail.html or "")
    assert "Hello Name 7" in (mail.text or "")
    assert mail.sender == "news@example.com"
    delivery = (await connected.deliveries(broadcast.id))[6]
    assert delivery.message_id == mail.message_id
    assert mail.tags == {"attempt": delivery.chunk_id, "broadcast": broadcast.id, "team": connected.team.id}
    assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = mail.headers["List-Unsubscribe"].strip("<>")
    recipient = read_token(connected.keys.derive("unsubscribe"), link.removeprefix(f"{PUBLIC_URL}/u/"))
    assert recipient is not None
    assert (recipient.team_id, recipient.broadcast_id, recipient.seq) == (connected.team.id, broadcast.id, 7)
    assert link in (mail.text or "")


async def test_the_rate_is_honoured(connected: Station) -> None:
    await connected.confirmed(60)
    start = connected.clock()
    await connected.run()
    assert connected.calls() == [14, 14, 14, 14, 4]
    assert not [call.error for call in connected.aws.calls_of(BULK) if call.error]
    seconds = (connected.clock() - start).total_seconds()
    assert 56 / 14 <= seconds <= 60 / 14 / 0.97


async def test_a_broadcast_that_cannot_be_started_keeps_no_other_back(connected: Station) -> None:
    others = [connected.new_team(f"C{number}") for number in (2, 3)]
    for team in others:
        await connected.connect(team)
    refused, *due = [await connected.confirmed(3, team=team) for team in [connected.team, *others]]
    engine = connected.engine()
    async with refusing(connected.db, "broadcast", f"new.id = '{refused.id}'"):
        with pytest.raises(DBAPIError, match="refused here"):
            await engine.tick()
        await engine.idle()
        assert connected.mailed() == {f"r{number}@{team}.example": 1 for number in (1, 2, 3) for team in ("c2", "c3")}
    await connected.run(engine)
    for each in [refused, *due]:
        assert await connected.is_done(each.id, 3)


async def test_nothing_starts_before_undo_is_over(connected: Station) -> None:
    prepared = await connected.broadcasts.prepare(connected.team, "U1", draft(), csv(1), None)
    await connected.broadcasts.confirm(connected.team, prepared.broadcast.id, prepared.broadcast.version, "U1")
    connected.clock.advance(29)
    engine = await connected.run()
    assert not connected.aws.mails
    connected.clock.advance(1)
    await connected.run(engine)
    assert len(connected.aws.mails) == 1


async def test_a_test_goes_one_by_one_in_the_sandbox_with_a_link_that_is_nobodys(station: Station) -> None:
    await station.connect(station.team, production=False)
    addresses = ["ann@example.com", "success@simulator.amazonses.com", "bob@example.com"]
    test = await station.broadcasts.prepare_test(station.team, "U1", draft("Hi {{first_name}}"), addresses)
    await station.run()
    assert station.calls() == [1, 1, 1]
    assert await station.is_done(test.id, 3)
    mail = station.aws.mails_to("ann@example.com")[0]
    assert mail.subject == "[Test] News"
    assert mail.headers["X-Mailroom-Test"] == "1"
    assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = mail.headers["List-Unsubscribe"].strip("<>")
    recipient = read_token(station.keys.derive("unsubscribe"), link.removeprefix(f"{PUBLIC_URL}/u/"))
    assert recipient is not None
    assert recipient.is_test
    assert link in (mail.text or "")


async def test_a_suppression_is_honoured_before_the_next_claim(connected: Station) -> None:
    broadcast = await connected.confirmed(40)

    async def unsubscribe() -> None:
        async with connected.db.write() as session:
            await suppress(
                session,
                connected.team.id,
                "R20@c1.example",
                SuppressionReason.UNSUBSCRIBED,
                source="",
                now=connected.clock(),
            )

    connected.between_calls = unsubscribe
    await connected.run()
    assert await connected.counts(broadcast.id) == {DeliveryState.SENT: 39, DeliveryState.SUPPRESSED: 1}
    assert connected.mailed()["r20@c1.example"] == 0


async def test_who_is_suppressed_by_the_hash_of_the_address_or_has_none_any_more_is_not_mailed(
    connected: Station,
) -> None:
    broadcast, key, team = await connected.confirmed(40), connected.db.people_key, connected.team.id
    gone = hash_of(key, team, "somebody@else.test")

    async def erase() -> None:
        async with connected.db.write() as session:
            entry = Entry(hash_of(key, team, "R20@c1.example"), SuppressionReason.ERASED, hashed=True)
            await suppress_all(session, team, [entry], source="", now=connected.clock())
            this = (col(Delivery.broadcast_id) == broadcast.id, col(Delivery.seq) == 30)
            await session.exec(update(Delivery).where(*this).values(address=gone, address_key=gone))

    connected.between_calls = erase
    await connected.run()
    assert await connected.counts(broadcast.id) == {DeliveryState.SENT: 38, DeliveryState.SUPPRESSED: 2}
    assert connected.mailed()["r20@c1.example"] == connected.mailed()[gone] == 0


async def test_what_one_team_never_mails_another_team_may(connected: Station) -> None:
    """The same address: each channel has its own list, and neither hears of the other's."""
    other = connected.new_team("C2")
    await connected.connect(other)
    async with connected.db.write() as session:
        for team, address in ((connected.team, "r3@c2.example"), (other, "r4@c2.example")):
            await suppress(session, team.id, address, SuppressionReason.COMPLAINT, source="", now=connected.clock())
    broadcast = await connected.confirmed(10, team=other)
    await connected.run()
    assert await connected.counts(broadcast.id) == {DeliveryState.SENT: 9, DeliveryState.SUPPRESSED: 1}
    assert (connected.mailed()["r3@c2.example"], connected.mailed()["r4@c2.example"]) == (1, 0)


async def test_an_audience_suppressed_since_it_was_confirmed_is_done_without_a_call(connected: Station) -> None:
    broadcast = await connected.confirmed(120)
    async with connected.db.write() as session:
        for number in range(1, 121):
            address = f"r{number}@c1.example"
            await suppress(
                session, connected.team.id, address, SuppressionReason.BOUNCE, source="", now=connected.clock()
            )
    await connected.run()
    assert await connected.counts(broadcast.id) == {DeliveryState.SUPPRESSED: 120}
    assert (await connected.broadcast(broadcast.id)).state is BroadcastState.DONE
    assert not connected.calls()


async def test_pause_and_resume_in_the_middle(connected: Station) -> None:
    broadcast = await connected.confirmed(40)

    async def pause() -> None:
        if len(connected.calls()) == 1:
            seen = await connected.broadcast(broadcast.id)
            if seen.state is BroadcastState.SENDING:
                await connected.broadcasts.pause(connected.team, broadcast.id, seen.version, "U2")

    connected.between_calls = pause
    engine = await connected.run()
    paused = await connected.broadcast(broadcast.id)
    assert (paused.state, paused.pause_reasons) == (BroadcastState.PAUSED, [PauseReason.PERSON])
    assert await connected.counts(broadcast.id) == {DeliveryState.SENT: 14, DeliveryState.PENDING: 26}
    connected.between_calls = None
    await connected.later(engine, 3600, step=600)
    assert len(connected.aws.mails) == 14
    await connected.broadcasts.resume(connected.team, broadcast.id, paused.version, "U2")
    await connected.run(engine)
    assert await connected.is_done(broadcast.id, 40)
    assert connected.nobody_twice()


async def test_cancel_in_the_middle_keeps_what_was_sent(connected: Station) -> None:
    broadcast = await connected.confirmed(40)

    async def cancel() -> None:
        seen = await connected.broadcast(broadcast.id)
        if seen.state is BroadcastState.SENDING:
            await connected.broadcasts.cancel(connected.team, broadcast.id, seen.version, "U2")

    connected.between_calls = cancel
    await connected.run()
    assert await connected.counts(broadcast.id) == {DeliveryState.SENT: 14, DeliveryState.CANCELLED: 26}
    assert (await connected.broadcast(broadcast.id)).state is BroadcastState.CANCELLED


async def test_two_broadcasts_of_one_account_take_turns(connected: Station) -> None:
    other = connected.new_team("C2")
    await connected.connect(other)
    large = await connected.confirmed(80)
    small = await connected.confirmed(28, team=other)
    await connected.run()
    assert await connected.is_done(large.id, 80)
    assert await connected.is_done(small.id, 28)
    order = [call.params["DefaultEmailTags"][1]["Value"] for call in connected.aws.calls_of(BULK)]
    assert set(order[:2]) == set(order[2:4]) == {large.id, small.id}
    assert not [call.error for call in connected.aws.calls_of(BULK) if call.error]


async def test_two_engines_on_one_database_send_each_recipient_once(connected: Station) -> None:
    broadcast = await connected.confirmed(60)
    first, second = connected.engine(), connected.engine()
    await first.tick()
    await second.tick()
    await first.idle()
    await second.idle()
    assert await connected.is_done(broadcast.id, 60)
    assert connected.nobody_twice()
    assert len(connected.aws.mails) == 60


async def test_a_start_missed_by_over_an_hour_asks_first(connected: Station) -> None:
    broadcast = await connected.confirmed(5)
    connected.clock.advance(3601)
    engine = await connected.run()
    late = await connected.broadcast(broadcast.id)
    assert (late.state, late.pause_reasons) == (BroadcastState.PAUSED, [PauseReason.LATE])
    assert not connected.aws.mails
    await connected.broadcasts.resume(connected.team, broadcast.id, late.version, "U1")
    await connected.run(engine)
    assert await connected.is_done(broadcast.id, 5)


async def test_a_start_missed_by_less_goes_out(connected: Station) -> None:
    broadcast = await connected.confirmed(5)
    connected.clock.advance(3599)
    await connected.run()
    assert await connected.is_done(broadcast.id, 5)


async def test_a_scheduled_broadcast_waits_while_its_channel_is_gone(connected: Station) -> None:
    broadcast = await connected.confirmed(5)
    await connected.change(connected.team, reachable=False)
    await connected.run()
    assert (await connected.broadcast(broadcast.id)).pause_reasons == [PauseReason.UNREACHABLE]


async def test_stale_facts_are_read_again_before_anything_is_sent(connected: Station) -> None:
    broadcast = await connected.confirmed(5)
    connected.clock.advance(1500)
    before = len(connected.aws.calls_of("ses:GetAccount"))
    await connected.run()
    assert len(connected.aws.calls_of("ses:GetAccount")) == before + 1
    assert await connected.is_done(broadcast.id, 5)


async def test_the_channel_is_told_of_the_progress(connected: Station) -> None:
    broadcast = await connected.confirmed(60)
    await connected.run()
    async with connected.db.read() as session:
        told = select(Outbox).where(Outbox.record_id == broadcast.id, Outbox.kind == "broadcast")
        message = (await session.exec(told)).one()
    assert message.wanted >= 4


async def test_the_account_is_given_back_when_nothing_is_left(connected: Station) -> None:
    await connected.confirmed(5)
    await connected.run()
    account = await connected.account()
    assert (account.owner, account.lease_until, account.work_at) == ("", None, None)


async def test_several_may_wake_an_account_that_is_new_at_the_same_moment(db: Database) -> None:
    soon, sooner = db.now() + timedelta(seconds=2), db.now() + timedelta(seconds=1)

    async def wakes(at: datetime) -> None:
        async with db.write() as session:
            await schedule_sending(session, "000000000001", "eu-west-1", at)

    await asyncio.gather(*map(wakes, [soon, sooner, soon, soon]))
    async with db.read() as session:
        account = (await session.exec(select(SendingAccount))).one()
    assert (account.work_at, account.fence, account.share) == (sooner, 0, 1)


async def test_stopping_finishes_what_is_under_way_and_leaves_the_rest(connected: Station) -> None:
    broadcast = await connected.confirmed(60)
    engine = connected.engine()

    stopping: list[asyncio.Task[None]] = []

    async def stop() -> None:
        connected.between_calls = None
        stopping.append(asyncio.create_task(engine.stop()))
        await asyncio.sleep(0)

    connected.between_calls = stop
    await engine.tick()
    await engine.idle()
    await stopping[0]
    assert await connected.counts(broadcast.id) == {DeliveryState.SENT: 14, DeliveryState.PENDING: 46}
    await engine.tick()
    assert len(connected.calls()) == 1
    await connected.run()
    assert await connected.is_done(broadcast.id, 60)
    assert connected.nobody_twice()
