"""Audiences: those that are saved, and one that is read from a file of a message."""

from collections.abc import Mapping, Sequence

from slack_sdk.models.blocks import Block, Option, PlainTextObject, StaticSelectElement
from slack_sdk.models.blocks.block_elements import FileInputElement
from slack_sdk.models.views import View

from bot.broadcast.audience.saved import NAME_LIMIT
from bot.wording import count
from handlers.slack import ids
from handlers.slack.text import clean, esc, mention, when
from handlers.slack.views.blocks import Message, button, buttons, confirm, context, form, labelled, page, section
from storage.models import Audience

TITLE = "Saved audiences"
FILE_TITLE = "Use as audience"
FILE_TYPES = ["csv", "txt", "tsv", "gz", "xlsx", "ods"]


def list_file(label: str, hint: str, *, optional: bool = False) -> Block:
    """Ask for a file with a list of people, a spreadsheet or a text."""
    element = FileInputElement(action_id=ids.Input.AUDIENCE, filetypes=FILE_TYPES, max_files=1)
    return labelled(ids.Input.AUDIENCE, label, element, hint=hint, optional=optional)


def saved_audiences_page(team_id: str, saved: Sequence[Audience]) -> View:
    how = (
        "`/broadcast` offers them, and saves an upload where it is given a name; a name that is taken goes over to it."
    )
    if not saved:
        return page(TITLE, [section("Nothing is saved yet."), context(how)])
    return page(TITLE, [*(_entry(team_id, audience) for audience in saved), context(how)])


def choose_file_form(ref: ids.Ref, names: Mapping[str, str]) -> View:
    """Ask which file of a message is meant; `names` are by Slack's id."""
    options = [Option(value=key, text=PlainTextObject(text=clean(name, 75))) for key, name in names.items()]
    element = StaticSelectElement(action_id=ids.Input.FILE, options=options, initial_option=options[0])
    blocks = [labelled(ids.Input.FILE, "File", element)]
    return form(ids.Form.CHOOSE_FILE, FILE_TITLE, blocks, submit="Next", ref=ref)


def audience_read_message(ref: ids.Ref, audience: Audience) -> Message:
    """For a person who closed the waiting view while the file was read."""
    what = f"{esc(audience.file_name, 100)} is read: {count(audience.size, 'address', 'addresses')}."
    write = button(ids.Button.WRITE_TO_AUDIENCE, "New broadcast", ref, style="primary")
    return Message(what, [section(what), buttons(write)])


def _entry(team_id: str, audience: Audience) -> Block:
    size, fields = count(audience.size, "address", "addresses"), ", ".join(audience.columns)
    asked = "Broadcasts that were confirmed with it keep their recipients."
    return section(
        f"*{esc(audience.name, NAME_LIMIT)}*\n{size}, saved by {mention(audience.created_by)} on "
        f"{when(audience.created_at)}\nFields: {esc(fields, 300)}",
        accessory=button(
            ids.Button.REMOVE_AUDIENCE,
            "Remove",
            ids.Ref(team_id, audience.id),
            style="danger",
            confirm=confirm(f"Remove “{audience.name}”?", asked, "Remove"),
        ),
    )
