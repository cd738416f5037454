"""Audiences: those that are saved, and one that is read from a file of a message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from slack_sdk.models.blocks import Block
from slack_sdk.models.blocks.block_elements import FileInputElement
from slack_sdk.models.views import View

from bot.broadcast.audience.revisions.comparison import Counts
from bot.broadcast.audience.revisions.proposals import How
from bot.broadcast.audience.revisions.revisions import can_undo
from bot.broadcast.audience.saved import NAME_LIMIT
from bot.wording import count
from handlers.slack import ids
from handlers.slack.text import actor, esc, when
from handlers.slack.views.blocks import (
    Message,
    button,
    buttons,
    confirm,
    context,
    form,
    labelled,
    menu,
    page,
    section,
    verbatim,
)
from storage import Audience

TITLE = "Saved audiences"
FILE_TITLE = "Use as audience"
BLOCKS_LIMIT = 100  # of a modal (https://docs.slack.dev/reference/views)
FILE_TYPES = ["csv", "txt", "tsv", "gz", "xlsx", "ods"]

_CHANGES = {
    How.ADD: (
        ids.Form.ADD_PEOPLE,
        "Add people",
        "Who is in it already gets the values of the file; what the file does not have stays.",
    ),
    How.TAKE_OUT: (ids.Form.TAKE_OUT, "Take out", "Whoever is in the file is taken out; only the address counts."),
    How.REPLACE: (ids.Form.REPLACE_AUDIENCE, "Replace", "The file takes the place of all who are in it."),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file was read, and the first rows that were left out of it; in plain text."""

    said: Sequence[str] = ()
    rejected: Sequence[str] = ()


def list_file(label: str, hint: str, *, optional: bool = False) -> Block:
    """Ask for a file with a list of people, a spreadsheet or a text."""
    element = FileInputElement(action_id=ids.Input.AUDIENCE, filetypes=FILE_TYPES, max_files=1)
    return labelled(ids.Input.AUDIENCE, label, element, hint=hint, optional=optional)


def saved_audiences_page(team_id: str, saved: Sequence[Audience], now: datetime, *, notice: str = "") -> View:
    """`notice` (mrkdwn) is what was just done. Of 50 audiences the blocks are as many as a modal may have."""
    blocks = [block for audience in saved for block in _entry(team_id, audience, now)]
    said = [section(notice)] if notice else []
    how = [context("`/broadcast` offers them, and saves an upload where it is given a name.")]
    if not saved:
        return page(TITLE, [*said, section("Nothing is saved yet."), *how])
    return page(TITLE, [*said, *blocks, *how][:BLOCKS_LIMIT])


def change_audience_form(how: How, ref: ids.Ref, audience: Audience, *, notice: str = "") -> View:
    """Ask for the file with whom to add, take out, or have instead."""
    callback, title, what = _CHANGES[how]
    blocks = [
        section(f"*{esc(audience.name, NAME_LIMIT)}*: {count(audience.size, 'address', 'addresses')}. {what}"),
        list_file("File", "A CSV, .xlsx or .ods, 10 MB at most. You see what it comes to before anything is kept."),
    ]
    return form(callback, title, blocks, submit="Next", ref=ref, notice=notice)


def keep_changes_form(ref: ids.Ref, name: str, counts: Counts, read: Reading | None = None) -> View:
    """Say what the changes come to, and ask; `ref` names the proposal."""
    said = read.said if read else []
    blocks: list[Block] = [section(f"*{esc(name, NAME_LIMIT)}*\n{in_numbers(counts)}"), *map(verbatim, said)]
    if read and read.rejected:
        blocks += [section("*Left out*"), verbatim("\n".join(read.rejected))]
    blocks.append(context("Broadcasts that were confirmed keep their recipients. *Undo* takes it back for a day."))
    return form(ids.Form.KEEP_CHANGES, "Keep these changes?", blocks, submit="Keep", ref=ref)


def nothing_changes_page(name: str, read: Reading) -> View:
    blocks = [section(f"*{esc(name, NAME_LIMIT)}* stays as it is: the file changes nothing in it.")]
    return page(TITLE, [*blocks, *map(verbatim, [*read.said, *read.rejected])])


def changes_read_message(ref: ids.Ref, name: str, counts: Counts) -> Message:
    """For a person who closed the waiting view while the file was read."""
    what = (
        f"The changes to *{esc(name, NAME_LIMIT)}* are read: {in_numbers(counts)}. Nothing is kept before you say so."
    )
    return Message(what, [section(what), buttons(button(ids.Button.SHOW_CHANGES, "Show them", ref, style="primary"))])


def in_numbers(counts: Counts) -> str:
    return f"+{counts.added:,} new, {counts.changed:,} changed, {counts.removed:,} gone"


def choose_file_form(ref: ids.Ref, names: Mapping[str, str]) -> View:
    """Ask which file of a message is meant; `names` are by Slack's id."""
    blocks = [menu(ids.Input.FILE, "File", names, next(iter(names)))]
    return form(ids.Form.CHOOSE_FILE, FILE_TITLE, blocks, submit="Next", ref=ref)


def audience_read_message(ref: ids.Ref, audience: Audience) -> Message:
    """For a person who closed the waiting view while the file was read."""
    what = f"{esc(audience.file_name, 100)} is read: {count(audience.size, 'address', 'addresses')}."
    write = button(ids.Button.WRITE_TO_AUDIENCE, "New broadcast", ref, style="primary")
    return Message(what, [section(what), buttons(write)])


def _entry(team_id: str, audience: Audience, now: datetime) -> list[Block]:
    ref, name = ids.Ref(team_id, audience.id), audience.name
    size, fields = count(audience.size, "address", "addresses"), ", ".join(audience.columns)
    updated = when(audience.named_at or audience.created_at)
    undo = button(
        ids.Button.UNDO_AUDIENCE,
        "Undo",
        ref,
        confirm=confirm("Take back the last change?", f"“{name}” is again as it was before.", "Undo"),
    )
    asked = "Broadcasts that were confirmed with it keep their recipients."
    remove = confirm(f"Remove “{name}”?", asked, "Remove")
    return [
        section(
            f"*{esc(name, NAME_LIMIT)}*\n{size}, updated {updated} by {actor(audience.created_by)}\n"
            f"Columns: {esc(fields, 300)}"
        ),
        buttons(
            button(ids.Button.ADD_PEOPLE, "Add people", ref),
            button(ids.Button.TAKE_OUT, "Take out", ref),
            button(ids.Button.REPLACE_AUDIENCE, "Replace", ref),
            button(ids.Button.GET_AUDIENCE, "Get the list", ref),
            *([undo] if can_undo(audience, now) else []),
            button(ids.Button.REMOVE_AUDIENCE, "Remove", ref, style="danger", confirm=remove),
        ),
    ]
