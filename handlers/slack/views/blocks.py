"""The pieces that every view is made of. Builders are pure: facts in, slack_sdk models out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    CheckboxesElement,
    ConfirmObject,
    ContextBlock,
    HeaderBlock,
    InputBlock,
    MarkdownTextObject,
    Option,
    PlainTextInputElement,
    PlainTextObject,
    RadioButtonsElement,
    SectionBlock,
    StaticSelectElement,
    UserMultiSelectElement,
)
from slack_sdk.models.views import View

from bot.errors import BotError
from handlers.slack import ids
from handlers.slack.text import clean, esc

MOST_PEOPLE = 50
TITLE_LIMIT = 24
OPTION_LIMIT = 75
NONE: Mapping[Any, str] = {}


@dataclass(frozen=True, slots=True)
class Message:
    """What is said in a channel or to one person; `text` is what notifications and screen readers get.

    `replaces`: as an answer to a click it stands in the place of the message with the button.
    """

    text: str
    blocks: Sequence[Block]
    replaces: bool = False

    def payload(self) -> dict[str, Any]:
        """Arguments for chat.postMessage, chat.update, chat.postEphemeral and response_url."""
        return {"text": self.text, "blocks": [block.to_dict() for block in self.blocks]}


@dataclass(frozen=True, slots=True)
class Modal:
    """A modal, and the message for a person who has closed it meanwhile.

    `above`: it opens on top of the one that was clicked in, where what is typed stays as it is.
    """

    view: View
    otherwise: str | Message = ""
    above: bool = False

    @property
    def for_the_absent(self) -> Message:
        return text_message(self.otherwise) if isinstance(self.otherwise, str) else self.otherwise


Reply = Message | Modal | None


def header(text: str) -> HeaderBlock:
    return HeaderBlock(text=PlainTextObject(text=clean(text, 150), emoji=True))


def section(mrkdwn: str, *, accessory: ButtonElement | None = None) -> SectionBlock:
    """Show text that is already escaped where it came from people or AWS."""
    return SectionBlock(text=MarkdownTextObject(text=mrkdwn[:3000], verbatim=True), accessory=accessory)


def verbatim(text: str, *, accessory: ButtonElement | None = None) -> SectionBlock:
    """Show text letter by letter, where it matters what people typed: no markup counts, and no emoji's name."""
    return SectionBlock(text=PlainTextObject(text=clean(text, 3000), emoji=False), accessory=accessory)


def context(mrkdwn: str) -> ContextBlock:
    return ContextBlock(elements=[MarkdownTextObject(text=mrkdwn[:2000], verbatim=True)])


def button(
    action: ids.Button, label: str, ref: ids.Ref, *, style: str | None = None, confirm: ConfirmObject | None = None
) -> ButtonElement:
    return ButtonElement(
        text=PlainTextObject(text=label), action_id=action, value=str(ref), style=style, confirm=confirm
    )


def buttons(*elements: ButtonElement) -> ActionsBlock:
    return ActionsBlock(elements=list(elements))


def confirm(title: str, text: str, yes: str, no: str = "Not now") -> ConfirmObject:
    """Ask once more before something that cannot be taken back."""
    return ConfirmObject(
        title=PlainTextObject(text=clean(title, 100)),
        text=PlainTextObject(text=clean(text, 300)),
        confirm=PlainTextObject(text=yes),
        deny=PlainTextObject(text=no),
    )


def field(
    name: ids.Input,
    label: str,
    *,
    hint: str = "",
    initial: str = "",
    placeholder: str = "",
    multiline: bool = False,
    optional: bool = False,
    max_length: int = 3000,
) -> InputBlock:
    """A text input, labelled."""
    return labelled(
        name,
        label,
        PlainTextInputElement(
            action_id=name,
            initial_value=clean(initial, max_length) or None,
            placeholder=PlainTextObject(text=placeholder) if placeholder else None,
            multiline=multiline,
            max_length=max_length,
        ),
        hint=hint,
        optional=optional,
    )


def labelled(
    name: ids.Input, label: str, element: Any, *, hint: str = "", optional: bool = False, at_once: bool = False
) -> InputBlock:
    """An input; `at_once`: Slack sends every change, not only the submission."""
    return InputBlock(
        block_id=name,
        label=PlainTextObject(text=label),
        element=element,
        hint=PlainTextObject(text=clean(hint, 2000)) if hint else None,
        optional=optional,
        dispatch_action=at_once or None,
    )


def options_of(choices: Mapping[Any, str], about: Mapping[Any, str] = NONE) -> dict[Any, Option]:
    """Options by value, each with its text and what is said below it, cut where Slack takes no more."""
    return {
        value: Option(
            value=value,
            text=PlainTextObject(text=clean(text, OPTION_LIMIT)),
            description=PlainTextObject(text=about[value]) if value in about else None,
        )
        for value, text in choices.items()
    }


def radio(
    name: ids.Input, label: str, choices: Mapping[Any, str], chosen: str, *, hint: str = "", at_once: bool = False
) -> InputBlock:
    """Ask for one of a few; each value with its text."""
    options = options_of(choices)
    element = RadioButtonsElement(action_id=name, options=list(options.values()), initial_option=options.get(chosen))
    return labelled(name, label, element, hint=hint, at_once=at_once)


def menu(
    name: ids.Input,
    label: str,
    choices: Mapping[Any, str],
    chosen: str | None = None,
    *,
    hint: str = "",
    optional: bool = False,
    at_once: bool = False,
) -> InputBlock:
    """Ask for one of many; a menu without options is none that Slack would take."""
    options = options_of(choices)
    element = StaticSelectElement(action_id=name, options=list(options.values()), initial_option=options.get(chosen))
    return labelled(name, label, element, hint=hint, optional=optional, at_once=at_once)


def boxes(
    name: ids.Input,
    label: str,
    choices: Mapping[Any, str],
    ticked: Collection[str] = (),
    *,
    about: Mapping[Any, str] = NONE,
    hint: str = "",
    optional: bool = False,
    at_once: bool = False,
) -> InputBlock:
    """Ask for any of these, or for none; boxes without options are none that Slack would take."""
    options = options_of(choices, about)
    initial = [option for value, option in options.items() if value in ticked]
    element = CheckboxesElement(action_id=name, options=list(options.values()), initial_options=initial or None)
    return labelled(name, label, element, hint=hint, optional=optional, at_once=at_once)


def people(name: ids.Input, label: str, chosen: Sequence[str], *, hint: str = "") -> InputBlock:
    element = UserMultiSelectElement(action_id=name, initial_users=list(chosen) or None, max_selected_items=MOST_PEOPLE)
    return labelled(name, label, element, hint=hint, optional=True)


def form(
    callback: ids.Form,
    title: str,
    blocks: Sequence[Block],
    *,
    submit: str,
    ref: ids.Ref,
    notice: str = "",
) -> View:
    """A modal to fill in; `notice` (plain text) is what was wrong with the last try."""
    shown = [section(f":warning: {esc(notice)}"), *blocks] if notice else list(blocks)
    return View(
        type="modal",
        callback_id=callback,
        title=PlainTextObject(text=title[:TITLE_LIMIT]),
        submit=PlainTextObject(text=submit),
        close=PlainTextObject(text="Close"),
        private_metadata=str(ref),
        blocks=shown,
    )


def page(title: str, blocks: Sequence[Block]) -> View:
    """A modal to read."""
    return View(
        type="modal",
        title=PlainTextObject(text=title[:TITLE_LIMIT]),
        close=PlainTextObject(text="Close"),
        blocks=list(blocks),
    )


def home(blocks: Sequence[Block]) -> View:
    """The App Home, as one person has it."""
    return View(type="home", blocks=list(blocks))


def file_page(title: str, what: str, *, sent: bool, more: str = ".") -> View:
    """Say that the person has a file, in a direct message; or that Slack did not take it."""
    has = f":inbox_tray: You have {what}, in a direct message{more}"
    return page(title, [section(has if sent else ":warning: Slack did not take the file: try again in a minute.")])


def waiting_page(title: str, what: str) -> View:
    """What a modal shows while the answer takes longer than Slack waits."""
    return page(title, [section(f":hourglass_flowing_sand: {esc(what)}")])


def text_message(mrkdwn: str, text: str = "") -> Message:
    """A message of one paragraph."""
    return Message(text or mrkdwn, [section(mrkdwn)])


def error_message(error: BotError) -> Message:
    """An error that a person can act on, for that person alone."""
    return text_message(f":no_entry: {esc(error.text)}")
