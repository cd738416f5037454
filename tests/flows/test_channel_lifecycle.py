"""A5: what happens to the channel and to the app, in any order, and nothing is lost."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlmodel import select

from bot.alerts.outbox import Notice, announce
from bot.errors import BotError
from bot.teams import reachability
from handlers.slack.dispatch.event import Event
from storage.database import Session
from storage.models import Audit, Broadcast, Installation, Mailer, Outbox, Team
from tests.audit_log import audits
from tests.flows.world import BOTH_DATABASES, OVER_HTTP, OVER_SOCKET_MODE, World, long_case
from tests.playground.slack.delivery import Kind

Act = Callable[[World], Awaitable[None]]

WAYS_OUT: dict[str, tuple[Act, Act]] = {
    "removed and invited": (lambda w: w.slack.remove_bot(w.news), lambda w: w.slack.invite_bot(w.news)),
    "archived and unarchived": (lambda w: w.slack.archive(w.news), lambda w: w.slack.unarchive(w.news)),
}
WITHIN = 60
PEOPLE = ("ann@elsewhere.test", "ben@elsewhere.test")  # of the usual audience
TOLD = "You can now send tests from it"


async def the_team(world: World) -> Team:
    async with world.bot.db.read() as session:
        return (await session.exec(select(Team))).one()


def seen(world: World, text: str) -> int:
    return len([message for message in world.slack.messages(world.news) if text in world.slack.text_of(message)])


async def something_to_tell(world: World) -> None:
    """AWS verifies an identity, which the channel is to hear of."""
    world.ses.verify("acme.test")
    await world.passes(60)


@pytest.fixture(params=[pytest.param(False, id="public"), pytest.param(True, id="private", marks=pytest.mark.long)])
def private(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@OVER_HTTP
@pytest.mark.parametrize("way", WAYS_OUT)
async def test_alerts_wait_while_the_channel_is_out_of_reach_and_come_on_return(
    world: World, way: str, private: bool
) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    if private:
        await world.slack.make_private(world.news)
    out, back = WAYS_OUT[way]

    await out(world)
    await world.settle()
    assert not (await the_team(world)).reachable
    calls = len(world.slack.calls_of("chat.postMessage")) + len(world.slack.calls_of("chat.update"))
    await something_to_tell(world)
    await world.passes(3600)
    assert len(world.slack.calls_of("chat.postMessage")) + len(world.slack.calls_of("chat.update")) == calls
    await back(world)
    await world.passes(WITHIN - 30)

    assert (await the_team(world)).reachable
    assert seen(world, TOLD) == 1


@pytest.mark.parametrize("way", WAYS_OUT)
async def test_events_that_come_twice_change_nothing_more(world: World, way: str) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    out, back = WAYS_OUT[way]
    world.slack.deliver_twice()

    await out(world)
    await something_to_tell(world)
    await back(world)
    await world.passes(WITHIN - 30)

    assert seen(world, TOLD) == 1
    assert [row.after["reachable"] for row in await audits(world.bot.db, "team.reach")] == [False, True]


@OVER_HTTP
async def test_an_event_that_slack_delivers_again_does_not_undo_what_came_after_it(world: World) -> None:
    await world.is_connected()
    await world.slack.event({"type": "app_uninstalled"})
    (removed,) = [each for each in world.slack.deliveries if each.kind is Kind.EVENT and "app_uninst" in str(each.body)]
    assert (await the_team(world)).unreachable_why == "app_uninstalled"
    await world.bot.slack.channel_life.start()  # installed again
    await world.bot.slack.channel_life.tick()

    await world.slack.redeliver(removed)

    assert (await the_team(world)).reachable


@OVER_SOCKET_MODE
async def test_an_event_that_comes_late_is_not_believed(world: World) -> None:
    await world.is_connected()
    await world.slack.archive(world.news)
    await world.slack.unarchive(world.news)

    await world.slack.event({"type": "channel_archive", "channel": world.news.id, "user": world.ada.id})
    await world.slack.event({"type": "channel_left", "channel": world.news.id, "actor_id": world.ada.id})
    await world.slack.event({"type": "channel_deleted", "channel": world.news.id, "actor_id": world.ada.id})
    await world.settle()

    assert (await the_team(world)).reachable


@OVER_HTTP
@pytest.mark.parametrize("code", ["not_in_channel", long_case("is_archived"), long_case("channel_not_found")])
async def test_a_channel_that_is_gone_without_an_event_is_learnt_from_the_refusal(world: World, code: str) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    world.slack.fail("chat.postMessage", error=code)
    world.slack.fail("chat.update", error=code)

    await something_to_tell(world)
    assert (await the_team(world)).unreachable_why == code
    assert seen(world, TOLD) == 0
    world.slack.heal()
    await world.passes(600)  # nobody tells of the return either: it is looked for

    assert (await the_team(world)).reachable
    await world.settle()
    assert seen(world, TOLD) == 1


@OVER_SOCKET_MODE
async def test_a_deleted_channel_is_out_of_reach_for_good(world: World) -> None:
    await world.is_connected()

    await world.slack.delete_channel(world.news)
    await world.settle()

    assert (await the_team(world)).unreachable_why == "channel_not_found"


@OVER_HTTP
async def test_an_event_is_handled_again_where_its_first_delivery_failed_before_the_commit(world: World) -> None:
    await world.is_connected()
    tries = []

    async def fails_once(session: Session, event: Event) -> None:
        tries.append(event.key)
        of_workspace = select(Team).where(Team.slack_team_id == event.workspace)
        team = (await session.exec(of_workspace.with_for_update())).one()
        team.name = f"{team.name}!"
        session.add(team)
        if len(tries) == 1:
            await session.flush()
            raise RuntimeError("the first delivery fails")

    world.bot.slack.listeners.event("grid_migration_finished", fails_once)
    world.slack.events.subscribed = None
    await world.slack.event({"type": "grid_migration_finished"})
    await world.slack.redeliver(world.slack.deliveries[-1])

    assert len(tries) == 2  # the third delivery found it done
    assert tries[0] == tries[1]
    assert (await the_team(world)).name == "news!"


async def test_an_event_whose_acknowledgement_was_lost_is_handled_once(world: World) -> None:
    await world.is_connected()
    world.slack.lose_acks(2)

    await world.slack.change_id(world.news)

    async with world.bot.db.read() as session:
        assert len((await session.exec(select(Audit).where(Audit.action == "team.renumbered"))).all()) == 1


@OVER_HTTP
async def test_a_new_name_is_on_the_card_and_in_the_question_before_deleting(world: World) -> None:
    await world.is_connected()

    await world.slack.rename(world.news, "newsletter")
    await world.settle()

    await world.ada.types(world.news, "/mailer")
    await world.ada.sees(world.news, "Mailroom in #newsletter")


@OVER_SOCKET_MODE
async def test_a_channel_that_was_made_private_is_known_as_such_by_the_next_command(world: World) -> None:
    await world.is_connected()
    await world.slack.make_private(world.news)

    await world.ada.types(world.news, "/mailer")
    await world.ada.sees(world.news, "Mailroom in #news")

    assert (await the_team(world)).private


@OVER_HTTP
async def test_a_channel_that_was_made_private_is_known_as_such_within_a_day(world: World) -> None:
    await world.is_connected()
    await world.slack.make_private(world.news)

    await world.passes(24 * 3600 + 60)

    assert (await the_team(world)).private


async def test_a_new_id_keeps_the_team_its_messages_and_an_open_modal(world: World) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    card = await world.bob.sees(world.news, "Put these records into the DNS of acme.test")
    await world.ada.types(world.news, "/mailer identity acme.example")
    await world.ada.types(world.news, "/mailer delete")
    modal = await world.ada.modal("Delete mailer")
    team, old = await the_team(world), world.news.id

    await world.slack.change_id(world.news)
    await world.slack.event({"type": "channel_id_changed", "old_channel_id": old, "new_channel_id": world.news.id})
    await something_to_tell(world)

    moved = await the_team(world)
    assert (moved.id, moved.channel_id, moved.reachable) == (team.id, world.news.id, True)
    assert seen(world, TOLD) == 1
    assert card.edited  # the message that was there before the change
    modal.fill("Type the channel name", "news")
    await modal.submit()
    await world.settle()
    await world.bob.sees(world.news, "The mailer of this channel was deleted")


@OVER_SOCKET_MODE
async def test_the_old_id_leads_to_the_team_for_a_day(world: World) -> None:
    await world.is_connected()
    team, old = await the_team(world), world.news.id
    await world.slack.change_id(world.news)

    workspace = world.slack.workspace.id
    found = await world.bot.services.teams.find(workspace, old)
    assert found is not None
    assert found.id == team.id
    world.clock.advance(24 * 3600 + 1)
    assert await world.bot.services.teams.find(workspace, old) is None
    assert await world.bot.services.teams.find(workspace, world.news.id) is not None


@BOTH_DATABASES
async def test_a_command_under_the_new_id_that_outruns_the_event_does_not_split_the_team(world: World) -> None:
    await world.is_connected()
    world.slack.events.subscribed = set()
    old = world.news.id
    await world.slack.change_id(world.news)
    await world.ada.types(world.news, "/mailer")
    await world.ada.sees(world.news, "Not connected yet")

    world.slack.events.subscribed = None
    await world.slack.event({"type": "channel_id_changed", "old_channel_id": old, "new_channel_id": world.news.id})

    team = await the_team(world)
    assert team.channel_id == world.news.id
    async with world.bot.db.read() as session:
        assert (await session.exec(select(Mailer))).one().team_id == team.id


@OVER_HTTP
async def test_a_channel_that_is_shared_with_another_workspace_is_warned_once(world: World) -> None:
    await world.is_connected()
    world.news.shared = True
    event = {"type": "channel_shared", "connected_team_id": "T0ELSEWHERE", "channel": world.news.id}

    await world.slack.event(event)
    await world.slack.event(event)
    await world.settle()

    assert seen(world, "shared with another workspace") == 1


@OVER_SOCKET_MODE
async def test_an_event_of_another_workspace_changes_nothing(world: World) -> None:
    await world.is_connected()
    elsewhere = world.slack.add_workspace("Elsewhere")
    before = await world.everything_stored()

    await world.slack.event({"type": "app_uninstalled"}, elsewhere)
    await world.slack.event({"type": "channel_deleted", "channel": world.news.id, "actor_id": "U1"}, elsewhere)
    new = {"type": "channel_id_changed", "old_channel_id": world.news.id, "new_channel_id": "C0ELSEWHERE"}
    await world.slack.event(new, elsewhere)

    assert await world.everything_stored() == before


async def test_a_scheduled_broadcast_waits_for_the_channel_and_goes_on_by_resume(world: World) -> None:
    await world.is_open()
    await world.confirms(await world.composes())
    await world.slack.remove_bot(world.news)
    await world.settle()

    await world.passes(60)
    async with world.bot.db.read() as session:
        broadcast = (await session.exec(select(Broadcast))).one()
    assert (broadcast.state, broadcast.pause_reasons) == ("paused", ["unreachable"])
    assert world.aws.mails == []
    with pytest.raises(BotError, match="cannot speak in the channel"):
        await world.bot.services.broadcasts.resume(await the_team(world), broadcast.id, broadcast.version, world.bob.id)
    await world.slack.invite_bot(world.news)
    await world.settle()

    message = await world.bob.sees(world.news, "the channel could not be reached")
    await world.bob.press(message, "Resume")
    await world.settle()
    await world.passes(60)
    async with world.bot.db.read() as session:
        assert (await session.exec(select(Broadcast.state))).one() == "done"


@pytest.mark.long
async def test_a_running_broadcast_is_finished_while_the_channel_is_out_of_reach(world: World) -> None:
    await world.is_open()
    audience = b"email\n" + b"".join(b"p%d@elsewhere.test\n" % number for number in range(120))
    await world.confirms(await world.composes(audience, message="Hello"))
    world.clock.advance(31)
    await world.bot.services.dispatcher.tick()
    async with world.bot.db.write() as session:
        broadcast = (await session.exec(select(Broadcast))).one()
        assert broadcast.state == "sending"
        await reachability.mark_unreachable(session, await the_team(world), "is_archived", now=world.clock())

    await world.bot.services.dispatcher.idle()

    async with world.bot.db.read() as session:
        assert (await session.exec(select(Broadcast.state))).one() == "done"
    assert not (await the_team(world)).reachable


REMOVALS: dict[str, Act] = {
    "uninstalled": lambda w: w.slack.uninstall(),
    "token revoked": lambda w: w.slack.revoke_token(),
}


@OVER_HTTP
@pytest.mark.parametrize("removal", REMOVALS)
async def test_after_the_app_is_removed_nothing_more_is_sent_to_slack(world: World, removal: str) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    await world.ada.opens_home()
    async with world.bot.db.write() as session:
        workspace = world.slack.workspace.id
        session.add(
            Installation(
                slack_team_id=workspace,
                bot_user_id="U0BOT",
                bot_token=b"sealed",
                installed_by="U1",
                installed_at=world.clock(),
            )
        )
    world.slack.deliver_twice()

    await REMOVALS[removal](world)
    before = len(world.slack.calls)
    async with world.bot.db.write() as session:
        await announce(session, (await the_team(world)).id, Notice.SHARED, "channel", now=world.clock())
    await world.slack.event({"type": "app_home_opened", "user": world.ada.id, "channel": "D1", "tab": "home"})
    renamed = {"id": world.news.id, "name": "late", "created": 1}
    await world.slack.event({"type": "channel_rename", "channel": renamed})
    await world.slack.event(
        {"type": "member_joined_channel", "user": world.slack.workspace.bot_user_id, "channel": world.news.id}
    )
    await world.passes(24 * 3600)
    await world.bot.slack.home.tick()

    assert [call.method for call in world.slack.calls[before:]] == []
    async with world.bot.db.read() as session:
        assert (await session.exec(select(Installation.bot_token))).one() is None
        assert (await session.exec(select(Outbox).where(Outbox.kind == Notice.SHARED))).one().shown == 0


@pytest.mark.parametrize("removal", ["uninstalled", long_case("token revoked")])
async def test_after_the_app_is_removed_no_mail_goes_and_aws_is_not_asked_until_somebody_resumes(
    world: World, removal: str
) -> None:
    await world.is_open(rate=1)
    held = world.aws.fail("ses:SendBulkEmail", "hang_before", 1)
    audience = b"email\n" + b"".join(b"p%d@elsewhere.test\n" % number for number in range(20))
    await world.confirms(await world.composes(audience, message="Hello"))
    later = int(world.clock().timestamp()) + 3600
    await world.confirms(await world.composes(message="Hello", subject="Spring news, later", send_at=later))
    world.clock.advance(31)
    await world.bot.services.dispatcher.tick()
    await asyncio.to_thread(held.reached.wait)

    await REMOVALS[removal](world)
    world.aws.heal(held)
    await world.bot.services.dispatcher.idle()
    mailed, asked = len(world.aws.mails), len(world.aws.calls)
    await world.passes(2 * 3600)
    await world.passes(24 * 3600)
    await world.does_its_chores()

    assert mailed < 20
    assert (len(world.aws.mails), len(world.aws.calls)) == (mailed, asked)
    async with world.bot.db.read() as session:
        stood = (await session.exec(select(Broadcast.state, Broadcast.pause_reasons))).all()
    assert stood == [("paused", ["unreachable"])] * 2

    world.slack.workspace.revoked = None
    await world.bot.slack.channel_life.start()  # the operator starts it with the new token
    await world.settle()
    assert len(world.aws.calls) > asked
    for subject in ("Spring news”", "Spring news, later”"):
        message = await world.bob.sees(world.news, subject)
        assert "the channel could not be reached" in message.text
        await world.bob.press(message, "Resume")
        await world.settle()
    await world.passes(600)
    sent = [mail.to[0] for mail in world.aws.mails if mail.subject.startswith("Spring")]
    assert sorted(sent) == sorted([*(f"p{number}@elsewhere.test" for number in range(20)), *PEOPLE])


@OVER_SOCKET_MODE
@pytest.mark.parametrize("code", [long_case("account_inactive"), "token_revoked", long_case("invalid_auth")])
async def test_a_token_that_no_longer_works_is_learnt_from_the_refusal(world: World, code: str) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    world.slack.workspace.revoked = code

    await something_to_tell(world)
    before = len(world.slack.calls)
    await world.passes(24 * 3600)

    assert len(world.slack.calls) == before
    assert (await the_team(world)).unreachable_why == code


@OVER_HTTP
@pytest.mark.long
async def test_an_app_that_is_installed_again_tells_what_waited(world: World) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    await world.slack.uninstall()
    await something_to_tell(world)
    world.slack.workspace.revoked = None

    await world.bot.slack.channel_life.start()  # the operator starts it with the new token
    await world.passes(WITHIN - 30)

    assert seen(world, TOLD) == 1


@OVER_SOCKET_MODE
async def test_a_start_with_a_token_that_does_not_work_asks_once_and_stays_quiet(world: World) -> None:
    await world.is_connected()
    await world.slack.uninstall()
    before = len(world.slack.calls)

    await world.bot.slack.channel_life.start()
    await world.passes(3600)

    assert [call.method for call in world.slack.calls[before:]] == ["auth.test"]


@OVER_HTTP
async def test_somebody_who_types_a_command_after_a_new_install_brings_the_channel_back(world: World) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    await world.slack.uninstall()
    await something_to_tell(world)
    world.slack.workspace.revoked = None

    await world.ada.types(world.news, "/mailer")
    await world.ada.sees(world.news, "Mailroom in #news")
    await world.settle()

    assert seen(world, TOLD) == 1


@OVER_SOCKET_MODE
def test_every_event_that_is_listened_to_is_subscribed_in_the_manifest(world: World) -> None:
    listened = {one.id for one in world.bot.slack.listeners.registered if one.kind == "event"}

    assert listened == world.slack.events.subscribed
    assert {"app_home_opened", "app_uninstalled", "tokens_revoked", "channel_id_changed"} <= listened


@OVER_HTTP
def test_no_event_but_the_opening_of_the_home_needs_a_person(world: World) -> None:
    events: dict[str, Any] = {
        one.id: one.permission for one in world.bot.slack.listeners.registered if one.kind == "event"
    }

    assert [name for name, permission in events.items() if permission] == ["app_home_opened"]
