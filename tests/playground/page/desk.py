"""What a person does on the page, done by the driver: says, presses, fills in, submits, closes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp.web import FileField
from multidict import MultiMapping

from tests.playground.slack import Modal, NotThere, Person, SlackPlayground
from tests.playground.slack.driver import Seen
from tests.playground.slack.finding import buttons
from tests.playground.slack.html_blocks import control_name
from tests.playground.slack.inputs import inputs_of
from tests.playground.slack.payloads import merged_choice
from tests.playground.slack.render import offered, value_text
from tests.playground.slack.surfaces import Home, Surface, acts_at_once
from tests.playground.slack.values import converted
from tests.playground.slack.world import Json

Form = MultiMapping[Any]
KEEP = object()


class Desk:
    """Forms name what is acted on by its ids: `surface` (a message's ts or a view's id), `block`, `action`, `value`."""

    def __init__(self, slack: SlackPlayground) -> None:
        self._slack = slack
        self.acts: dict[str, Callable[[Person, Form], Awaitable[None]]] = {
            "say": self._say,
            "home": self._home,
            "press": self._press,
            "shortcut": self._shortcut,
            "set": self._set,
            "submit": self._submit,
            "close": self._close,
        }

    async def _say(self, who: Person, form: Form) -> None:
        channel, file = self._slack.world.channels[form["place"]], form.get("file")
        if isinstance(file, FileField) and file.filename:
            who.says(channel, form["text"], files=[(file.filename, file.file.read())])
        else:
            await who.types(channel, form["text"])

    async def _home(self, who: Person, _form: Form) -> None:
        await self._slack.events.home_opened(who.user, who.workspace)

    async def _press(self, who: Person, form: Form) -> None:
        surface = self._surface(who, form)
        blocks = surface.message.blocks if isinstance(surface, Seen) else surface.view.blocks
        for label, (block, element, option) in buttons(blocks):
            chosen = option["value"] if option else ""
            if (block["block_id"], element["action_id"], chosen) == (form["block"], form["action"], form["value"]):
                who.agrees(element, confirm=True)  # the page has asked
                await self._act(who, surface, (block, element), option, f"presses [{label}]")
                return
        raise NotThere("this button is not there any more")

    async def _shortcut(self, who: Person, form: Form) -> None:
        message = self._surface(who, form)
        if isinstance(message, Seen):
            await who.uses_shortcut(form["value"], message)

    async def _set(self, who: Person, form: Form) -> None:
        """An input that tells the app as soon as it changes."""
        surface = self._surface(who, form)
        if isinstance(surface, Seen):
            raise NotThere("menus in messages are for tests, not for this page")
        self._fill(surface, form)
        for block, element in inputs_of(surface.view.blocks):
            if (block["block_id"], element["action_id"]) == (form["block"], form["action"]):
                value = _held(surface, block, element, form.getall(control_name(f"{surface.view.id}-", block, element)))
                surface.put(block, element, value)
                await surface.act(block, element, value, "changes a choice")

    async def _submit(self, who: Person, form: Form) -> None:
        modal = self._surface(who, form)
        if not isinstance(modal, Modal):
            raise NotThere("only a modal is submitted")
        self._fill(modal, form)
        await modal.submit()

    async def _close(self, who: Person, form: Form) -> None:
        modal = self._surface(who, form)
        if isinstance(modal, Modal):
            await modal.close()

    def _surface(self, who: Person, form: Form) -> Seen | Surface:
        world, id_ = self._slack.world, form["surface"]
        if (view := world.views.get(id_)) and view.user_id == who.id:
            return Modal(who, view) if view.body["type"] == "modal" else Home(who, view)
        for message in world.messages:
            if message.ts == id_ and message in world.visible_messages(message.channel, who.id):
                return Seen(message, self._slack)
        raise NotThere("it is not there any more")

    async def _act(self, who: Person, surface: Seen | Surface, found: tuple[Json, Json], value: Any, what: str) -> None:
        if isinstance(surface, Seen):
            await who.act(surface, *found, value, what)
        else:
            await surface.act(*found, value, what)

    def _fill(self, surface: Surface, form: Form) -> None:
        for block, element in inputs_of(surface.view.blocks):
            if acts_at_once(block):
                continue
            given = form.getall(control_name(f"{surface.view.id}-", block, element), [])
            value = _held(surface, block, element, given)
            if value is not KEEP:
                surface.put(block, element, value)


def _held(surface: Surface, block: Json, element: Json, given: Sequence[Any]) -> Any:
    """What a browser hands over, as the input holds it."""
    kind = element["type"]
    if kind == "file_input":
        files = [(each.filename, each.file.read()) for each in given if isinstance(each, FileField)]
        return converted(element, files, surface.upload) if files else KEEP
    options = [option for option in offered(element) if option["value"] in given]
    if kind in {"checkboxes", "radio_buttons"} or "select" in kind:
        return merged_choice(element, options or [each for each in given if each and not offered(element)])
    text = "".join(given).replace("\r\n", "\n")
    if kind == "rich_text_input":
        before = surface.view.inputs.get((block["block_id"], element["action_id"]))
        same = text == value_text(element, before, surface.person.slack.world.display)
        return KEEP if same else converted(element, text, surface.upload)
    if kind == "datetimepicker" and text:
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
    return text or None
