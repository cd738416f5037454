"""What AWS refuses is held or stopped for the right reason, nothing is lost, and AWS is not hammered."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlmodel import select

from bot.broadcast.delivery.dispatcher import Dispatcher
from bot.mailer.monitoring.facts import CONFIRM_AFTER
from storage.models import Broadcast, Mailer, Poll
from storage.states import Access, BroadcastState, DeliveryState, PauseReason, PollKind
from tests.playground.aws import How
from tests.unit.broadcast.fixtures import BULK, SET, Station

SENT, PENDING = DeliveryState.SENT, DeliveryState.PENDING


async def mailer_of(station: Station) -> Mailer:
    async with station.db.read() as session:
        return (await session.exec(select(Mailer).where(Mailer.team_id == station.team.id))).one()


async def held(station: Station, broadcast: Broadcast) -> list[str]:
    row = await station.broadcast(broadcast.id)
    assert row.state is BroadcastState.PAUSED
    return row.pause_reasons


async def start(station: Station, size: int = 30, *, then: Callable[[], object]) -> tuple[Broadcast, Dispatcher]:
    """Run a broadcast, and do something at AWS after its first call."""
    broadcast = await station.confirmed(size)

    async def act() -> None:
        if len(station.calls()) == 1:
            then()

    station.between_calls = act
    engine = await station.run()
    station.between_calls = None
    return broadcast, engine


async def test_throttled_calls_are_sent_later_and_slower(connected: Station) -> None:
    broadcast = await connected.confirmed(60)
    connected.aws.fail(BULK, How.THROTTLE, times=3)
    before = connected.clock()
    await connected.run()
    assert await connected.is_done(broadcast.id, 60)
    assert connected.nobody_twice()
    assert (connected.clock() - before).total_seconds() > 0.5 + 1 + 2  # each pause is at least twice the one before
    assert (await connected.account()).share < 1


async def test_too_high_a_rate_in_the_facts_is_found_out(connected: Station) -> None:
    broadcast = await connected.confirmed(40)
    connected.ses.set_quota(rate=7)
    connected.between_calls = None
    engine = await connected.run_for(3)
    assert not connected.aws.mails  # 14 in one call are refused for as long as the facts say 14
    await connected.monitor.refresh(await mailer_of(connected))
    await connected.run(engine)
    assert await connected.is_done(broadcast.id, 40)


async def test_a_used_up_quota_is_waited_out_with_a_probe_every_ten_minutes_at_most(connected: Station) -> None:
    connected.ses.set_quota(max_24h=20)
    broadcast = await connected.confirmed(40)
    engine = await connected.run()
    assert await held(connected, broadcast) == [PauseReason.QUOTA]
    assert await connected.counts(broadcast.id) == {SENT: 20, PENDING: 20}
    probes = len(connected.calls())
    started = connected.clock()
    await connected.later(engine, 3600, step=120)
    assert len(connected.calls()) - probes <= 6
    await connected.later(engine, 26 * 3600, step=3600)
    assert await connected.is_done(broadcast.id, 40)
    assert connected.nobody_twice()
    assert connected.clock() - started > timedelta(hours=24)


async def test_the_quota_holds_every_broadcast_of_the_account(connected: Station) -> None:
    other = connected.new_team("C2")
    await connected.connect(other)
    connected.ses.set_quota(max_24h=14)
    first = await connected.confirmed(30)
    second = await connected.confirmed(30, team=other)
    await connected.run()
    assert await held(connected, first) == [PauseReason.QUOTA]
    assert await held(connected, second) == [PauseReason.QUOTA]
    assert len(connected.calls()) <= 3


async def test_a_refused_key_makes_the_mailer_suspect_and_is_confirmed_before_it_counts(connected: Station) -> None:
    broadcast, engine = await start(connected, then=lambda: connected.aws.fail(BULK, "UnrecognizedClientException"))
    assert await held(connected, broadcast) == [PauseReason.ACCESS]
    mailer = await mailer_of(connected)
    assert (mailer.access, mailer.access_error) == (Access.SUSPECT, "UnrecognizedClientException")
    async with connected.db.read() as session:
        poll = await session.get_one(Poll, (PollKind.ACCOUNT, mailer.id))
    assert poll.due_at <= connected.clock() + CONFIRM_AFTER
    assert await connected.counts(broadcast.id) == {SENT: 14, PENDING: 16}
    await connected.later(engine, 180)
    assert await connected.is_done(broadcast.id, 30)
    assert connected.nobody_twice()


async def test_a_lost_key_stays_held_and_a_reconnect_offers_resume(connected: Station) -> None:
    broadcast, engine = await start(connected, then=lambda: connected.aws.revoke(connected.key))
    await connected.later(engine, 600)
    assert (await mailer_of(connected)).access is Access.LOST
    calls = len(connected.calls())
    connected.aws.restore(connected.key)
    mailer = await mailer_of(connected)
    await connected.change(mailer, credentials_at=connected.clock())
    await connected.later(engine, 600)
    assert (await mailer_of(connected)).access is Access.OK
    assert await held(connected, broadcast) == [PauseReason.ACCESS]
    assert len(connected.calls()) == calls
    version = (await connected.broadcast(broadcast.id)).version
    await connected.broadcasts.resume(connected.team, broadcast.id, version, "U1")
    await connected.run(engine)
    assert await connected.is_done(broadcast.id, 30)


async def test_a_short_pause_by_aws_goes_on_by_itself(connected: Station) -> None:
    broadcast, engine = await start(connected, then=connected.ses.pause)
    assert await held(connected, broadcast) == [PauseReason.SENDING]
    calls = len(connected.calls())
    await connected.later(engine, 1800)
    assert len(connected.calls()) == calls  # AWS is asked how things stand, and nothing is tried
    connected.ses.resume()
    await connected.later(engine, 900)
    assert await connected.is_done(broadcast.id, 30)


async def test_after_a_long_pause_by_aws_a_person_decides(connected: Station) -> None:
    broadcast, engine = await start(connected, then=connected.ses.pause)
    await connected.later(engine, 2 * 3600, step=300)
    connected.ses.resume()
    await connected.later(engine, 2 * 3600, step=300)
    other = await connected.confirmed(3)
    await connected.run(engine)
    assert await connected.is_done(other.id, 3)  # the account works, and this changes nothing for the first one
    assert await held(connected, broadcast) == [PauseReason.SENDING]
    version = (await connected.broadcast(broadcast.id)).version
    await connected.broadcasts.resume(connected.team, broadcast.id, version, "U1")
    await connected.run(engine)
    assert await connected.is_done(broadcast.id, 30)


async def test_a_shut_account_is_not_tried_again(connected: Station) -> None:
    broadcast, engine = await start(connected, then=lambda: connected.ses.enforcement("SHUTDOWN"))
    assert len(connected.calls()) == 2  # the first, and the one that AWS refused
    await connected.later(engine, 4 * 3600, step=300)
    assert await held(connected, broadcast) == [PauseReason.SENDING]
    assert len(connected.calls()) == 2


@pytest.mark.parametrize("whole", [True, False], ids=["of the call", "of each entry"])
@pytest.mark.parametrize("act", ["identity", "mail_from"])
async def test_an_identity_that_fails_holds_its_broadcast(connected: Station, act: str, whole: bool) -> None:
    connected.ses.refuses_whole = whole
    connected.ses.mail_from("example.com", "SUCCESS", reject=True)

    def fail() -> None:
        if act == "identity":
            connected.ses.fail("example.com")
        else:
            connected.ses.mail_from("example.com", "FAILED")

    broadcast, engine = await start(connected, then=fail)
    connected.ses.mail_from("example.com", "SUCCESS")
    assert await held(connected, broadcast) == [PauseReason.IDENTITY]
    assert await connected.counts(broadcast.id) == {SENT: 14, PENDING: 16}
    connected.ses.verify("example.com")
    await connected.later(engine, 1200, step=300)
    assert await held(connected, broadcast) == [PauseReason.IDENTITY]  # after a retry it is for a person to go on
    version = (await connected.broadcast(broadcast.id)).version
    await connected.broadcasts.resume(connected.team, broadcast.id, version, "U1")
    await connected.run(engine)
    assert await connected.is_done(broadcast.id, 30)


async def test_facts_that_turn_bad_hold_before_aws_is_called(connected: Station) -> None:
    broadcast = await connected.confirmed(30)
    connected.ses.fail("example.com")
    await connected.monitor.refresh(await mailer_of(connected))
    await connected.run()
    assert await held(connected, broadcast) == [PauseReason.IDENTITY]
    assert not connected.calls()


async def test_what_no_waiting_mends_stops_the_broadcast(connected: Station) -> None:
    refuse = lambda: connected.ses.refuse("*", "TEMPLATE_NOT_FOUND", "Template x does not exist")  # noqa: E731
    broadcast, engine = await start(connected, then=refuse)
    stopped = await connected.broadcast(broadcast.id)
    assert stopped.state is BroadcastState.STOPPED
    assert stopped.error == "Template x does not exist"
    assert await connected.counts(broadcast.id) == {SENT: 14, PENDING: 16}
    await connected.later(engine, 3600, step=600)
    assert len(connected.calls()) == 2


@pytest.mark.parametrize("how", ["NotFoundException", "BadRequestException", "CONFIGURATION_SET_NOT_FOUND"])
async def test_a_configuration_set_that_is_gone_holds_until_all_that_is_needed_was_looked_at(
    connected: Station, how: str
) -> None:
    text = f"Configuration set <{SET}> does not exist."
    broadcast, _ = await start(connected, then=lambda: connected.ses.refuse("*", how, text))
    assert await held(connected, broadcast) == [PauseReason.ACCESS]
    assert await connected.counts(broadcast.id) == {SENT: 14, PENDING: 16}
    mailer = await mailer_of(connected)
    assert (mailer.access, mailer.access_action) == (Access.SUSPECT, "ses:CreateConfigurationSet")
    async with connected.db.read() as session:
        poll = await session.get_one(Poll, (PollKind.ACCESS_CHECK, mailer.id))
    assert poll.due_at <= connected.clock() + CONFIRM_AFTER


async def test_a_suspect_mailer_holds_a_large_broadcast_and_not_a_small_one(connected: Station) -> None:
    large = await connected.confirmed(60)
    small = await connected.confirmed(20)
    await connected.change(await mailer_of(connected), access=Access.SUSPECT)
    await connected.run()
    assert await held(connected, large) == [PauseReason.ACCESS]
    assert await connected.is_done(small.id, 20)


@pytest.mark.parametrize("how", [How.THROTTLE, "LimitExceededException"])
async def test_a_test_over_the_quota_waits_like_everything_else(connected: Station, how: str) -> None:
    message = "Daily message quota exceeded."
    broadcast = await connected.confirmed(5)
    connected.aws.fail(BULK, how, message=message)
    await connected.run()
    assert await held(connected, broadcast) == [PauseReason.QUOTA]
