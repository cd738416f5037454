"""An open modal or home tab in a person's hands: read it, fill it in, press its buttons, submit or close it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import finding
from .call import ApiError
from .delivery import Kind, NotAcked
from .inputs import inputs_of
from .render import text_of, view_lines
from .values import client_errors, converted
from .views import close, close_all, push, redraw
from .world import File, Json, View

if TYPE_CHECKING:
    from .driver import Person


class InvalidAck(AssertionError):  # noqa: N818  (the situation)
    """The app acknowledged with something that Slack would not take."""


class Surface:
    """What modals and the home tab have in common. Everything is found by its visible text."""

    def __init__(self, person: Person, view: View) -> None:
        self.person = person
        self.view = view
        self._slack = person.slack

    @property
    def title(self) -> str:
        return self.view.title

    @property
    def text(self) -> str:
        """Everything visible, as lines of plain text."""
        return "\n".join(view_lines(self.view, self._slack.world))

    @property
    def buttons(self) -> list[str]:
        return [label for label, _ in finding.buttons(self.view.blocks)]

    @property
    def labels(self) -> list[str]:
        return [label for label, _ in self._inputs()]

    @property
    def open(self) -> bool:
        return self.view.id in self._slack.world.views

    def _must_be_open(self) -> None:
        """Nobody can use what is not on top."""
        hidden = isinstance(self, Modal) and self._slack.world.top_modal(self.view.user_id) is not self.view
        if hidden or not self.open:
            raise finding.NotThere(f"{self.title!r} is not open on top any more")

    def _inputs(self) -> list[tuple[str, tuple[Json, Json]]]:
        return finding.inputs(self.view.blocks, self._slack.world.display)

    def _find(self, label: str) -> tuple[Json, Json]:
        return finding.pick(label, self._inputs(), "input")

    def value(self, label: str) -> Any:
        """What stands in an input: its text, the option or options chosen, an id, a timestamp, files."""
        block, element = self._find(label)
        return self.view.inputs.get((block["block_id"], element["action_id"]))

    def fill(self, label: str, value: Any) -> None:
        """Puts a value into an input; one that acts at once has to be awaited: `choose`."""
        self._must_be_open()
        block, element = self._find(label)
        if acts_at_once(block):
            raise finding.NotThere(f"{label!r} acts at once: await modal.choose({label!r}, ...)")
        self.put(block, element, converted(element, value, self.upload))

    async def choose(self, label: str, value: Any) -> None:
        """As `fill`, and tells the app where the input is one that acts at once."""
        self._must_be_open()
        block, element = self._find(label)
        more = await self._suggestions(block, element, value)
        chosen = converted(element, value, self.upload, more)
        self.put(block, element, chosen)
        if acts_at_once(block):
            await self.act(block, element, chosen, f"sets {label!r}")

    async def press(self, label: str, *, confirm: bool = True) -> None:
        """Presses a button; with `confirm=False` a confirmation dialog is answered with no."""
        self._must_be_open()
        block, element, option = finding.pick(label, finding.buttons(self.view.blocks), "button")
        if self.person.agrees(element, confirm=confirm):
            await self.act(block, element, option, f"presses [{label}]")

    async def shows(self, text: str, *, timeout: float | None = None) -> None:  # noqa: ASYNC109  (a person's patience)
        """Waits until this text can be read here."""
        wait = self._slack.patience if timeout is None else timeout
        try:
            await self._slack.world.until(lambda: text in self.text, wait)
        except TimeoutError:
            raise finding.NotThere(f"{text!r} does not appear; visible is:\n{self.text}") from None

    def put(self, block: Json, element: Json, value: Any) -> None:
        """What an input holds from now on, as `state.values` has it; `fill` is for people."""
        self.view.inputs[block["block_id"], element["action_id"]] = value
        self._slack.world.changed()

    def upload(self, name: str, content: bytes) -> File:
        return self._slack.upload(self.person.user, self.view.workspace, name, content)

    async def _suggestions(self, block: Json, element: Json, value: Any) -> list[Json]:
        if "external_select" not in element["type"] or not isinstance(value, str):
            return []
        payload = self._slack.payloads.suggestion(self.person.user, self.view, block, element, value)
        answer = await self._slack.delivery.send(Kind.INTERACTION, payload) or {}
        groups = answer.get("option_groups", [])
        return [*answer.get("options", []), *(o for group in groups for o in group["options"])]

    async def act(self, block: Json, element: Json, value: Any, what: str) -> None:
        """Tell the app that an element was used; `press` and `choose` are for people."""
        name = self.person.name
        self._slack.world.note(name, f"{name} {what} in {self.title or 'the home tab'!r}")
        action = self._slack.payloads.action(block, element, value)
        payload = self._slack.payloads.view_action(self.person.user, self.view, action)
        await self._slack.delivery.send(Kind.INTERACTION, payload)


class Modal(Surface):
    """A modal; the handle stays good while the app redraws it."""

    @property
    def errors(self) -> dict[str, str]:
        """The sentences under the inputs, by label."""
        labels = {block["block_id"]: text_of(block["label"]) for block in self.view.blocks if "label" in block}
        return {labels[block_id]: sentence for block_id, sentence in self.view.errors.items()}

    async def submit(self) -> Modal | None:
        """Submits, does what the app answers (errors, update, push, clear, or close), and is what is then on top.

        What Slack's client refuses by itself (an empty required field, say) shows as errors and is not sent.
        """
        world = self._slack.world
        self._must_be_open()
        if "submit" not in self.view.body:
            raise finding.NotThere(f"{self.title!r} has no submit button")
        button = self.view.body["submit"]["text"]
        self.view.errors = client_errors(self.view)
        world.note(self.person.name, f"{self.person.name} presses [{button}] in {self.title!r}")
        if self.view.errors:
            return self
        payload = self._slack.payloads.submission(self.person.user, self.view, self._response_urls())
        try:
            answer = await self._slack.delivery.send(Kind.INTERACTION, payload)
        except NotAcked:
            world.note(self.person.name, "Slack: We had some trouble connecting. Try again?")
            raise
        try:
            self._apply(answer or {})
        except ApiError as problem:
            raise InvalidAck(f"Slack would refuse this answer to a submission: {problem}") from problem
        return self.person.top_modal

    def _apply(self, answer: Any) -> None:
        world = self._slack.world
        if not isinstance(answer, dict):
            raise InvalidAck(f"a submission is answered with JSON or nothing, not {answer!r}")
        action = answer.get("response_action")
        if action == "errors":
            self._show_errors(answer.get("errors"))
        elif action == "update":
            redraw(world, self.view, answer.get("view"))
        elif action == "push":
            push(world, answer.get("view"), self.view.user_id, self.view.workspace, self.view)
        elif action == "clear":
            close_all(world, self.view.user_id)
        elif answer:
            raise InvalidAck(f"Slack knows no such answer to a submission: {answer!r}")
        elif self.open:
            close(world, self.view)

    def _show_errors(self, errors: Any) -> None:
        inputs = {block["block_id"] for block, _ in inputs_of(self.view.blocks) if block["type"] == "input"}
        if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
            raise InvalidAck(f"errors have to name input blocks of this view {sorted(inputs)}: {errors!r}")
        self.view.errors = errors
        self._slack.world.note(
            self.person.name,
            f"{self.person.name} sees errors in {self.title!r}:",
            tuple(f"{label}: {sentence}" for label, sentence in self.errors.items()),
        )

    def _response_urls(self) -> list[Json]:
        """For menus of channels that ask for one."""
        urls = []
        for block, element in inputs_of(self.view.blocks):
            channel_id = self.view.inputs.get((block["block_id"], element["action_id"]))
            if element.get("response_url_enabled") and channel_id in self._slack.world.channels:
                channel = self._slack.world.channels[channel_id]
                url = self._slack.payloads.response_url("app", channel, self.person.user)
                ids = {"block_id": block["block_id"], "action_id": element["action_id"]}
                urls.append({**ids, "channel_id": channel_id, "response_url": url})
        return urls

    async def close(self, *, all_of_them: bool = False) -> None:
        """Closes this modal (Cancel), or the whole stack (the cross); the app hears of it where it asked to."""
        world = self._slack.world
        self._must_be_open()
        views = list(world.modals.get(self.view.user_id, [])) if all_of_them else [self.view]
        cleared = all_of_them or bool(self.view.body.get("clear_on_close"))
        for view in reversed(views):
            payload = self._slack.payloads.closed(self.person.user, view, cleared=cleared)
            close(world, view)
            if view.body.get("notify_on_close"):
                await self._slack.delivery.send(Kind.INTERACTION, payload)
        if cleared:
            close_all(world, self.view.user_id)


class Home(Surface):
    """The App Home tab as one person has it open."""


def acts_at_once(block: Json) -> bool:
    """Inputs outside input blocks, and those with `dispatch_action`, tell the app as soon as they change."""
    return block["type"] != "input" or bool(block.get("dispatch_action"))
