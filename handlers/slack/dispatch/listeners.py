"""How everything a person does reaches a handler: acknowledged in time, seen once, authorised, answered.

A handler gets a `Request`, asks `bot/` for one thing and returns what to show. When the answer is to appear in a modal
and takes longer than Slack waits, the modal opens (or turns) to a waiting view and is updated afterwards. Work runs in
supervised tasks, since an exception right after an `ack()` would swallow that ack (seen with slack-bolt 1.30).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.models.views import View
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import BotError
from bot.tasks import Tasks
from bot.teams.directory import Teams
from handlers.slack import ids
from handlers.slack.dispatch import channel_join
from handlers.slack.dispatch.authorization import Authorizer
from handlers.slack.dispatch.event import EventHandler, from_event, from_opening
from handlers.slack.dispatch.home_publisher import Publisher, Show
from handlers.slack.dispatch.interaction import (
    Body,
    Interaction,
    from_click,
    from_command,
    from_shortcut,
    from_submission,
)
from handlers.slack.dispatch.registration import (
    AS_LONG_AS_SLACK_WAITS,
    WITHOUT_FORM,
    AckTimeouts,
    Form,
    Listener,
    Permission,
    Registered,
    Request,
    Subcommand,
)
from handlers.slack.dispatch.responder import ProgressView, Responder, unexpected, whisper
from handlers.slack.dispatch.routing import action_id, form_id, routed
from handlers.slack.text import esc
from handlers.slack.views.blocks import Message, Modal, Reply, error_message, text_message, waiting_page
from storage import Database, Team, leases

log = logging.getLogger(__name__)

_KINDS = {ids.Button: "button", ids.Input: "choice", ids.Shortcut: "shortcut", ids.Form: "form"}

AnyListener = Listener | Form | Subcommand


class Listeners:
    """Registers handlers with Bolt; there is no other way for a listener to come to be."""

    def __init__(
        self,
        app: AsyncApp,
        *,
        authorizer: Authorizer,
        teams: Teams,
        tasks: Tasks,
        db: Database,
        patience: AckTimeouts = AS_LONG_AS_SLACK_WAITS,
    ) -> None:
        self._app = app
        self._actions, self._forms = routed(app.block_action, action_id), routed(app.view_submission, form_id)
        self._authorizer = authorizer
        self._teams = teams
        self._tasks = tasks
        self._db = db
        self._patience = patience
        self.registered: list[Registered] = []

    def command(self, name: str, words: list[Subcommand], unknown: Subcommand) -> None:
        """Register a slash command: its words, and what answers to any other."""
        by_word = {word.word: word for word in words}
        for word in {*words, unknown}:
            self.registered.append(Registered("command", f"{name} {word.word}".strip(), word.permission))

        async def listen(ack: AsyncAck, body: Body, client: AsyncWebClient) -> None:
            await ack()
            at = from_command(body)
            word = by_word.get(at.words[0].lower() if at.words else "", unknown)
            self._start(self._open(at, client, word))

        self._app.command(name)(listen)

    def add(self, listener: Listener | Form) -> None:
        """Register a button, an input that redraws its modal, an entry in the menu of a message, or a form."""
        self.registered.append(Registered(_KINDS[type(listener.id)], listener.id, listener.permission))

        async def listen(ack: AsyncAck, body: Body, client: AsyncWebClient) -> None:
            if isinstance(listener, Form):
                await self._submitted(ack, body, client, listener)
                return
            await ack()
            if isinstance(listener.id, ids.Shortcut):
                self._start(self._open(from_shortcut(body), client, listener))
            else:
                self._start(self._clicked(body, client, listener))

        match listener.id:
            case ids.Form():
                self._forms[str(listener.id)] = listen
            case ids.Shortcut():
                self._app.shortcut(str(listener.id))(listen)
            case _:
                self._actions[str(listener.id)] = listen

    def event(self, name: str, handler: EventHandler) -> None:
        """Register what Slack tells of a channel or of the app."""
        self.registered.append(Registered("event", name, None))

        async def commit(body: Body, next_: Callable[[], Awaitable[None]]) -> None:
            event = from_event(body)
            if await self._authorizer.is_foreign(event):
                await next_()
                return
            async with self._db.write() as session:
                if await leases.mark_processed(session, event.key):
                    await handler(session, event)
            await next_()

        async def acknowledged() -> None:
            """All is done: Bolt acknowledges an event before its listener runs, and after its middleware."""

        self._app.event(name, middleware=[commit])(acknowledged)

    def home(self, show: Show) -> Publisher:
        """Register the App Home, its opening, its pages and whose teams it shows; return what publishes it again."""
        self.registered.append(Registered("event", "app_home_opened", Permission.SEE))
        publisher = Publisher(self._authorizer, show, self._first_time, self._teams.is_gone)

        async def opened(body: Body, client: AsyncWebClient) -> None:
            if body["event"].get("tab") == "home":
                self._start(publisher.once(from_opening(body), client))

        async def turned(ack: AsyncAck, body: Body, client: AsyncWebClient) -> None:
            await ack()
            self._start(publisher.once(from_click(body), client))

        self._app.event("app_home_opened")(opened)
        for turn in (ids.Button.PREVIOUS, ids.Button.NEXT, ids.Button.MINE, ids.Button.ALL):
            self.registered.append(Registered("button", turn, Permission.SEE))
            self._actions[str(turn)] = turned
        return publisher

    def _start(self, work: Any) -> None:
        self._tasks.start(work, "interaction")

    async def _clicked(self, body: Body, client: AsyncWebClient, listener: Listener) -> None:
        try:
            at = from_click(body)
        except BotError as error:
            log.warning("a click was refused: %s", error)
            if response_url := body.get("response_url"):
                await whisper(str(response_url), error_message(error))
            return
        if not at.view_id or (body.get("view") or {}).get("type") != "modal":
            await self._open(at, client, listener)
            return
        answers, title = Responder(client, at, self._teams), str(body["view"]["title"]["text"])
        shown = ProgressView(client, title=title)
        task = self._tasks.start(self._answer(at, client, listener, shown), "answer")
        await asyncio.wait({task}, timeout=self._patience.opening if listener.waiting else None)
        if task.done():
            await answers.click(task.result(), body["view"])
            return
        shown.at(at.view_id)
        await shown.draw(waiting_page(title, listener.waiting))
        await answers.update(await task, view_id=at.view_id, title=title)

    async def _open(self, at: Interaction, client: AsyncWebClient, asked: Listener | Subcommand) -> None:
        """Answer with a message only that person sees, or in a modal that opens within the trigger's three seconds."""
        answers, shown = Responder(client, at, self._teams), ProgressView(client, title=asked.opens)
        task = self._tasks.start(self._answer(at, client, asked, shown), "answer")
        await asyncio.wait({task}, timeout=self._patience.opening if asked.opens else None)
        if task.done():
            await answers.open(task.result())
            return
        if view_id := await answers.open(Modal(waiting_page(asked.opens, "One moment…"))):
            shown.at(view_id)
        reply = await task
        if view_id:  # else they were asked to press once more
            await answers.update(reply, view_id=view_id, title=asked.opens)

    async def _submitted(self, ack: AsyncAck, body: Body, client: AsyncWebClient, form: Form) -> None:
        at, title = from_submission(body), str(body["view"]["title"]["text"])
        shown = ProgressView(client, at.view_id, title)
        task = self._tasks.start(self._attempt(at, client, form, shown), "submission")
        await asyncio.wait({task}, timeout=self._patience.slow if form.slow else self._patience.submission)
        result = task.result() if task.done() else None
        if isinstance(result, BotError) and result.field in at.values:
            await ack(response_action="errors", errors={result.field: result.text})
            return
        if form.slow or not task.done():
            await ack(response_action="update", view=waiting_page(title, form.waiting))
            self._start(self._late(task, at, client, form, shown))
            return
        match result:
            case BotError() as error:  # about no field: the form again, with what was typed
                redrawn = await self._redraw(error, at, client, form)
                await ack(response_action="update", view=redrawn or Responder.as_view(error_message(error), title))
            case Modal(view=view):
                await ack(response_action="update", view=view)
            case Message() as message:
                await ack(response_action="update", view=Responder.as_view(message, title))
            case None:
                await ack()

    async def _late(
        self,
        task: asyncio.Task[Reply | BotError],
        at: Interaction,
        client: AsyncWebClient,
        form: Form,
        shown: ProgressView,
    ) -> None:
        await shown.begin(waiting_page(shown.title, form.waiting), at.view_hash)
        result = await task
        if isinstance(result, BotError):
            redrawn = await self._redraw(result, at, client, form)
            result = Modal(redrawn, otherwise=esc(result.text)) if redrawn else error_message(result)
        elif result is None:  # it would have closed the form
            result = text_message(":white_check_mark: Done. You can close this.")
        await Responder(client, at, self._teams).update(result, view_id=at.view_id, title=shown.title)

    async def _redraw(self, error: BotError, at: Interaction, client: AsyncWebClient, form: Form) -> View | None:
        if form.redraw is None or error.code in WITHOUT_FORM:
            return None
        team = await self._teams.get(at.ref.team_id, at.workspace)
        try:
            return await form.redraw(Request(at, team, client, ProgressView(client)), error.text)
        except BotError:  # what the form was about is gone
            return None

    async def _answer(self, at: Interaction, client: AsyncWebClient, asked: AnyListener, shown: ProgressView) -> Reply:
        result = await self._attempt(at, client, asked, shown)
        return error_message(result) if isinstance(result, BotError) else result

    async def _attempt(
        self, at: Interaction, client: AsyncWebClient, asked: AnyListener, shown: ProgressView
    ) -> Reply | BotError:
        try:
            return await self._handle(at, client, asked, shown)
        except BotError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a person gets a reference, the log the trace
            return unexpected(error)

    async def _first_time(self, key: str) -> bool:
        async with self._db.write() as session:
            return await leases.mark_processed(session, key)

    async def _handle(self, at: Interaction, client: AsyncWebClient, asked: AnyListener, shown: ProgressView) -> Reply:
        if not await self._first_time(at.key):
            return None
        at = await self._authorizer.admit(at)
        if at.ref.team_id:
            team: Team | None = await self._teams.get(at.ref.team_id, at.workspace)
        else:
            team = await self._teams.find(at.workspace, at.channel_id)
        admin = await self._authorizer.authorize(client, at, team, asked.permission)
        if team is None:
            team = await self._teams.create(await channel_join.join_channel(client, at), created_by=at.user_id)
        elif at.kind == "command" and not (team.reachable and team.private == at.private):
            team = await self._teams.entered(team, await channel_join.join_channel(client, at))
        return await asked.handler(Request(at, team, client, shown, is_admin=admin))
