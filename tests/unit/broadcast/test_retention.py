"""Recipients are kept as long as the team has said, and counts and unsubscribe links for longer."""

from typing import Any

import pytest
from sqlmodel import col, select, update

from bot.broadcast.audience.saved import Audiences
from bot.broadcast.audience.selection.resolution import Selections
from bot.broadcast.audience.selection.selection import Selection
from bot.broadcast.resend import Resends
from bot.errors import BotError
from bot.people import retention
from bot.people.retention import Retention
from bot.suppression.hidden import hash_of, is_hashed
from bot.suppression.suppression_list import Suppressions
from bot.suppression.unsubscribe_links import LinkSubject
from storage.models import Audience, Audit, Broadcast, Delivery, Suppression, Team
from storage.states import BroadcastState, DeliveryState, KeepRecipients
from tests.databases import everything_kept
from tests.unit.broadcast.fixtures import Station, csv, draft

pytestmark = pytest.mark.both_databases

DAY = 86_400
SIZE = 30


async def keeps(station: Station, period: KeepRecipients) -> None:
    async with station.db.write() as session:
        await session.exec(update(Team).values(keep_recipients=period))


async def forget(station: Station) -> bool:
    """What housekeeping does every hour."""
    forgotten = await Retention(station.db).run()
    await Audiences(station.db).tidy()
    await station.db.checkpoint()
    return forgotten


async def is_done(station: Station) -> Broadcast:
    """A broadcast of which one failed, and the reason names the recipient."""
    broadcast = await station.confirmed(SIZE)
    await station.run()
    first = (await station.deliveries(broadcast.id))[0]
    await set_delivery(
        station, broadcast, 1, state=DeliveryState.FAILED, error=f"550 <{first.address.upper()}> unknown"
    )
    return await station.broadcast(broadcast.id)


async def set_delivery(station: Station, broadcast: Broadcast, seq: int, **values: Any) -> None:
    this = update(Delivery).where(col(Delivery.broadcast_id) == broadcast.id, col(Delivery.seq) == seq)
    async with station.db.write() as session:
        await session.exec(this.values(**values))


async def test_after_its_time_nothing_that_is_stored_says_who_they_were_and_counts_stay(connected: Station) -> None:
    station = connected
    broadcast = await is_done(station)
    await station.change(broadcast, source_id=broadcast.audience_id)
    counts, addresses = (
        await station.counts(broadcast.id),
        [row.address for row in await station.deliveries(broadcast.id)],
    )
    await keeps(station, KeepRecipients.DAYS_90)
    station.clock.advance(90 * DAY - 60)
    assert not await forget(station)
    domain = addresses[0].partition("@")[2]
    assert domain in await everything_kept(station.db)

    station.clock.advance(60)
    assert await forget(station)

    assert domain not in (await everything_kept(station.db)).lower()
    rows = await station.deliveries(broadcast.id)
    assert await station.counts(broadcast.id) == counts
    team_id, key = station.team.id, station.db.people_key
    assert [row.address for row in rows] == [hash_of(key, team_id, address) for address in addresses]
    assert rows[0].error == f"550 <{rows[0].address}> unknown"
    kept = await station.broadcast(broadcast.id)
    assert (kept.state, kept.size, kept.audience_id, kept.source_id) == (BroadcastState.DONE, SIZE, None, None)
    async with station.db.read() as session:
        assert not (await session.exec(select(Audience))).all()
        (told,) = await session.exec(select(Audit).where(Audit.action == "broadcast.forget"))
    assert (told.actor, told.subject, told.after) == ("mailroom", broadcast.id, {"recipients": SIZE})
    assert not await forget(station)


async def test_nothing_of_it_is_sent_again_and_the_reason_is_said(connected: Station) -> None:
    station = connected
    broadcast, stopped = await is_done(station), await station.confirmed(SIZE)
    await station.change(stopped, state=BroadcastState.SENDING)
    await station.change(stopped, state=BroadcastState.STOPPED, finished_at=station.clock())
    await keeps(station, KeepRecipients.YEAR)
    station.clock.advance(366 * DAY)
    await forget(station)
    resends = Resends(station.db, station.preflight)

    selects = Selection(leaves_out_got=(broadcast.id,))
    with pytest.raises(BotError, match="BROADCAST_UNKNOWN"):
        await Selections(station.db).resolve(station.team, selects, [], "")
    for what in (DeliveryState.FAILED, DeliveryState.IN_DOUBT):
        with pytest.raises(BotError, match="RECIPIENTS_GONE") as refused:
            await resends.look(station.team, broadcast.id, broadcast.version, what)
    assert "nothing of it can be sent again" in refused.value.sentence
    with pytest.raises(BotError, match="RECIPIENTS_GONE"):
        await station.broadcasts.resume(station.team, stopped.id, stopped.version, "U1", admin=True)


async def test_an_unsubscribe_link_goes_on_working_and_a_later_file_does_not_bring_the_address_back(
    connected: Station,
) -> None:
    station = connected
    broadcast = await is_done(station)
    second = (await station.deliveries(broadcast.id))[1]
    await keeps(station, KeepRecipients.DAYS_90)
    station.clock.advance(91 * DAY)
    await forget(station)
    links = Suppressions(station.db, station.mailers, [])

    await links.unsubscribe(LinkSubject(station.team.id, broadcast.id, second.seq))

    async with station.db.read() as session:
        (row,) = await session.exec(select(Suppression))
    assert (row.hashed, is_hashed(row.address)) == (True, True)
    mailer = await station.mailers.get(station.team)
    assert mailer is not None
    await station.monitor.refresh(mailer)
    prepared = await station.broadcasts.prepare(
        station.team, "U1", draft(), csv(SIZE, domain=second.address.partition("@")[2]), None
    )
    assert prepared.suppressed == 1


@pytest.mark.parametrize("period", [KeepRecipients.FOR_EVER, KeepRecipients.YEAR])
async def test_what_is_kept_for_longer_stays(connected: Station, period: KeepRecipients) -> None:
    station = connected
    broadcast = await is_done(station)
    await keeps(station, period)
    station.clock.advance(200 * DAY)
    assert not await forget(station)
    assert not any(is_hashed(row.address) for row in await station.deliveries(broadcast.id))


async def test_a_saved_audience_stays_and_so_does_what_has_not_ended(connected: Station) -> None:
    station = connected
    prepared = await station.broadcasts.prepare(station.team, "U1", draft(), csv(SIZE), None, save_as="June")
    await station.broadcasts.confirm(station.team, prepared.broadcast.id, prepared.broadcast.version, "U1")
    await keeps(station, KeepRecipients.DAYS_90)
    station.clock.advance(100 * DAY)
    assert not await forget(station)
    await station.change(prepared.broadcast, state=BroadcastState.SENDING)
    await station.change(prepared.broadcast, state=BroadcastState.DONE, finished_at=station.clock())
    station.clock.advance(90 * DAY)

    assert await forget(station)

    saved = await Audiences(station.db).named(station.team, "June")
    assert saved.size == SIZE
    assert all(is_hashed(row.address) for row in await station.deliveries(prepared.broadcast.id))


async def test_what_a_kill_leaves_half_done_goes_on(connected: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    station = connected
    broadcast = await is_done(station)
    await keeps(station, KeepRecipients.DAYS_90)
    station.clock.advance(91 * DAY)
    monkeypatch.setattr(retention, "_ROWS", 7)
    dying, writes = Retention(station.db), 0
    replace = dying._replace

    async def until_the_second(*given: Any) -> None:
        nonlocal writes
        writes += 1
        if writes == 3:
            raise RuntimeError("killed")
        await replace(*given)

    monkeypatch.setattr(dying, "_replace", until_the_second)
    with pytest.raises(RuntimeError):
        await dying.run()
    assert sum(is_hashed(row.address) for row in await station.deliveries(broadcast.id)) in {13, 14}

    assert await forget(station)
    assert all(is_hashed(row.address) for row in await station.deliveries(broadcast.id))
    async with station.db.read() as session:
        assert len((await session.exec(select(Audit).where(Audit.action == "broadcast.forget"))).all()) == 1
