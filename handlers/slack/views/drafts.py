"""The drafts of a person, and what is said about one."""

from collections.abc import Mapping, Sequence

from slack_sdk.models.blocks import Block, ButtonElement
from slack_sdk.models.views import View

from bot.broadcast.drafts import LIVES, Change, Copied
from bot.errors import BotError
from bot.wording import count
from handlers.slack import ids
from handlers.slack.text import actor, clean, esc, when
from handlers.slack.views.blocks import (
    Message,
    button,
    buttons,
    confirm,
    context,
    header,
    page,
    section,
    text_message,
    verbatim,
)
from handlers.slack.views.confirmations import CHECK_TITLE
from storage import Audience, Broadcast

SHOWN = 20  # drafts in a list
_NAMES = {
    "from_address": "From",
    "reply_to": "Reply-to",
    "subject": "the subject",
    "preheader": "the preheader",
    "body": "the message",
    "images": "the images",
    "audience_id": "the audience",
    "selection": "who gets it",
    "start_at": "the time",
}
_SHORT = ("from_address", "reply_to", "subject", "preheader")


def draft_buttons(ref: ids.Ref) -> list[ButtonElement]:
    sure = confirm("Discard this draft?", "What was written and its audience go with it.", "Discard")
    return [
        button(ids.Button.EDIT, "Edit", ref),
        button(ids.Button.CHECK_DRAFT, CHECK_TITLE, ref, style="primary"),
        button(ids.Button.DISCARD, "Discard", ref, style="danger", confirm=sure),
    ]


def drafts_message(found: Sequence[tuple[Broadcast, Audience | None]], total: int, names: Mapping[str, str]) -> Message:
    """List drafts; `names` are of the API tokens that made or changed some."""
    if not found:
        return text_message(":memo: You have no drafts: `/broadcast` begins one.")
    blocks: list[Block] = [header("Drafts")]
    for draft, audience in found:
        ref = ids.Ref(draft.team_id, draft.id, draft.version)
        by = actor(draft.edited_by or draft.created_by, names)
        changed = f"{when(draft.edited_at or draft.created_at)} · by {by}"
        blocks += [
            section(
                f"*{esc(draft.subject, 200)}*\n{esc(audience_in_words(draft, audience), 200)}\nLast change {changed}"
            ),
            buttons(*draft_buttons(ref)),
        ]
    more = f" The {total - len(found):,} changed longest ago are not shown." if total > len(found) else ""
    blocks.append(context(f"A draft is kept for {LIVES.days} days from its last change.{more}"))
    return Message("Drafts", blocks)


def drafts_hint(number: int) -> Block:
    return context(f"You have {count(number, 'draft')}: `/broadcast drafts`.")


def audience_in_words(draft: Broadcast, audience: Audience | None) -> str:
    if audience is None:
        return "No audience yet"
    source = f"the saved audience “{audience.name}”" if audience.name else audience.file_name or "an upload"
    if draft.source_id:
        return f"{draft.size:,}, selected from {source} ({audience.size:,})"
    return f"{audience.size:,} from {source}"


def draft_saved_page(draft: Broadcast) -> View:
    """Say what a draft lacks."""
    ref = ids.Ref(draft.team_id, draft.id, draft.version)
    blocks: list[Block] = [
        section(":memo: *Saved as a draft.* It has no audience yet: choose a CSV, or a saved audience."),
        buttons(button(ids.Button.BACK, "Back", ref)),
        context("It waits in `/broadcast drafts` too."),
    ]
    return page(CHECK_TITLE, blocks)


def nobody_selected_page(draft: Broadcast, error: BotError) -> View:
    """Say why what was selected from an audience is nobody, or cannot be; the draft stays as it is."""
    ref = ids.Ref(draft.team_id, draft.id, draft.version)
    blocks: list[Block] = [section(f":warning: {esc(error.text)}"), buttons(button(ids.Button.BACK, "Back", ref))]
    return page(CHECK_TITLE, blocks)


def changed_meanwhile_blocks(draft: Broadcast, changes: Sequence[Change], ref: ids.Ref) -> list[Block]:
    """Say who changed what in a draft since a form was opened, above what was typed in that form."""
    by = dict.fromkeys(actor(change.by) for change in changes)
    names = dict.fromkeys(name for change in changes for name in change.changed)
    listed = names_of(changes)
    theirs = [f"{_NAMES[name]}: “{clean(getattr(draft, name), 200)}”" for name in names if name in _SHORT]
    return [
        section(
            f":warning: {' and '.join(by) or 'Somebody'} changed {listed} since you opened this form. What you typed "
            "is still here: *Next* saves it in the place of theirs."
        ),
        *([verbatim("\n".join(["Theirs", *theirs]))] if theirs else []),
        buttons(button(ids.Button.TAKE_THEIRS, "Take theirs", ref)),
    ]


def names_of(changes: Sequence[Change]) -> str:
    names = dict.fromkeys(name for change in changes for name in change.changed)
    return ", ".join(_NAMES[name] for name in names) or "how it is sent"


def discarded_message(draft: Broadcast) -> Message:
    return text_message(f":wastebasket: The draft “{esc(draft.subject, 200)}” was discarded.", text="Discarded")


def used_again_notice(copied: Copied) -> str:
    """Say how many an audience had then, and has now."""
    now = copied.draft.size
    return f"The saved audience is as it is now: {copied.was:,} then, {now:,} now." if copied.was is not None else ""


def ends_soon_message(draft: Broadcast) -> Message:
    """Tell the author a day before."""
    ref = ids.Ref(draft.team_id, draft.id, draft.version)
    end = (draft.edited_at or draft.created_at) + LIVES
    what = f"The draft “{esc(draft.subject, 200)}” goes {when(end)}: nobody has changed it for {LIVES.days - 1} days."
    return Message(what, [section(f":hourglass: {what}"), buttons(*draft_buttons(ref))])
