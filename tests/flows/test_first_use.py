"""The first use in a channel, help, and who may do what."""

import pytest

from tests.flows.world import BOTH_DATABASES, OVER_HTTP, OVER_SOCKET_MODE, World


@OVER_HTTP
async def test_the_bot_joins_a_public_channel_and_shows_where_to_start(world: World) -> None:
    await world.bob.types(world.news, "/mailer")

    card = await world.bob.sees(world.news, "Not connected yet")
    assert card.ephemeral
    assert card.buttons == ["Connect"]
    assert world.slack.workspace.bot_user_id in world.news.members


@OVER_SOCKET_MODE
async def test_in_a_private_channel_the_bot_asks_to_be_invited(world: World) -> None:
    secret = world.slack.channel("secret", people=[world.ada], private=True)

    await world.ada.types(secret, "/mailer")

    assert "/invite @Mailroom" in (await world.ada.sees(secret, "cannot join")).text


@OVER_HTTP
async def test_a_private_channel_the_bot_is_in_is_known_by_its_real_name(world: World) -> None:
    secret = world.slack.channel("secret", people=[world.ada], private=True, bot_in=True)

    await world.ada.types(secret, "/mailer")

    await world.ada.sees(secret, "Mailroom in #secret")


@OVER_SOCKET_MODE
async def test_direct_messages_are_refused(world: World) -> None:
    await world.ada.types(world.ada.dm, "/mailer")

    await world.ada.sees(world.ada.dm, "Mailroom works in channels")


@OVER_HTTP
@pytest.mark.parametrize("command", ["/mailer", "/broadcast"])
async def test_an_unknown_word_answers_with_help(world: World, command: str) -> None:
    await world.bob.types(world.news, f"{command} frobnicate")

    answer = await world.bob.sees(world.news, "I don't know the word")
    assert "frobnicate" in answer.text
    assert f"{command} help" in answer.text


@OVER_SOCKET_MODE
async def test_a_guest_gets_a_polite_refusal_that_only_they_see(world: World) -> None:
    await world.gus.types(world.news, "/mailer")

    refusal = await world.gus.sees(world.news, "guest accounts cannot use it")
    assert refusal.ephemeral
    assert world.slack.messages(world.news) == []
    assert world.slack.workspace.bot_user_id not in world.news.members


@OVER_HTTP
async def test_an_outsider_of_a_shared_channel_is_refused(world: World) -> None:
    olaf = world.slack.person("Olaf", role="outsider")
    shared = world.slack.channel("shared", people=[world.ada, olaf], bot_in=True)

    await olaf.types(shared, "/mailer")

    assert (await olaf.sees(shared, "belongs to another one")).ephemeral


@OVER_SOCKET_MODE
async def test_a_member_may_not_connect(world: World) -> None:
    await world.bob.types(world.news, "/mailer connect")

    assert (await world.bob.sees(world.news, "Only team admins can do this")).ephemeral


@OVER_HTTP
async def test_when_slack_does_not_say_who_it_is_the_answer_is_no(world: World) -> None:
    world.slack.fail("users.info", error="internal_error", times=5)

    await world.ada.types(world.news, "/mailer")

    await world.ada.sees(world.news, "Slack did not say who you are")


@BOTH_DATABASES
async def test_a_command_that_slack_delivers_twice_is_answered_once(world: World) -> None:
    world.slack.deliver_twice(1)

    await world.ada.types(world.news, "/mailer")
    await world.ada.sees(world.news, "Not connected yet")
    await world.bot.tasks.idle()

    assert len([text for text in world.ada.reads(world.news) if "Not connected yet" in text]) == 1


@OVER_HTTP
@pytest.mark.parametrize("error", ["missing_scope", "method_not_supported_for_channel_type"])
async def test_what_slack_says_of_a_group_of_people_is_that_it_is_no_channel(world: World, error: str) -> None:
    world.slack.fail("conversations.info", error=error)

    await world.asks(world.ada, "/mailer", "Mailroom works in channels")


@OVER_HTTP
async def test_in_a_large_channel_every_page_of_its_members_is_read(world: World) -> None:
    """Pages of 200, as Slack asks (https://docs.slack.dev/apis/web-api/pagination): it refuses a thousand."""
    await world.is_connected()
    world.news.members |= {f"A{number:04d}" for number in range(450)}  # whose ids come before Bob's
    card = await world.bob.sees(world.news, "Connected to AWS account")

    await world.bob.press(card, "Add identity")

    await world.bob.sees(world.news, "Only team admins can do this")  # so he is in the channel
    asked = world.slack.calls_of("conversations.members")
    assert [call.params["limit"] for call in asked] == ["200"] * 3
