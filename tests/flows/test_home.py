"""The App Home: the dashboard over all teams whose channel the viewer is in."""

import pytest
from sqlmodel import select

from handlers.slack import ids
from handlers.slack.dispatch.registration import Permission, Registered
from handlers.slack.views.home import ALL_TEAMS
from storage.models import Team
from tests.flows.test_permissions import button
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, World
from tests.playground.slack.surfaces import Home
from tests.playground.slack.world import Channel


async def tells_home(world: World, home: Home, text: str) -> None:
    """Let the home tabs that may be out of date be published again, and read this one."""
    await world.bot.slack.home.tick()
    await home.shows(text)


async def channels(world: World, number: int) -> list[Channel]:
    made = [world.slack.channel(f"team-{at:02}", people=[world.ada, world.bob]) for at in range(number)]
    for at, channel in enumerate(made):
        world.aws.ses(f"{at:012}", "eu-west-1").verify("acme.test")
        await world.submits_key(world.aws.create_key(f"{at:012}"), channel=channel)
    await world.settle()
    return made


async def test_a_member_sees_the_card_of_the_channel(world: World) -> None:
    await world.is_connected()
    await world.adds("acme.test")

    home = await world.bob.opens_home()

    assert "Mailroom in #news" in home.text
    assert "AWS accepts the credentials: account 1111-2222-3333" in home.text
    assert "Sandbox" in home.text
    assert "acme.test" in home.text
    assert "0 of 200 sent in the last 24 hours, 200 left" in home.text
    assert "Check now" in home.buttons


@OVER_HTTP
async def test_whoever_is_in_no_team_is_told_where_to_start(world: World) -> None:
    home = await world.bob.opens_home()

    assert "No teams yet" in home.text
    assert "/mailer" in home.text


@OVER_SOCKET_MODE
@pytest.mark.long
async def test_a_channel_the_viewer_is_not_in_is_not_shown_not_even_to_an_admin(world: World) -> None:
    hidden = world.slack.channel("hidden", people=[world.bob])
    await world.bob.types(hidden, "/mailer")
    await world.bob.sees(hidden, "Mailroom in #hidden")
    await world.is_connected()

    assert "#hidden" not in (await world.ada.opens_home()).text
    assert "#hidden" in (await world.bob.opens_home()).text


@OVER_HTTP
async def test_workspace_admins_see_the_state_of_every_mailer_and_nobody_else_does(world: World) -> None:
    hidden = world.slack.channel("layoffs", people=[world.ada, world.bob], private=True, bot_in=True)
    await world.connects(channel=hidden)
    hidden.members.discard(world.ada.id)
    await world.slack.event({"type": "member_left_channel", "user": world.ada.id, "channel": hidden.id})
    async with world.bot.db.write() as session:
        far = Team(slack_team_id="T9", channel_id="C9", name="faraway", created_by="U1", created_at=world.clock())
        session.add(far)
    mine = await world.ada.opens_home()
    assert "layoffs" not in mine.text

    await mine.press("All")

    await mine.shows("1 mailer in this workspace")
    assert "layoffs: without a verified sender" in mine.text
    for kept in ("1111", "eu-west-1", "Check now", "faraway", "news"):
        assert kept not in mine.text
    assert mine.buttons == ["Mine", "All"]
    await mine.press("Mine")
    await mine.shows("No teams yet")
    assert "layoffs" not in mine.text


@OVER_HTTP
async def test_a_member_who_asks_for_all_mailers_is_shown_their_own(world: World) -> None:
    hidden = world.slack.channel("layoffs", people=[world.ada], private=True, bot_in=True)
    await world.connects(channel=hidden)
    home = await world.bob.opens_home()
    assert home.buttons == []
    asks = Registered("button", ids.Button.ALL, Permission.SEE)

    await button(world, asks, world.bob, ids.Ref(record_id=ALL_TEAMS))
    await world.bot.tasks.idle()
    assert "layoffs" not in home.text
    await world.ada.opens_home()
    await button(world, asks, world.ada, ids.Ref(record_id=ALL_TEAMS))
    await world.bot.tasks.idle()
    every = world.ada.home_tab
    assert every is not None
    await every.shows("layoffs: without a verified sender")


@OVER_HTTP
async def test_whoever_left_a_channel_no_longer_sees_its_team(world: World) -> None:
    await world.is_connected()
    assert "#news" in (await world.bob.opens_home()).text

    world.news.members.discard(world.bob.id)
    await world.slack.event({"type": "member_left_channel", "user": world.bob.id, "channel": world.news.id})

    assert "#news" not in (await world.bob.opens_home()).text


@OVER_SOCKET_MODE
async def test_guests_and_outsiders_get_a_page_that_refuses(world: World) -> None:
    await world.is_connected()
    olaf = world.slack.person("Olaf", role="outsider")
    world.slack.channel("shared", people=[world.ada, olaf], bot_in=True)

    guest = (await world.gus.opens_home()).text
    outsider = (await olaf.opens_home()).text

    assert "guest accounts cannot use it" in guest
    assert "belongs to another one" in outsider
    assert "#news" not in guest + outsider


@OVER_HTTP
async def test_when_slack_does_not_say_who_it_is_nothing_is_shown(world: World) -> None:
    await world.is_connected()
    world.slack.fail("users.info", error="internal_error", times=5)

    home = await world.bob.opens_home()

    assert "Slack did not say who you are" in home.text
    assert "#news" not in home.text


@OVER_SOCKET_MODE
async def test_a_team_with_a_warning_comes_first(world: World) -> None:
    await world.is_connected()
    zoo = world.slack.channel("zoo", people=[world.ada])
    await world.connects(world.aws.create_key(), channel=zoo)

    await world.slack.archive(zoo)
    await world.settle()

    text = (await world.ada.opens_home()).text
    assert text.index("Mailroom cannot speak in #zoo") < text.index("Mailroom in #news")
    assert "1 with a warning" in text


@OVER_HTTP
async def test_lost_access_is_a_warning_with_the_buttons_that_mend_it(world: World) -> None:
    key = await world.is_connected()
    world.aws.revoke(key)
    await world.passes(600)
    await world.passes(60)

    home = await world.ada.opens_home()

    assert "1 with a warning" in home.text
    assert "AWS no longer accepts" in home.text
    assert {"Reconnect", "Delete mailer"} <= set(home.buttons)
    await home.press("Delete mailer")
    await world.ada.modal("Delete mailer")


@OVER_SOCKET_MODE
async def test_a_failed_identity_is_a_warning_with_the_buttons_that_mend_it(world: World) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    world.ses.fail("acme.test")
    await world.passes(60)

    home = await world.ada.opens_home()

    assert "1 with a warning" in home.text
    assert {"Retry verification", "Replace identity"} <= set(home.buttons)


@OVER_HTTP
async def test_an_identity_that_still_sends_and_may_soon_not_is_a_warning_and_no_alert(world: World) -> None:
    await world.is_connected()
    await world.adds("acme.test", verified=True)
    world.ses.temporary_failure("acme.test")
    await world.passes(600)

    home = await world.bob.opens_home()

    assert "1 with a warning" in home.text
    assert "acme.test still sends, but AWS no longer finds its DNS records, since" in home.text
    await home.press("Check now")
    assert "missing" in (await world.bob.modal("Check now")).text
    assert not [text for text in world.bob.reads(world.news) if "What it stops" in text]

    world.ses.verify("acme.test")
    await world.passes(600)
    assert "with a warning" not in (await world.bob.opens_home()).text


@OVER_SOCKET_MODE
@pytest.mark.long
async def test_the_last_broadcast_is_on_the_card(world: World) -> None:
    await world.is_open()
    await world.sends()

    home = await world.bob.opens_home()

    assert "Last broadcast: Spring news, sent, 2 recipients" in home.text


@OVER_SOCKET_MODE
@pytest.mark.long
async def test_twelve_teams_are_shown_a_page_at_a_time(world: World) -> None:
    made = await channels(world, 12)

    home = await world.bob.opens_home()
    pages = [home.text]
    assert len(home.view.blocks) <= 100
    assert "page 1 of 2" in home.text
    assert "Previous" not in home.buttons
    await home.press("Next")
    await home.shows("page 2 of 2")
    pages.append(home.text)
    assert len(home.view.blocks) <= 100
    assert "Next" not in home.buttons

    for channel in made:
        assert sum(f"#{channel.name}" in page for page in pages) == 1
    await home.press("Previous")
    await home.shows("page 1 of 2")


@OVER_HTTP
async def test_however_many_teams_there_are_slack_is_asked_once_whose_channels_those_are(world: World) -> None:
    for number in range(3):
        channel = world.slack.channel(f"team-{number}", people=[world.ada, world.bob], private=number == 1, bot_in=True)
        await world.bob.types(channel, "/mailer")
    await world.bot.tasks.idle()
    asked = len(world.slack.calls_of("users.conversations"))

    home = await world.bob.opens_home()
    await world.bob.opens_home()

    assert [f"#team-{number}" in home.text for number in range(3)] == [True] * 3
    assert len(world.slack.calls_of("users.conversations")) - asked == 1
    late = world.slack.channel("late", people=[world.bob, world.ada], bot_in=True)
    await world.ada.types(late, "/mailer")
    await world.slack.event({"type": "member_joined_channel", "user": world.bob.id, "channel": late.id})
    await world.bot.tasks.idle()
    assert "#late" in (await world.bob.opens_home()).text


@OVER_HTTP
async def test_a_button_on_the_card_does_what_it_does_in_the_channel(world: World) -> None:
    await world.is_connected()
    home = await world.ada.opens_home()

    await home.press("Add identity")
    modal = await world.ada.modal("Add identity")
    modal.fill("Email address or domain", "acme.test")
    await modal.submit()
    await world.settle()

    await tells_home(world, home, "acme.test")


@OVER_SOCKET_MODE
async def test_a_button_on_the_card_is_authorised_by_its_team_and_refused_in_a_modal(world: World) -> None:
    await world.is_connected()
    home = await world.bob.opens_home()

    await home.press("Add identity")

    assert "Only team admins can do this" in (await world.bob.modal("Mailroom")).text
    assert world.slack.calls_of("chat.postEphemeral") == []


@OVER_HTTP
async def test_a_button_of_a_team_the_viewer_has_left_does_nothing(world: World) -> None:
    await world.is_open()
    home = await world.bob.opens_home()
    world.news.members.discard(world.bob.id)
    await world.slack.event({"type": "member_left_channel", "user": world.bob.id, "channel": world.news.id})

    await home.press("Send a test")

    assert "a channel you are not in" in (await world.bob.modal("Mailroom")).text


async def test_it_is_published_again_when_something_changes_and_only_then(world: World) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    home = await world.bob.opens_home()
    await world.bot.slack.home.tick()
    assert len(world.slack.calls_of("views.publish")) == 1

    world.ses.verify("acme.test")
    await world.passes(60)
    await tells_home(world, home, "acme.test is verified")
    await world.slack.rename(world.news, "newsletter")
    await world.settle()
    await tells_home(world, home, "Mailroom in #newsletter")

    await world.bot.slack.home.tick()
    assert len(world.slack.calls_of("views.publish")) == 3


@OVER_SOCKET_MODE
async def test_it_is_no_longer_published_ten_minutes_after_it_was_opened(world: World) -> None:
    await world.is_connected()
    await world.bob.opens_home()

    await world.passes(601)
    await world.adds("acme.test")
    await world.bot.slack.home.tick()

    assert len(world.slack.calls_of("views.publish")) == 1


@OVER_HTTP
async def test_what_is_published_again_is_decided_anew(world: World) -> None:
    await world.is_connected()
    home = await world.bob.opens_home()
    world.bob.role = "guest"
    await world.slack.event({"type": "member_left_channel", "user": world.bob.id, "channel": world.news.id})

    await world.adds("acme.test")

    await tells_home(world, home, "guest accounts cannot use it")


@OVER_SOCKET_MODE
async def test_an_opening_that_slack_delivers_twice_is_answered_once(world: World) -> None:
    await world.is_connected()
    world.slack.deliver_twice()

    await world.bob.opens_home()
    await world.bot.tasks.idle()

    assert len(world.slack.calls_of("views.publish")) == 1


@OVER_HTTP
async def test_opening_the_home_makes_no_team(world: World) -> None:
    await world.bob.opens_home()

    async with world.bot.db.read() as session:
        assert (await session.exec(select(Team))).all() == []
