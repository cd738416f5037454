"""What a webhook is told arrives at least once and in order, however the receiver is."""

import asyncio
from datetime import timedelta

import pytest

from bot.broadcast.transitions import transition
from bot.webhooks.delivery import WAITS, WebhookDelivery, longest_due
from bot.webhooks.events import ITEMS, Item, SuppressionEvent, deliveries_changed, suppressions_changed
from bot.webhooks.signing import WebhookSecrets, signed_headers
from handlers.webhook_receiver import WebhookReceiver
from storage import leases
from storage.models import Broadcast, Team
from storage.states import BroadcastState, DeliveryState, IncidentState
from tests.unit.webhooks.fixtures import KEYS, LOOPBACK, ON_SQLITE, Hooked, broadcast_row

pytestmark = pytest.mark.both_databases

HOUR = 3600.0
STEPS = (BroadcastState.SCHEDULED, BroadcastState.SENDING, BroadcastState.DONE)


async def begins(hook: Hooked, number: int) -> None:
    async with hook.db.write() as session:
        session.add(broadcast_row(hook.team, number, hook.clock))


async def moves(hook: Hooked, number: int, *states: BroadcastState) -> None:
    for to in states:
        async with hook.db.write() as session:
            row = await session.get_one(Broadcast, f"{number:032}", with_for_update=True)
            await transition(session, row, to, by="U1", action="broadcast.edit", now=hook.clock())


async def bounce(hook: Hooked, number: int, count: int, first: int = 0) -> None:
    async with hook.db.write() as session:
        row = await session.get_one(Broadcast, f"{number:032}")
        items = [Item(f"r{first + each}@x.test", {"error": "Permanent"}, row.id) for each in range(count)]
        await deliveries_changed(session, row, DeliveryState.BOUNCED, items)


def states(hook: Hooked) -> list[tuple[str, str]]:
    return [(each.data["broadcast"]["subject"], each.type.partition(".")[2]) for each in hook.hooks.taken]


async def test_a_receiver_that_is_down_for_12_hours_gets_all_in_order_once_it_is_up(hook: Hooked) -> None:
    await hook.hooks.close()
    for number in (1, 2):
        await begins(hook, number)
    for step in STEPS:
        for number in (1, 2):
            await moves(hook, number, step)
        await hook.posts(HOUR)
    for _ in range(36):
        await hook.posts(HOUR / 4)
    assert sorted({each.failures for each in await hook.waiting()}) == [0, 22]

    await hook.hooks.open()
    await hook.posts(HOUR / 2)

    for number in (1, 2):
        assert [state for subject, state in states(hook) if subject == f"News {number}"] == [*STEPS]
    assert await hook.waiting() == []
    assert await hook.incidents() == []


@ON_SQLITE
async def test_a_failure_is_tried_again_as_stated_with_the_same_id_and_body(hook: Hooked) -> None:
    hook.hooks.answer = 500
    await begins(hook, 1)
    await moves(hook, 1, BroadcastState.SCHEDULED)
    await hook.posts()
    for at, wait in enumerate([*WAITS, WAITS[-1]], start=1):
        await hook.posts(wait - 1)
        assert len(hook.hooks.posted) == at
        await hook.posts(1)
        assert len(hook.hooks.posted) == at + 1

    assert len({(each.id, each.body) for each in hook.hooks.posted}) == 1
    stamps = [int(each.timestamp) for each in hook.hooks.posted]
    assert stamps[-1] - stamps[0] == 5 + 15 + 60 + 300 + 900 + 1800 + 1800
    assert all(each.is_signed_by(hook.secret.reveal()) for each in hook.hooks.posted)


@ON_SQLITE
async def test_another_broadcast_does_not_wait_behind_one_that_fails(hook: Hooked) -> None:
    hook.hooks.answer = 500
    for number in (1, 2):
        await begins(hook, number)
    await moves(hook, 1, BroadcastState.SCHEDULED, BroadcastState.SENDING)
    await hook.posts()
    hook.hooks.answer = 200
    await moves(hook, 2, BroadcastState.SCHEDULED)
    await hook.posts(1)
    assert states(hook) == [("News 2", "scheduled")]
    await hook.posts(4)
    assert states(hook)[1:] == [("News 1", "scheduled"), ("News 1", "sending")]


async def test_what_was_posted_and_not_recorded_is_posted_again_with_the_same_id(hook: Hooked) -> None:
    await begins(hook, 1)
    await bounce(hook, 1, 2)
    hook.clock.advance(10)
    (lease,) = await hook.delivery._claim(1)
    posting = await hook.delivery._begin(lease)
    assert posting is not None
    headers = signed_headers(posting.event_id, posting.body, posting.signing, hook.clock())
    await WebhookReceiver(LOOPBACK).post(posting.address, posting.body.encode(), headers)
    await bounce(hook, 1, 3, first=2)  # and here it is killed
    await hook.posts(10)
    assert len(hook.hooks.posted) == 1  # it may be alive
    await hook.posts(60)

    assert [len(each.data["items"]) for each in hook.hooks.posted] == [2, 2, 3]
    assert len({(each.id, each.body) for each in hook.hooks.posted}) == 2
    assert await hook.waiting() == []


@ON_SQLITE
async def test_at_the_start_of_a_process_nobody_else_posts(hook: Hooked) -> None:
    await begins(hook, 1)
    await moves(hook, 1, BroadcastState.SCHEDULED)
    assert await hook.delivery._claim(1)
    async with hook.db.write() as session:
        await leases.reclaim_all(session, hook.clock())
    await hook.posts()
    assert len(hook.hooks.taken) == 1


async def test_an_answer_after_the_lease_was_lost_changes_nothing(hook: Hooked) -> None:
    await begins(hook, 1)
    await moves(hook, 1, BroadcastState.SCHEDULED)
    (lease,) = await hook.delivery._claim(1)
    hook.clock.advance(61)
    (newer,) = await hook.delivery._claim(1)
    await hook.delivery._work(lease)
    assert hook.hooks.posted == []
    await hook.delivery._work(newer)
    assert len(hook.hooks.taken) == 1


async def test_two_processes_post_each_event_once_and_in_order(hook: Hooked) -> None:
    other = WebhookDelivery(hook.db, WebhookSecrets(KEYS), WebhookReceiver(LOOPBACK))
    await begins(hook, 1)
    await moves(hook, 1, *STEPS)
    await asyncio.gather(hook.delivery.tick(), other.tick())
    await asyncio.gather(hook.delivery.idle(), other.idle())
    assert [state for _, state in states(hook)] == [*STEPS]
    assert len(hook.hooks.posted) == len(STEPS)


@ON_SQLITE
async def test_the_lag_is_of_what_could_go_and_not_of_what_a_receiver_holds_up(hook: Hooked) -> None:
    async def lag() -> float:
        async with hook.db.read() as session:
            since = await longest_due(session, hook.clock())
        return (hook.clock() - since).total_seconds() if since else 0

    await begins(hook, 1)
    await moves(hook, 1, *STEPS)
    hook.clock.advance(7)
    assert await lag() == 7
    hook.hooks.answer = 500
    await hook.posts()
    assert await lag() == 0
    await hook.posts(6)
    hook.clock.advance(15)
    assert await lag() == 0
    hook.clock.advance(2)
    assert await lag() == 2


async def test_recipients_go_in_batches_of_a_hundred_and_no_sooner_than_after_ten_seconds(hook: Hooked) -> None:
    await begins(hook, 1)
    for second in range(10):
        await bounce(hook, 1, 23, first=23 * second)
        await hook.posts(1)
    assert len(hook.hooks.posted) == 1
    await hook.posts(8)
    assert [len(each.data["items"]) for each in hook.hooks.posted] == [92, 92, 46]
    sent = [item["address"] for each in hook.hooks.posted for item in each.data["items"]]
    assert sent == [f"r{number}@x.test" for number in range(230)]
    assert hook.hooks.posted[0].data["broadcast_id"] == f"{1:032}"
    assert hook.hooks.posted[0].data["items"][0] == {
        "address": "r0@x.test",
        "external_id": None,
        "error": "Permanent",
        "at": "2026-11-24T09:00:00Z",
    }
    await bounce(hook, 1, ITEMS + 1)
    await hook.posts(9)
    assert len(hook.hooks.posted) == 3
    await hook.posts(1)
    assert [len(each.data["items"]) for each in hook.hooks.posted[3:]] == [ITEMS, 1]


@ON_SQLITE
async def test_after_a_day_there_is_an_alert_and_after_three_it_is_given_up_and_counted(hook: Hooked) -> None:
    hook.hooks.answer = 503
    await begins(hook, 1)
    await moves(hook, 1, *STEPS)
    for _ in range(47):
        await hook.posts(HOUR / 2)
    assert await hook.incidents() == []
    await hook.posts(HOUR / 2)
    (alert,) = await hook.incidents()
    assert (alert.state, alert.mailer_id) == (IncidentState.OPEN, None)
    assert alert.detail == {"waiting": 3, "dropped": 0, "gone": False, "answer": "503 Service Unavailable"}

    for _ in range(96):
        await hook.posts(HOUR / 2)
    assert await hook.waiting() == []
    assert len({each.id for each in hook.hooks.posted}) == 3
    (alert,) = await hook.incidents()
    assert (alert.detail["dropped"], alert.detail["waiting"]) == (3, 0)

    hook.hooks.answer = 200
    await moves(hook, 1, BroadcastState.SENDING)
    await hook.posts()
    (alert,) = await hook.incidents()
    assert alert.state is IncidentState.RESOLVED
    assert (await hook.webhook()).dropped == 0


@ON_SQLITE
async def test_410_switches_it_off_at_once_with_the_alert_and_retry_on_again(hook: Hooked) -> None:
    hook.hooks.answer = 410
    await begins(hook, 1)
    await moves(hook, 1, BroadcastState.SCHEDULED)
    await hook.posts()
    assert [each.detail["gone"] for each in await hook.incidents()] == [True]
    await moves(hook, 1, BroadcastState.SENDING)
    await hook.posts(HOUR)
    assert len(hook.hooks.posted) == 1
    assert len(await hook.waiting()) == 1  # what happens meanwhile is not kept

    hook.hooks.answer = 200
    await hook.service.retry(hook.team, (await hook.webhook()).id, "U1")
    await hook.posts()
    assert states(hook) == [("News 1", "scheduled")]
    assert [each.state for each in await hook.incidents()] == [IncidentState.RESOLVED]


@ON_SQLITE
async def test_what_waits_for_one_that_is_off_is_given_up_after_three_days(hook: Hooked) -> None:
    hook.hooks.answer = 410
    await begins(hook, 1)
    await moves(hook, 1, BroadcastState.SCHEDULED)
    await hook.posts()
    hook.clock.advance(timedelta(hours=71).total_seconds())
    await hook.service.tidy()
    assert len(await hook.waiting()) == 1
    hook.clock.advance(HOUR)
    await hook.service.tidy()
    assert await hook.waiting() == []
    assert [each.detail["dropped"] for each in await hook.incidents()] == [1]


@ON_SQLITE
async def test_switched_off_nothing_of_it_stays_and_nothing_more_is_written(hook: Hooked) -> None:
    hook.hooks.answer = 410
    await begins(hook, 1)
    await moves(hook, 1, BroadcastState.SCHEDULED)
    await hook.posts()
    await hook.service.switch_off(hook.team, (await hook.webhook()).id, "U1")
    await moves(hook, 1, BroadcastState.SENDING)
    assert await hook.waiting() == []
    assert await hook.service.of(hook.team) is None
    assert [each.state for each in await hook.incidents()] == [IncidentState.RESOLVED]


@ON_SQLITE
@pytest.mark.parametrize("answer", [301, 307, 404, 500])
async def test_whatever_is_not_2xx_is_a_failure_and_no_redirect_is_followed(hook: Hooked, answer: int) -> None:
    async with hook.db.write() as session:
        item = Item("ann@x.test", {"reason": "complaint", "source": "b1"}, "b1")
        await suppressions_changed(session, hook.team.id, SuppressionEvent.ADDED, [item], hook.clock())
    hook.hooks.answer = answer
    await hook.posts(10)
    assert len(hook.hooks.posted) == 1
    assert [each.failures for each in await hook.waiting()] == [1]
    (attempt,) = (await hook.webhook()).attempts
    assert attempt["answer"].startswith(str(answer))
    assert attempt["again"] == "2026-11-24T09:00:15Z"


@ON_SQLITE
async def test_while_the_app_is_removed_from_the_workspace_nothing_is_posted_and_all_of_it_after(hook: Hooked) -> None:
    async def becomes(why: str) -> None:
        async with hook.db.write() as session:
            team = await session.get_one(Team, hook.team.id, with_for_update=True)
            team.reachable, team.unreachable_why = not why, why

    await begins(hook, 1)
    await becomes("app_uninstalled")
    await moves(hook, 1, BroadcastState.SCHEDULED)

    await hook.posts(4 * 24 * HOUR)
    async with hook.db.read() as session:
        assert await longest_due(session, hook.clock()) is None
    assert hook.hooks.taken == []
    await becomes("not_in_channel")
    await hook.posts()

    assert states(hook) == [("News 1", "scheduled")]
    assert await hook.waiting() == []
