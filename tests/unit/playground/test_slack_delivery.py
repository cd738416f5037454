from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from tests.playground.slack import Channel, NotAcked, Person, SlackPlayground, signed_headers

from .slack_app import TinyApp, socket_mode


@pytest.fixture
def ada(slack: SlackPlayground) -> Person:
    return slack.person("Ada Lovelace", role="admin")


@pytest.fixture
def news(slack: SlackPlayground, ada: Person) -> Channel:
    return slack.channel("news", people=[ada], bot_in=True)


async def test_channel_events_reach_the_app(app: TinyApp, slack: SlackPlayground, news: Channel) -> None:
    slack.events.subscribed = {
        "channel_rename",
        "channel_id_changed",
        "channel_left",
        "member_joined_channel",
        "tokens_revoked",
        "app_uninstalled",
    }
    await slack.rename(news, "newsletter")
    old = news.id
    await slack.change_id(news)
    await slack.remove_bot(news)
    await slack.invite_bot(news)
    await slack.archive(news)  # not subscribed to
    await slack.uninstall()

    assert app.payloads("channel_rename")[0]["event"]["channel"]["name"] == "newsletter"
    changed = app.payloads("channel_id_changed")[0]
    assert changed["event"]["old_channel_id"] == old
    assert changed["event"]["new_channel_id"] == news.id
    assert changed["event_id"].startswith("Ev")
    assert changed["authorizations"][0]["team_id"] == slack.workspace.id
    assert len(app.payloads("channel_left")) == 1
    assert app.payloads("joined")[0]["event"]["user"] == slack.workspace.bot_user_id
    assert not slack.events.undelivered


@pytest.mark.usefixtures("app")
async def test_an_event_nobody_takes_is_sent_four_times(slack: SlackPlayground, news: Channel) -> None:
    slack.delivery.ack_seconds = 0.1
    await slack.archive(news)
    tries = [d for d in slack.deliveries if d.payload["event"]["type"] == "channel_archive"]
    assert len(tries) == 4
    assert len({d.payload["event_id"] for d in tries}) == 1
    assert len(slack.events.undelivered) == 1
    if slack.request_url:
        assert [d.headers.get("X-Slack-Retry-Num") for d in tries] == [None, "1", "2", "3"]


async def test_an_event_whose_acknowledgement_is_lost_comes_again(
    app: TinyApp, slack: SlackPlayground, news: Channel
) -> None:
    slack.lose_acks(1)
    await slack.rename(news, "renamed")
    first, second = app.payloads("channel_rename")
    assert first["event_id"] == second["event_id"]


async def test_an_app_that_is_not_there_is_noticed(slack: SlackPlayground, ada: Person, news: Channel) -> None:
    with pytest.raises(NotAcked, match="no open Socket Mode connection"):
        await ada.types(news, "/mailer help")
    slack.request_url = "http://127.0.0.1:9/slack/events"
    with pytest.raises(NotAcked):
        await ada.types(news, "/mailer help")


@pytest.fixture
async def recorder(slack: SlackPlayground) -> AsyncIterator[list[tuple[web.Request, bytes]]]:
    """An HTTP app that only keeps what it is sent."""
    got: list[tuple[web.Request, bytes]] = []

    async def handle(request: web.Request) -> web.Response:
        got.append((request, await request.read()))
        return web.Response()

    server = web.Application()
    server.add_routes([web.post("/slack/events", handle)])
    runner = web.AppRunner(server, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    slack.request_url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    yield got
    await runner.cleanup()


async def test_requests_are_signed_and_encoded_as_slack_does(
    slack: SlackPlayground, ada: Person, news: Channel, recorder: list[tuple[web.Request, bytes]]
) -> None:
    await ada.types(news, "/mailer connect now")
    await ada.uses_shortcut("draft")
    await slack.rename(news, "x")
    (command, command_body), (shortcut, shortcut_body), (_event, event_body) = recorder
    assert b"command=%2Fmailer&text=connect+now" in command_body
    assert command.content_type == shortcut.content_type == "application/x-www-form-urlencoded"
    assert shortcut_body.startswith(b"payload=%7B%22type%22")
    assert json.loads(event_body)["event"]["type"] == "channel_rename"
    for request, body in recorder:
        expected = signed_headers(slack.signing_secret, body, int(request.headers["X-Slack-Request-Timestamp"]))
        assert request.headers["X-Slack-Signature"] == expected["X-Slack-Signature"]
    await slack.redeliver(slack.deliveries[0])
    assert recorder[-1][1] == command_body
    assert recorder[-1][0].headers["X-Slack-Signature"] == command.headers["X-Slack-Signature"]


async def test_a_manifest_limits_what_is_sent_and_allowed(ada: Person) -> None:
    manifest = {
        "features": {
            "slash_commands": [{"command": "/mailer", "should_escape": True}],
            "shortcuts": [{"name": "Draft a broadcast", "callback_id": "draft", "type": "message"}],
        },
        "oauth_config": {"scopes": {"bot": ["commands"]}},
        "settings": {"event_subscriptions": {"bot_events": ["channel_rename"]}},
    }
    async with SlackPlayground(manifest=manifest) as slack:
        ada = slack.person("Ada Lovelace")
        news = slack.channel("news", people=[ada])
        assert slack.workspace.scopes == {"commands"}
        assert slack.shortcuts == {"Draft a broadcast": "draft"}
        mention = f"admins &lt; <@{ada.id}|ada.lovelace> <#{news.id}|news>"
        assert slack.escaped("/mailer", "admins < @Ada Lovelace #news") == mention
        assert slack.escaped("/broadcast", "<x>") == "<x>"
        await slack.archive(news)
        assert not slack.deliveries


async def test_socket_mode_reconnects_when_it_is_told_to(slack: SlackPlayground, ada: Person, news: Channel) -> None:
    tiny = TinyApp(slack)
    async with socket_mode(slack, tiny):
        await slack.sockets.disconnect()
        assert slack.sockets.connections == 0
        await slack.connected()
        await ada.types(news, "/mailer help")
        await slack.down()
        await slack.up()
        await slack.connected()
        await ada.types(news, "/mailer help")
        assert len(tiny.payloads("command")) == 2


async def test_with_several_connections_each_event_goes_to_one(
    slack: SlackPlayground, ada: Person, news: Channel
) -> None:
    one, other = TinyApp(slack), TinyApp(slack)
    async with socket_mode(slack, one), socket_mode(slack, other):
        for _ in range(4):
            await ada.types(news, "/mailer help")
    assert [len(tiny.payloads("command")) for tiny in (one, other)] == [2, 2]


async def test_a_socket_needs_a_fresh_ticket(slack: SlackPlayground) -> None:
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(f"{slack.server.base_url}/link/?ticket=made-up")


async def test_people_act_at_the_same_moment(app: TinyApp, slack: SlackPlayground, ada: Person) -> None:
    people = [ada, *(slack.person(f"P{n}") for n in range(9))]
    news = slack.channel("busy", people=people, bot_in=True)
    await ada.types(news, "/mailer card")
    card = await ada.sees(news, "Mail from")
    await asyncio.gather(*(person.press(card, "Check now") for person in people))
    await slack.settled(lambda: len(app.payloads("check")) == 10)


@pytest.mark.usefixtures("app")
async def test_an_event_needs_its_scope(slack: SlackPlayground) -> None:
    slack.delivery.ack_seconds = 0.1  # nobody is there to take it
    news = slack.channel("news", [slack.person("Ada")], bot_in=True)
    slack.workspace.scopes.discard("channels:read")
    await slack.archive(news)
    assert slack.deliveries == []
    slack.workspace.scopes.add("channels:read")
    await slack.unarchive(news)
    assert {delivery.payload["event"]["type"] for delivery in slack.deliveries} == {"channel_unarchive"}
