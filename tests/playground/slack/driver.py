"""A person in Slack, driven by what they can see: types commands, reads messages, presses buttons, opens modals."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from . import finding
from .call import ApiError
from .delivery import Kind, NotAcked
from .editor import as_slack_keeps, rich_text
from .inputs import Inputs, merged
from .posting import content, post
from .render import message_lines, text_of
from .surfaces import Home, InvalidAck, Modal
from .values import converted
from .world import Channel, File, Json, Message, Organization, Role, User, View, Workspace

if TYPE_CHECKING:
    from .playground import SlackPlayground


class NotSeen(AssertionError):  # noqa: N818  (what a person would say)
    """What was waited for did not appear; the message says what is visible instead."""


class Seen:
    """A message a person is looking at. It follows edits; `as_seen` keeps the buttons it had at first sight."""

    def __init__(self, message: Message, slack: SlackPlayground) -> None:
        self.message = message
        self._slack = slack
        self.as_seen = list(message.blocks)
        self.inputs: Inputs = merged(message.blocks, {})

    @property
    def text(self) -> str:
        return "\n".join(message_lines(self.message, self._slack.world))

    @property
    def buttons(self) -> list[str]:
        return [label for label, _ in finding.buttons(self.message.blocks)]

    @property
    def ts(self) -> str:
        return self.message.ts

    @property
    def ephemeral(self) -> bool:
        return self.message.shown_to is not None

    @property
    def in_thread(self) -> bool:
        return self.message.thread_ts is not None

    @property
    def edited(self) -> bool:
        return self.message.edited

    @property
    def files(self) -> list[File]:
        return self.message.files


class Person:
    """One user. `last_confirm` is the last confirmation dialog shown, `last_link` the last address a button opened."""

    def __init__(self, slack: SlackPlayground, user: User) -> None:
        self.slack = slack
        self.user = user
        self.last_confirm: str | None = None
        self.last_link: str | None = None

    @property
    def id(self) -> str:
        return self.user.id

    @property
    def name(self) -> str:
        return self.user.name

    @property
    def role(self) -> Role:
        return self.user.role

    @role.setter
    def role(self, role: str) -> None:
        self.user.role = Role(role)

    @property
    def workspace(self) -> Workspace:
        """The workspace this person is in; an outsider's is not here, so the first one."""
        return self.slack.world.workspaces.get(self.user.team_id, self.slack.workspace)

    @property
    def dm(self) -> Channel:
        """The direct message with the bot."""
        return self.slack.world.direct_channel(self.user, self.workspace)

    def _must_be_in(self, channel: Channel) -> None:
        if self.user.id not in channel.members:
            raise NotSeen(f"{self.name} is not in {channel.label}")

    # Typing

    async def types(self, channel: Channel, text: str) -> None:
        """A slash command, or any other text, which is simply said."""
        if not text.startswith("/"):
            self.says(channel, text)
            return
        self._must_be_in(channel)
        if channel.archived:
            raise NotSeen(f"{channel.label} is archived: nobody can type there")
        command, _, words = text.partition(" ")
        world = self.slack.world
        world.note(channel.label if channel.direct else self.name, f"{channel.label}  {self.name} types: {text}")
        words = self.slack.escaped(command, words.strip())
        payload = self.slack.payloads.command(self.user, channel, command, words)
        try:
            answer = await self.slack.delivery.send(Kind.COMMAND, payload)
        except NotAcked:
            post(
                world,
                channel,
                channel.workspace_for(self.user),
                f"{command} failed with the error “dispatch_failed”",
                [],
                shown_to=self.id,
            )
            raise
        self._show_answer(channel, answer)

    def _show_answer(self, channel: Channel, answer: Any) -> None:
        """A command's acknowledgement may carry a message, for the person alone unless it says otherwise."""
        if not answer:
            return
        body = answer if isinstance(answer, dict) else {"text": answer}
        try:
            text, blocks = content(body.get("text"), body.get("blocks"))
        except ApiError as problem:
            raise InvalidAck(f"Slack would refuse this answer to a command: {problem}") from problem
        shown_to = None if body.get("response_type") == "in_channel" else self.id
        post(self.slack.world, channel, channel.workspace, text, blocks, shown_to=shown_to)

    def says(
        self,
        channel: Channel,
        text: str,
        *,
        thread_ts: str | None = None,
        files: Iterable[File | tuple[str, bytes]] = (),
        rich: list[Json] | None = None,
    ) -> Seen:
        """An ordinary message; Slack gives it a rich text block. `files` are uploaded with it, or shared again.

        `rich` is what was formatted: the elements of that block, as the editor has them.
        """
        self._must_be_in(channel)
        workspace = channel.workspace
        given = [file if isinstance(file, File) else self.slack.upload(self.user, workspace, *file) for file in files]
        written = [{"type": "rich_text", "elements": rich}] if rich else [rich_text(text)] if text else []
        blocks = [as_slack_keeps(block) for block in content(text, written, has_files=bool(given))[1]]
        message = post(
            self.slack.world, channel, workspace, text, blocks, author=self.id, thread_ts=thread_ts, files=given
        )
        return Seen(message, self.slack)

    # Reading

    async def sees(
        self,
        channel: Channel,
        text: str,
        *,
        after: Seen | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  (a person's patience)
    ) -> Seen:
        """The newest message with this visible text that this person can see, waiting for it to come.

        `after` looks only at messages newer than that one.
        """
        self._must_be_in(channel)
        since = after.ts if after else ""

        def look() -> Message | None:
            shown = reversed(self.slack.world.visible_messages(channel, self.id))
            return next((m for m in shown if m.ts > since and text in self._text(m)), None)

        try:
            wait = self.slack.patience if timeout is None else timeout
            message = await self.slack.world.until(look, wait)
        except TimeoutError:
            visible = "\n---\n".join(self.reads(channel)) or "nothing"
            raise NotSeen(f"{self.name} does not see {text!r} in {channel.label}; visible is:\n{visible}") from None
        return Seen(message, self.slack)

    def _text(self, message: Message) -> str:
        return "\n".join(message_lines(message, self.slack.world))

    def reads(self, channel: Channel) -> list[str]:
        """All that this person can read in a channel now, oldest first."""
        return [self._text(m) for m in self.slack.world.visible_messages(channel, self.id)]

    # Acting on messages

    def agrees(self, element: Json, *, confirm: bool) -> bool:
        """Answers the confirmation dialog, where the element has one, and notes where a link button leads."""
        if "confirm" in element:
            dialog = element["confirm"]
            parts = [text_of(dialog[name]) for name in ("title", "text")]
            choices = " ".join(f"[{text_of(dialog[name])}]" for name in ("deny", "confirm"))
            self.last_confirm = "\n".join([*parts, choices])
            self.slack.world.note(self.name, f"{self.name} is asked:", tuple(self.last_confirm.split("\n")))
            if not confirm:
                return False
        self.last_link = element.get("url", self.last_link)
        return True

    async def press(self, seen: Seen, label: str, *, confirm: bool = True, stale: bool = False) -> None:
        """Presses a button of a message (`stale`: one that it had when first seen, as a slow screen would)."""
        blocks = seen.as_seen if stale else seen.message.blocks
        block, element, option = finding.pick(label, finding.buttons(blocks), "button")
        if self.agrees(element, confirm=confirm):
            await self.act(seen, block, element, option, f"presses [{label}]")

    async def choose(self, seen: Seen, label: str, value: Any) -> None:
        """Picks from a menu in a message."""
        block, element = finding.pick(label, finding.inputs(seen.message.blocks, self.slack.world.display), "menu")

        def no_upload(name: str, content: bytes) -> File:
            raise finding.NotThere(f"files cannot be added to a message: {name}, {len(content)} bytes")

        chosen = converted(element, value, no_upload)
        seen.inputs[block["block_id"], element["action_id"]] = chosen
        if block["type"] != "input" or block.get("dispatch_action"):
            await self.act(seen, block, element, chosen, f"sets {label!r}")

    async def act(self, seen: Seen, block: Json, element: Json, value: Any, what: str) -> None:
        """Tell the app that an element of a message was used, however it was found."""
        channel = seen.message.channel
        self._must_be_in(channel)
        self.slack.world.note(self.name, f"{channel.label}  {self.name} {what}")
        action = self.slack.payloads.action(block, element, value)
        payload = self.slack.payloads.message_action(self.user, seen.message, action, seen.inputs, seen.message.blocks)
        await self.slack.delivery.send(Kind.INTERACTION, payload)

    async def uses_shortcut(self, name: str, message: Seen | None = None) -> None:
        """A shortcut by its callback id, or by its name where the manifest is known; `message` for a message's menu."""
        callback_id = self.slack.shortcuts.get(name, name)
        self.slack.world.note(self.name, f"{self.name} uses the shortcut {name!r}")
        if message:
            payload = self.slack.payloads.message_shortcut(self.user, message.message, callback_id)
        else:
            payload = self.slack.payloads.shortcut(self.user, self.workspace, callback_id)
        await self.slack.delivery.send(Kind.INTERACTION, payload)

    async def installs(self, url: str, *, organization: Organization | None = None, answer: str = "yes") -> str:
        """Opens the app's install page, allows the app (or not), and is back there: the text of the page shown then."""
        async with self.browser(url) as browser:
            back = await self.allows(browser, url, organization=organization, answer=answer)
            async with browser.get(back) as shown:
                return await shown.text()

    @staticmethod
    def browser(url: str) -> aiohttp.ClientSession:
        """One that keeps the cookies of this loopback address, which to browsers is as good as https."""
        jar = aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=URL(url).origin())
        return aiohttp.ClientSession(cookie_jar=jar)

    async def allows(
        self, browser: aiohttp.ClientSession, url: str, *, organization: Organization | None = None, answer: str = "yes"
    ) -> str:
        """Goes as far as Slack's page, and answers there: the address of the app that Slack sends the browser to."""
        async with browser.get(url, allow_redirects=False) as shown:
            found = re.search(r'https?://[^"\s<>]+/oauth/v2/authorize\?[^"\s<>]*', await shown.text())
            target = shown.headers.get("Location") or (unescape(found[0]) if found else "")
        if "/oauth/v2/authorize" not in target:
            raise NotSeen(f"{url} leads to no authorize page of Slack")
        chosen = {"user": self.id, "answer": answer, **({"organization": organization.id} if organization else {})}
        async with browser.get(f"{target}&{urlencode(chosen)}", allow_redirects=False) as shown:
            return shown.headers["Location"]

    # Modals and the home tab

    @property
    def top_modal(self) -> Modal | None:
        view = self.slack.world.top_modal(self.id)
        return Modal(self, view) if view else None

    async def modal(self, title: str, *, timeout: float | None = None) -> Modal:  # noqa: ASYNC109  (a person's patience)
        """Waits until the topmost modal of this person has this title."""

        def look() -> View | None:
            top = self.slack.world.top_modal(self.id)
            return top if top and top.title == title else None

        try:
            wait = self.slack.patience if timeout is None else timeout
            return Modal(self, await self.slack.world.until(look, wait))
        except TimeoutError:
            top = self.top_modal
            visible = top.text if top else "no modal"
            raise NotSeen(f"{self.name} does not see a modal {title!r}; on top is:\n{visible}") from None

    async def opens_home(self, workspace: Workspace | None = None) -> Home:
        """Opens the App Home tab and waits for what the app publishes."""
        workspace = workspace or self.workspace
        world = self.slack.world
        before = world.homes.get((self.id, workspace.id))
        old = before.hash if before else None
        world.note(self.name, f"{self.name} opens the home tab")
        await self.slack.events.home_opened(self.user, workspace)

        def look() -> View | None:
            home = world.homes.get((self.id, workspace.id))
            return home if home and home.hash != old else None

        try:
            return Home(self, await world.until(look, self.slack.patience))
        except TimeoutError:
            raise NotSeen(f"the app publishes nothing when {self.name} opens the home tab") from None

    @property
    def home_tab(self) -> Home | None:
        view = self.slack.world.homes.get((self.id, self.workspace.id))
        return Home(self, view) if view else None

    @property
    def home(self) -> str:
        """The text of the App Home tab as it stands now."""
        tab = self.home_tab
        return tab.text if tab else ""
