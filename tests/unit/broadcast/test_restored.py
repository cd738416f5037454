"""Broadcasts after the database was set back to a copy: held, in doubt, and nothing new until somebody has decided."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from bot.after_restore import set_back
from bot.broadcast.resend import Resends
from bot.broadcast.restored.hold import WHY
from bot.broadcast.restored.restorations import Restorations
from bot.errors import BotError
from storage.models import Broadcast, Delivery, Mailer, Outbox, Poll, Restoration
from storage.states import BroadcastState, DeliveryState, PollKind, SendKind
from tests.audit_log import audits
from tests.unit.broadcast.fixtures import Station, csv, draft

pytestmark = pytest.mark.both_databases

SENDING, PAUSED, STOPPED = BroadcastState.SENDING, BroadcastState.PAUSED, BroadcastState.STOPPED
SCHEDULED, DONE, DRAFT = BroadcastState.SCHEDULED, BroadcastState.DONE, BroadcastState.DRAFT
HOUR = timedelta(hours=1)


async def is_set_back(station: Station, *, age: timedelta = 3 * HOUR) -> None:
    async with station.db.write() as session:
        await set_back(session, station.clock() - age, station.clock())


CASES: list[tuple[BroadcastState, str, int, tuple[BroadcastState, list[str]], bool]] = [
    # as it was, why it waited, hours to its start, what it becomes, whether its recipients are in doubt
    (SCHEDULED, "", -1, (PAUSED, ["restored"]), True),
    (SCHEDULED, "", 1, (PAUSED, ["restored"]), False),
    (SENDING, "", -1, (PAUSED, ["restored"]), True),
    (PAUSED, "person", -1, (PAUSED, ["person", "restored"]), True),
    (PAUSED, "quota", -1, (PAUSED, ["quota", "restored"]), True),
    (PAUSED, "identity", 1, (PAUSED, ["identity", "restored"]), False),
    (STOPPED, "reputation", -1, (STOPPED, ["reputation"]), True),
    (STOPPED, "", -1, (STOPPED, []), False),
    (DONE, "", -1, (DONE, []), False),
    (DRAFT, "", 1, (DRAFT, []), False),
]


async def test_what_could_go_on_is_held_and_who_may_have_been_mailed_is_in_doubt(connected: Station) -> None:
    now = connected.clock()
    rows = [
        Broadcast(
            id=f"b{number}",
            team_id=connected.team.id,
            mailer_id=None,
            kind=SendKind.BROADCAST,
            state=state,
            pause_reasons=[why] if why else [],
            start_at=now + start * HOUR,
            started_at=now - HOUR if state in {SENDING, STOPPED, DONE} else None,
            from_address="hello@example.com",
            size=1,
            created_by="U1",
            created_at=now,
        )
        for number, (state, why, start, _, _) in enumerate(CASES)
    ]
    async with connected.db.write() as session:
        session.add_all(rows)
        await session.flush()
        session.add_all(
            Delivery(broadcast_id=row.id, seq=1, address="a@x.test", address_key="a@x.test", at=now) for row in rows
        )

    await is_set_back(connected)

    for number, (_, _, _, becomes, in_doubt) in enumerate(CASES):
        row, (delivery,) = await connected.broadcast(f"b{number}"), await connected.deliveries(f"b{number}")
        assert (row.state, row.pause_reasons) == becomes, number
        assert delivery.state is (DeliveryState.IN_DOUBT if in_doubt else DeliveryState.PENDING), number
        assert delivery.error == (WHY if in_doubt else "")
        assert not in_doubt or row.started_at, "it must not be taken back, and mailed anew"


async def test_nothing_new_goes_out_until_somebody_has_decided(connected: Station) -> None:
    station, team = connected, connected.team
    done = await station.confirmed(2)
    await station.run()
    later = await station.confirmed(2)
    await station.change(later, start_at=station.clock() + HOUR)
    prepared = await station.broadcasts.prepare(team, "U1", draft(), csv(2), None)
    await is_set_back(station)

    async def is_refused(act: Any) -> None:
        with pytest.raises(BotError) as refused:
            await act
        assert refused.value.code == "RESTORED"

    ref = prepared.broadcast.id, prepared.broadcast.version
    held = await station.broadcast(later.id)
    await is_refused(station.broadcasts.confirm(team, *ref, "U1"))
    await is_refused(station.broadcasts.check_room(team))
    await is_refused(station.broadcasts.resume(team, held.id, held.version, "token:1"))
    await is_refused(station.broadcasts.undo(team, held.id, held.version, "U1"))
    async with station.db.write() as session:
        await session.run_sync(
            lambda sync: sync.connection().exec_driver_sql("UPDATE delivery SET state = 'failed' WHERE state = 'sent'")
        )
    resends = Resends(station.db, station.preflight)
    version = (await station.broadcast(done.id)).version
    await is_refused(resends.send(team, done.id, version, DeliveryState.FAILED, "U1"))

    restorations = Restorations(station.db, station.broadcasts)
    assert await restorations.go_on(team, "U2") == []
    with pytest.raises(BotError, match="Somebody has let it go on already"):
        await restorations.go_on(team, "U3")

    assert (await station.broadcast(later.id)).state is SCHEDULED
    assert (await station.broadcasts.confirm(team, *ref, "U1")).state is SCHEDULED
    async with station.db.read() as session:
        answered = (await session.exec(select(Restoration))).one()
    assert [row.action for row in await audits(station.db, "team.")] == ["team.restore", "team.go_on"]
    assert answered.answered_by == "U2"


async def test_the_channel_is_asked_once_and_aws_lists_are_read_again(connected: Station) -> None:
    async with connected.db.write() as session:
        mailer = (await session.exec(select(Mailer).with_for_update())).one()
        mailer.suppressions_at = connected.clock()

    await is_set_back(connected)
    connected.clock.advance(60)
    await is_set_back(connected, age=HOUR)

    async with connected.db.read() as session:
        assert (await session.exec(select(Mailer.suppressions_at))).one() is None
        polls = (await session.exec(select(Poll).where(Poll.kind == PollKind.SUPPRESSIONS))).all()
        asked = (await session.exec(select(Outbox).where(Outbox.kind == "restored"))).all()
        restoration = (await session.exec(select(Restoration))).one()
    assert [poll.due_at <= connected.clock() for poll in polls] == [True]
    assert len(asked) == 2  # once for each restore; of the first nothing is drawn any more
    assert restoration.copied_at == connected.clock() - HOUR
