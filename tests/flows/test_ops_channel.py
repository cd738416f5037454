"""The operator's channel: each open incident of every team, and once a day how all mailers are; states only."""

from typing import Any

import pytest

from bot.settings import OpsChannel
from bot.teams.fleet import fleet
from handlers.slack.ops_channel import OpsChannelWatch
from tests.flows.test_alerts import HEALTHY, access_is_lost
from tests.flows.test_doctor import looked
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, World

DAY = 86_400


class Ops:
    """An operator's channel beside those of the teams."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.channel = world.slack.channel("ops", people=[world.ada])
        place = OpsChannel(world.slack.workspace.id, self.channel.id)
        self.settings: dict[str, Any] = {"mailroom_ops_channel": "/".join(place)}
        slack, services = world.bot.slack, world.bot.services
        self.watch = OpsChannelWatch(world.bot.db, services.teams, slack.workspaces, place)

    async def looks(self) -> None:
        await self.watch.tick()
        await self.world.settle()

    def texts(self) -> list[str]:
        """What it shows now, without marks of bold."""
        slack = self.world.slack
        return [slack.text_of(message).replace("*", "") for message in slack.messages(self.channel)]

    async def doctor(self) -> str:
        return (await looked(self.world.bot.settings, **self.settings))["operator's channel"]


@pytest.fixture
def ops(world: World) -> Ops:
    return Ops(world)


@OVER_HTTP
async def test_an_incident_of_a_team_is_one_message_there_kept_up_to_date_and_the_day_has_one_line(
    world: World, ops: Ops
) -> None:
    key = await world.is_connected()
    await world.adds("hello@acme.test", verified=True)
    world.aws.revoke(key)
    await access_is_lost(world)

    await ops.looks()
    lines = ops.texts()
    assert any("1 mailer: 1 access lost (#news)" in text for text in lines)
    assert len([text for text in lines if "#news: access to AWS is lost, since" in text]) == 1
    assert await ops.doctor() == "ok #ops"
    home = await world.ada.opens_home()
    assert "Mailroom in #news" in home.text
    assert "#ops" not in home.text

    await world.slack.make_private(world.news)
    await world.slack.rename(world.news, "layoffs")
    await ops.looks()
    assert any("a private channel: access to AWS is lost" in text for text in ops.texts())
    alert = await world.bob.sees(world.news, "AWS no longer accepts")
    await world.bob.press(alert, "Acknowledge")
    await world.settle()
    assert any("Somebody there has acknowledged it" in text for text in ops.texts())

    world.aws.restore(key)
    await world.passes(HEALTHY)
    await world.passes(HEALTHY)
    assert len([text for text in ops.texts() if "Over: a private channel: access to AWS is lost" in text]) == 1
    await ops.looks()
    world.clock.advance(DAY)
    await ops.looks()
    await ops.looks()
    daily = [text for text in ops.texts() if text.startswith("1 mailer:")]
    assert daily == ["1 mailer: 1 access lost (#news)", "1 mailer: 1 in the sandbox"]
    said = "\n".join(ops.texts())
    for kept in ("layoffs", "acme.test", key.access_key_id, key.secret_access_key, "1111"):
        assert kept not in said


@OVER_SOCKET_MODE
async def test_thrown_out_what_is_open_waits_and_is_said_once_it_is_invited(world: World, ops: Ops) -> None:
    key = await world.is_connected()
    await ops.looks()
    await world.slack.remove_bot(ops.channel)
    await ops.looks()
    world.aws.revoke(key)
    await access_is_lost(world)

    assert not [text for text in ops.texts() if "access to AWS is lost" in text]
    assert "Type /invite @Mailroom there" in await ops.doctor()
    await world.slack.invite_bot(ops.channel)
    await world.passes(30)

    assert len([text for text in ops.texts() if "#news: access to AWS is lost" in text]) == 1
    assert (await ops.doctor()).startswith("ok")


@OVER_HTTP
async def test_one_that_is_shared_with_another_company_is_told_nothing(
    world: World, ops: Ops, caplog: pytest.LogCaptureFixture
) -> None:
    key = await world.is_connected()
    rival = world.slack.add_workspace("Rival", installed=False)
    await world.slack.share(ops.channel, rival)
    await ops.looks()
    await ops.looks()
    assert ops.texts() == []
    assert caplog.text.count("MAILROOM_OPS_CHANNEL is told nothing") == 1
    assert "shared with another company" in await ops.doctor()

    ops.channel.shared = False
    await ops.looks()
    assert [text for text in ops.texts() if "1 mailer:" in text]
    await world.slack.share(ops.channel, rival)
    await world.settle()
    heard = len(ops.texts())
    world.aws.revoke(key)
    await access_is_lost(world)
    await ops.looks()
    world.clock.advance(DAY)
    await ops.looks()

    assert ops.texts()[heard:] == []
    async with world.bot.db.read() as session:
        assert [member.state.value for member in await fleet(session)] == ["access lost"]


@OVER_HTTP
async def test_without_the_setting_no_channel_hears_of_others_any_more(world: World, ops: Ops) -> None:
    key = await world.is_connected()
    await ops.looks()
    heard = len(ops.texts())
    without = OpsChannelWatch(world.bot.db, world.bot.services.teams, world.bot.slack.workspaces, None)

    await without.tick()
    world.aws.revoke(key)
    await access_is_lost(world)

    assert len(ops.texts()) == heard
