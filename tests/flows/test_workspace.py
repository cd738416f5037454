"""Whose workspace it is: the installed one, as Slack answers, and not what a payload says of itself."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import select

from storage.models import Team
from tests.flows.test_permissions import REFUSED, Somebody, answers, asked_for, record_of, there_is_one_of_everything
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, World
from tests.playground.slack.delivery import Kind
from tests.playground.slack.world import Json

ELSEWHERE = "T0ELSEWHERE"
REFUSAL = REFUSED["outsider"]
NOT_THERE = "What this button or form belongs to is no longer there"


def of_another_workspace(payload: Json) -> Json:
    """The same, as from a workspace that Mailroom is not installed in, wherever a payload names one."""
    named: Json = {"team_id": ELSEWHERE} if "team_id" in payload else {}
    for part in ("team", "user", "view"):
        if part in payload:
            ids = {"id": ELSEWHERE} if part == "team" else {"team_id": ELSEWHERE, "app_installed_team_id": ELSEWHERE}
            named[part] = {**payload[part], **ids}
    if "authorizations" in payload:
        named["authorizations"] = [{**one, "team_id": ELSEWHERE} for one in payload["authorizations"]]
    return payload | named


def by_a_user_of_another_workspace(payload: Json) -> Json:
    return payload | {"user": payload["user"] | {"team_id": ELSEWHERE}} if "user" in payload else payload


def described(**facts: Any) -> Callable[[Json], Json]:
    """An edit of `users.info`; a fact that is None is left out."""

    def edit(answer: Json) -> Json:
        user = answer["user"] | facts
        return {"user": {name: value for name, value in user.items() if value is not None}}

    return edit


async def walk(world: World, team: Team, somebody: Somebody, read: str, kinds: set[str]) -> None:
    """They come to every listener of these kinds, read this each time, and nothing happens."""
    stored, asked = await world.everything_stored(), len(world.aws.calls)
    listeners = [each for each in asked_for(world) if each.kind in kinds and not each.id.startswith("home:")]
    for listener in listeners:
        ref = await record_of(world, listener, team)
        (text,) = await answers(world, listener, [somebody], ref)
        assert read in text, (listener, text)
        assert await world.everything_stored() == stored, listener
    assert listeners
    assert len(world.aws.calls) == asked


async def an_admin_comes(world: World) -> tuple[Team, Somebody]:
    team = await there_is_one_of_everything(world, world.bob)
    adele = world.slack.person("Adele", role="admin")
    world.news.members.add(adele.id)
    await adele.opens_home()
    return team, Somebody("admin", adele)


EVERY_KIND = {"command", "button", "shortcut", "choice", "form"}


@OVER_HTTP
async def test_every_listener_refuses_what_comes_from_another_workspace(world: World) -> None:
    team, adele = await an_admin_comes(world)
    world.slack.api.edits["users.info"] = described(team_id=ELSEWHERE)  # where she is an admin
    world.slack.delivery.edit = of_another_workspace

    await walk(world, team, adele, REFUSAL, EVERY_KIND)


@OVER_SOCKET_MODE
async def test_every_listener_refuses_a_user_of_another_workspace_whatever_slack_says_of_them(world: World) -> None:
    team, adele = await an_admin_comes(world)
    world.slack.delivery.edit = by_a_user_of_another_workspace

    await walk(world, team, adele, REFUSAL, EVERY_KIND - {"command"})  # which says nothing of it


@OVER_HTTP
@pytest.mark.parametrize("facts", [{"is_stranger": True}, {"team_id": None}, {"team_id": ""}], ids=str)
async def test_who_is_a_stranger_or_of_no_workspace_is_refused(world: World, facts: dict[str, Any]) -> None:
    world.slack.api.edits["users.info"] = described(**facts)

    await world.asks(world.ada, "/mailer", REFUSAL)


@OVER_SOCKET_MODE
async def test_a_team_of_another_workspace_is_not_there(world: World) -> None:
    """As after the app has moved, with its database, from one workspace to the next."""
    team, adele = await an_admin_comes(world)
    async with world.bot.db.write() as session:
        row = await session.get_one(Team, team.id, with_for_update=True)
        row.slack_team_id = ELSEWHERE
        session.add(row)

    await walk(world, team, adele, NOT_THERE, {"button", "choice", "form"})


@OVER_HTTP
async def test_an_event_of_another_workspace_changes_nothing(world: World) -> None:
    await world.is_connected()
    async with world.bot.db.write() as session:
        (row,) = await session.exec(select(Team).with_for_update())
        row.slack_team_id = ELSEWHERE
        session.add(row)
    stored = await world.everything_stored()

    world.slack.delivery.edit = of_another_workspace
    await world.slack.event({"type": "app_uninstalled"})

    assert await world.everything_stored() == stored


@OVER_SOCKET_MODE
async def test_in_a_shared_channel_a_modal_is_of_the_workspace_that_the_app_is_installed_in(world: World) -> None:
    await world.is_connected()
    modal = await world.opens(world.ada, "/mailer settings", "Settings")
    modal.fill("From name", "Acme News")

    world.slack.delivery.edit = lambda payload: payload | {"team": {"id": ELSEWHERE}}
    await modal.submit()
    await world.bot.tasks.idle()

    async with world.bot.db.read() as session:
        assert (await session.exec(select(Team.from_name))).all() == ["Acme News"]


@OVER_HTTP
async def test_who_was_deactivated_is_refused_after_five_minutes_at_the_latest(world: World) -> None:
    await world.asks(world.bob, "/mailer", "Not connected yet")
    world.bob.role = "deactivated"

    world.clock.advance(299)
    await world.asks(world.bob, "/mailer", "Not connected yet")
    world.clock.advance(2)
    await world.asks(world.bob, "/mailer", REFUSED["deactivated"])


@OVER_HTTP
async def test_a_click_for_which_slack_names_two_channels_does_nothing_and_says_so(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.is_open()
    message = await world.confirms(await world.composes())
    other = world.slack.channel("other", people=[world.bob], bot_in=True)
    stored = await world.everything_stored()

    world.slack.delivery.edit = lambda payload: payload | {"container": payload["container"] | {"channel_id": other.id}}
    await world.bob.press(message, "Undo")
    await world.bot.tasks.idle()

    assert await world.everything_stored() == stored
    said = await world.bob.sees(world.news, "Slack named two different channels for this click, so nothing was done.")
    assert said.ephemeral
    (record,) = [record for record in caplog.records if "MISMATCH" in record.message]
    assert record.exc_info is None


@OVER_HTTP
async def test_a_repeated_delivery_counts_where_the_first_never_arrived(world: World) -> None:
    await world.is_connected()
    world.news.name = "renamed"
    event = world.slack.payloads.event(
        {"type": "channel_rename", "channel": {"id": world.news.id, "name": "renamed"}}, world.slack.workspace
    )

    await world.slack.delivery.send(Kind.EVENT, event, attempt=1, reason="http_timeout")
    await world.settle()

    async with world.bot.db.read() as session:
        assert (await session.exec(select(Team.name))).all() == ["renamed"]
