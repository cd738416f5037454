"""The Slack step of `doctor --live`: every method, view and message of Mailroom, tried in a real workspace.

It listens itself, over Socket Mode, so the bot must not run meanwhile: an interaction goes to one connection only. One
press of a button gives one trigger, which opens one modal; that becomes each of the views in turn. Messages go to a
direct message with the person who pressed, and are deleted again.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from slack_sdk.errors import SlackApiError
from slack_sdk.models.views import View
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.observations import RED_SQUARE, Observation, has_members, one_of
from handlers.slack.file_transfer import Files, OutgoingFile
from handlers.slack.views.blocks import Message, section

Say = Callable[[Observation], None]
Sleep = Callable[[float], Awaitable[None]]

PACE_SECONDS: Final = 1.3
"""Between two calls: chat.update takes 50 a minute, a channel one post a second."""

PRESSED_WITHIN: Final = 300.0
BUTTON: Final = "doctor:live:try"
_FILE_MEMBERS: Final = ("id", "name", "size", "url_private_download", "user")


@dataclass(frozen=True, slots=True)
class Samples:
    """Every modal, home tab and message of Mailroom, by the name of what builds it."""

    modals: Mapping[str, View]
    homes: Mapping[str, View]
    messages: Mapping[str, Message]


class SlackLive:
    """Args: `app_token` may be empty, and nothing is shown then; `scopes` are those of the manifest."""

    def __init__(
        self,
        client: AsyncWebClient,
        files: Files,
        samples: Samples,
        say: Say,
        *,
        app_token: str,
        scopes: Collection[str],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._client = client
        self._files = files
        self._samples = samples
        self._say = say
        self._app_token = app_token
        self._scopes = scopes
        self._sleep = sleep

    async def run(self, channel_id: str) -> None:
        """Say every observation; what was posted is deleted again, whatever ends this."""
        await self._token()
        await self._pages(channel_id)
        if not self._app_token:
            self._say(Observation("views and messages", "not tried", "needs SLACK_APP_TOKEN", as_expected=False))
            return
        pressed = await self._pressed(channel_id)
        if pressed is None:
            self._say(Observation("a press of the button", "nobody pressed it", "a press", as_expected=False))
            return
        user_id = str(pressed["user"]["id"])
        await self._show_modals(pressed["trigger_id"], user_id)
        direct = await self._show_messages(user_id)
        file = await self._bring_file(direct) if direct else None
        try:
            await self._write_canvas(channel_id, user_id, file or {})
        finally:
            if file is not None:
                await self._try("files.delete", self._client.files_delete(file=str(file["id"])))

    async def _token(self) -> None:
        answer = await self._client.auth_test()
        has = [scope.strip() for scope in answer.headers.get("x-oauth-scopes", "").split(",")]
        self._say(has_members("auth.test, x-oauth-scopes", has, self._scopes))

    async def _pages(self, channel_id: str) -> None:
        slack = self._client
        await self._try("conversations.info", slack.conversations_info(channel=channel_id))
        await self._try("conversations.members", slack.conversations_members(channel=channel_id, limit=200))
        too_many = slack.conversations_members(channel=channel_id, limit=1000)
        await self._try("conversations.members, limit 1000", too_many, "invalid_limit", "taken")
        await self._try("users.conversations", slack.users_conversations(limit=200))

    async def _pressed(self, channel_id: str) -> dict[str, Any] | None:
        """Post a button, and return what Slack says of the first press; None without one."""
        press: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

        async def hear(socket: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
            await socket.send_socket_mode_response(SocketModeResponse(request.envelope_id))
            mine = any(action.get("action_id") == BUTTON for action in request.payload.get("actions", ()))
            if mine and not press.done():
                press.set_result(request.payload)

        socket = SocketModeClient(self._app_token, web_client=self._client)
        socket.socket_mode_request_listeners.append(hear)
        await socket.connect()  # type: ignore[no-untyped-call]  # slack_sdk has no types here
        posted = await self._client.chat_postMessage(channel=channel_id, text=_ASK, blocks=_asking())
        try:
            async with asyncio.timeout(PRESSED_WITHIN):
                return await press
        except TimeoutError:
            return None
        finally:
            await self._client.chat_delete(channel=channel_id, ts=posted["ts"])
            await socket.close()  # type: ignore[no-untyped-call]  # as above

    async def _show_modals(self, trigger_id: str, user_id: str) -> None:
        """Open one modal and make each of the others of it; then the App Home."""
        (first, view), *others = self._samples.modals.items()
        opened = await self._try(f"views.open: {first}", self._client.views_open(trigger_id=trigger_id, view=view))
        if opened is None:
            return
        view_id = opened["view"]["id"]
        for name, view in others:
            await self._try(f"views.update: {name}", self._client.views_update(view_id=view_id, view=view))
        for name, view in self._samples.homes.items():
            await self._try(f"views.publish: {name}", self._client.views_publish(user_id=user_id, view=view))

    async def _show_messages(self, user_id: str) -> str:
        """Post, edit and delete each message; the direct message that they were in, empty where there is none."""
        channel_id = ""
        for name, message in self._samples.messages.items():
            said = message.payload()
            posted = await self._try(
                f"chat.postMessage: {name}", self._client.chat_postMessage(channel=user_id, **said)
            )
            if posted is None:
                continue
            channel_id, ts = str(posted["channel"]), str(posted["ts"])
            try:
                edit = self._client.chat_update(channel=channel_id, ts=ts, **said)
                await self._try(f"chat.update: {name}", edit)
            finally:
                await self._try(f"chat.delete: {name}", self._client.chat_delete(channel=channel_id, ts=ts))
        return channel_id

    async def _bring_file(self, channel_id: str) -> Mapping[str, Any] | None:
        """Upload a picture in three steps, and return what Slack says of it; None where it was not taken."""
        upload = OutgoingFile("mailroom-doctor.png", "Mailroom doctor", io.BytesIO(RED_SQUARE), _ALT)
        try:
            file_id = await self._files.upload(self._client, upload, channel_id, None)
        except (SlackApiError, OSError) as error:
            self._say(one_of("a file in three steps", _code(error), "taken"))
            return None
        self._say(one_of("a file in three steps", "taken", "taken"))
        info = await self._try("files.info", self._client.files_info(file=file_id))
        if info is None:
            return {"id": file_id}
        file: Mapping[str, Any] = info["file"]
        self._say(has_members("files.info, members", file, _FILE_MEMBERS))
        self._say(one_of("files.info, alt_txt", "as given" if file.get("alt_txt") == _ALT else "not there", "as given"))
        return file

    async def _write_canvas(self, channel_id: str, user_id: str, file: Mapping[str, Any]) -> None:
        """Make a canvas with each element that is taken over, read it back, delete it."""
        picture = f"\n\n![{_ALT}]({file['permalink']})" if "permalink" in file else ""
        markdown = f"{_CANVAS}\n\n![](@{user_id}) ![](#{channel_id})"
        create = self._client.canvases_create(
            title="Mailroom doctor",
            document_content={"type": "markdown", "markdown": markdown + picture},
            channel_id=channel_id,
        )
        made = await self._try("canvases.create", create)
        if made is None:
            return
        canvas_id = str(made["canvas_id"])
        try:
            read = await self._try("canvases.getContent", self._client.canvases_getContent(canvas_id=canvas_id))
            if read is not None:
                lines, written = str(read["content"]).splitlines(), filter(None, markdown.splitlines())
                self._say(has_members("canvases.getContent, Markdown as it was written", lines, [*written]))
                named = any("![" in line and str(file.get("id")) in line for line in lines)
                if picture:
                    self._say(one_of("canvases.getContent, a picture", "by its id" if named else "not", "by its id"))
        finally:
            await self._try("canvases.delete", self._client.canvases_delete(canvas_id=canvas_id))

    async def _try(self, name: str, call: Awaitable[AsyncSlackResponse], *expected: str) -> AsyncSlackResponse | None:
        """Make a call and say how it went; its answer, or None where it was refused."""
        await self._sleep(PACE_SECONDS)
        answer, answered = None, "taken"
        try:
            answer = await call
        except (SlackApiError, OSError, TimeoutError) as error:
            answered = _code(error)
        self._say(one_of(name, answered, *(expected or ("taken",))))
        return answer


_ALT: Final = "A red square"
_CANVAS: Final = """# One

## Two

**bold** *italic* ~~gone~~ `code` [link](https://example.com/?id={{id}})

- a

- [ ] open

1. first

> quoted

---

| A | B |
| --- | --- |
| 1 | {{first_name|there}} |"""
_ASK: Final = "Mailroom's doctor: press *Try* to see every view and message of Mailroom once. It takes a few minutes."


def _asking() -> list[dict[str, Any]]:
    press = {"type": "button", "action_id": BUTTON, "text": {"type": "plain_text", "text": "Try"}}
    return [section(_ASK).to_dict(), {"type": "actions", "elements": [press]}]


def _code(error: Exception) -> str:
    """Say what went wrong, without Slack's words; of views and blocks also where."""
    if not isinstance(error, SlackApiError):
        return type(error).__name__
    data = error.response.data if isinstance(error.response.data, dict) else {}
    _, *pointers = str(data.get("errors", "")).split("[json-pointer:")
    where = [pointer.partition("]")[0] for pointer in pointers[:3]]
    return " ".join([str(data.get("error") or error.response.status_code), *where])
