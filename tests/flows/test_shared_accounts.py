"""Two channels that use one AWS account: both are told, and neither learns more than it may know."""

from sqlmodel import select

from storage.models import Mailer, SendingAccount
from tests.flows.world import ACCOUNT, OVER_HTTP, OVER_SOCKET_MODE, World
from tests.playground.slack.world import Channel

USED_ELSEWHERE = "AWS account 1111-2222-3333 in eu-west-1 is used elsewhere, too: by "


def told_of_sharing(world: World, channel: Channel) -> list[str]:
    return [text for text in world.ada.reads(channel) if "AWS account 1111-2222-3333 in eu-west-1 is" in text]


@OVER_HTTP
async def test_two_channels_that_use_one_account_are_both_told_and_a_private_one_is_not_named(world: World) -> None:
    key = await world.is_connected()
    hidden = world.slack.channel("hidden", people=[world.ada], private=True, bot_in=True)
    assert told_of_sharing(world, world.news) == []

    await world.connects(world.aws.create_key(ACCOUNT, user="other"), channel=hidden)

    (here,), (there,) = told_of_sharing(world, world.news), told_of_sharing(world, hidden)
    assert USED_ELSEWHERE + "another channel." in here
    assert USED_ELSEWHERE + "#news." in there
    async with world.bot.db.read() as session:
        assert len((await session.exec(select(SendingAccount))).all()) == 1
        first, second = await session.exec(select(Mailer.credentials))
    assert first != second

    third = world.slack.channel("third", people=[world.ada])
    await world.connects(key, channel=third)
    assert USED_ELSEWHERE + "another channel and #third." in told_of_sharing(world, world.news)[-1]

    for channel in (third, hidden):
        modal = await world.opens(world.ada, "/mailer delete", "Delete mailer", channel=channel)
        modal.fill("Type the channel name", channel.name)
        await modal.submit()
        await world.settle()
    assert "is no longer used by another channel" in told_of_sharing(world, world.news)[-1]


@OVER_SOCKET_MODE
async def test_people_of_other_workspaces_do_not_learn_which_channel_it_is(world: World) -> None:
    await world.is_connected()
    shared = world.slack.channel("shared", people=[world.ada, world.slack.person("Olaf", role="outsider")], bot_in=True)
    await world.connects(channel=shared)

    assert USED_ELSEWHERE + "another channel." in told_of_sharing(world, shared)[0]
    assert USED_ELSEWHERE + "#shared." in told_of_sharing(world, world.news)[0]
