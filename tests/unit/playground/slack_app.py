"""A small real Bolt app for the playground's own tests: a counter card, a form, a checking view, a home tab."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from tests.playground.slack import SlackPlayground

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def section(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def button(label: str, action_id: str, **more: Any) -> Json:
    return {"type": "button", "text": plain(label), "action_id": action_id, **more}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def field(label: str, block_id: str, element: Json, **more: Any) -> Json:
    return {"type": "input", "block_id": block_id, "label": plain(label), "element": element, **more}


def choices(kind: str, action_id: str, *labels: str, **more: Any) -> Json:
    options = [{"text": plain(label), "value": label.lower()} for label in labels]
    return {"type": kind, "action_id": action_id, "options": options, **more}


def modal(title: str, *blocks: Json, **more: Any) -> Json:
    return {"type": "modal", "title": plain(title), "blocks": list(blocks), **more}


FORM = modal(
    "Connect",
    field("AWS region", "region", choices("static_select", "pick", "eu-west-1", "us-east-1", "us-west-2")),
    field("Sign in with", "kind", choices("radio_buttons", "pick", "IAM role", "Access key"), dispatch_action=True),
    field("Role ARN", "arn", {"type": "plain_text_input", "action_id": "typed", "max_length": 60}),
    submit=plain("Connect"),
    notify_on_close=True,
    callback_id="form",
)
CONFIRM = {
    "title": plain("Sure?"),
    "text": plain("It is gone then."),
    "confirm": plain("Delete"),
    "deny": plain("Keep"),
}
CARD = [
    section("Mail from *example.com* is &lt;ready&gt;"),
    actions(
        button("Check now", "check", value="card:1"),
        button("Delete", "delete", style="danger", confirm=CONFIRM),
        button("Docs", "docs", url="https://example.com/docs"),
    ),
]


@asynccontextmanager
async def socket_mode(slack: SlackPlayground, tiny: TinyApp) -> AsyncIterator[None]:
    """The app connected over Socket Mode."""
    handler: Any = AsyncSocketModeHandler(tiny.bolt, slack.app_token, ping_interval=0.2)
    before = slack.sockets.connections
    await handler.connect_async()
    await slack.connected(before + 1)
    yield
    await handler.close_async()


class TinyApp:
    """`seen` is every payload the app's listeners were called with, by listener."""

    def __init__(self, slack: SlackPlayground) -> None:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        self.bolt = AsyncApp(client=client, signing_secret=slack.signing_secret)
        self.seen: list[tuple[str, Json]] = []
        self.answer: Any = None
        self._listen()

    def payloads(self, name: str) -> list[Json]:
        return [payload for kind, payload in self.seen if kind == name]

    def _listen(self) -> None:
        self.bolt.command("/mailer")(self.command)
        self.bolt.view("form")(self.submitted)
        self.bolt.view_closed("form")(self.noted("closed"))
        for action in ("pick", "check", "delete", "docs", "loading"):
            self.bolt.action(action)(self.acted)
        self.bolt.event("app_home_opened")(self.home)
        for event in ("channel_rename", "channel_id_changed", "channel_left", "tokens_revoked", "app_uninstalled"):
            self.bolt.event(event)(self.noted(event))
        self.bolt.event("member_joined_channel")(self.noted("joined"))
        self.bolt.shortcut("draft")(self.noted("shortcut"))

    def noted(self, name: str) -> Any:
        async def listener(ack: Any, body: Json) -> None:
            await ack()
            self.seen.append((name, body))

        return listener

    async def command(self, ack: Any, body: Json, client: AsyncWebClient, respond: Any) -> None:
        self.seen.append(("command", body))
        word = body["text"]
        if word == "slow":
            return
        await ack("Say `/mailer connect`" if word == "help" else "")
        if word == "connect":
            await client.views_open(trigger_id=body["trigger_id"], view=FORM)
        elif word == "card":
            await client.chat_postMessage(channel=body["channel_id"], text="Ready", blocks=CARD, unfurl_links=False)
        elif word == "whisper":
            await respond("only you: <https://example.com|a link>, <@" + body["user_id"] + ">")

    async def acted(self, ack: Any, body: Json, action: Json, client: AsyncWebClient, respond: Any) -> None:
        await ack()
        self.seen.append((action["action_id"], body))
        if action["action_id"] == "check":
            blocks = [section("checked"), *CARD[1:]]
            await client.chat_update(
                channel=body["channel"]["id"], ts=body["message"]["ts"], text="checked", blocks=blocks
            )
        elif action["action_id"] == "pick":
            view = body["view"]
            blocks = [section("External ID: abc"), *FORM["blocks"]]
            await client.views_update(view_id=view["id"], hash=view["hash"], view={**FORM, "blocks": blocks})
        elif action["action_id"] == "delete":
            await respond(delete_original=True)

    async def submitted(self, ack: Any, body: Json) -> None:
        self.seen.append(("submitted", body))
        await ack(**(self.answer or {}))

    async def home(self, event: Json, client: AsyncWebClient) -> None:
        self.seen.append(("home", event))
        times = len(self.payloads("home"))
        blocks = [section(f"Dashboard {times}"), actions(button("Check now", "loading"))]
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})
