"""Writing a test or a broadcast."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as field_of
from typing import Any

from slack_sdk.models.blocks import (
    Block,
    DateTimePickerElement,
    RichTextInputElement,
)
from slack_sdk.models.blocks.block_elements import FileInputElement
from slack_sdk.models.views import View

from bot.broadcast.audience.saved import NAME_LIMIT
from bot.broadcast.broadcasts import Draft
from bot.wording import count
from handlers.slack import ids
from handlers.slack.text import clean
from handlers.slack.views.audiences import list_file
from handlers.slack.views.blocks import (
    NONE,
    button,
    buttons,
    context,
    field,
    form,
    labelled,
    menu,
    page,
    radio,
    section,
    verbatim,
)
from handlers.slack.views.content import CONTENTS, ContentChoice, content_of, image_fields
from handlers.slack.views.rich_text import accepted
from handlers.slack.views.selection.fields import NOTHING_CHOSEN, SelectionChoices, selection_fields
from storage import Audience

TEST_TITLE = "Send a test"
BROADCAST_TITLE = "New broadcast"
SUBJECT_LIMIT = 300
_AUDIENCE_HINT = (
    "A CSV, .xlsx or .ods with a column of addresses; every other column can be used as {{column}} in the text. 10 MB "
    "at most; a larger file: post it here and use its menu, Use as audience."
)


def write_test_form(
    ref: ids.Ref, draft: Draft, *, to: str, hint: str, images: Mapping[str, str] = NONE, notice: str = ""
) -> View:
    """`images` as of `Recipients`."""
    return form(
        ids.Form.SEND_TEST,
        TEST_TITLE,
        [
            field(ids.Input.FROM, "From", initial=draft.from_address, hint=hint, max_length=320),
            field(
                ids.Input.TO,
                "To",
                initial=to,
                hint="Up to 50 addresses, with commas between. success@simulator.amazonses.com always works.",
                multiline=True,
            ),
            *_letter(draft),
            _message(draft.body),
            *image_fields(draft, images),
        ],
        submit="Send test",
        ref=ref,
        notice=notice,
    )


@dataclass(frozen=True, slots=True)
class Recipients:
    """What was chosen beside the text.

    `held` is an audience that is read already, `saved_id` is of a saved one, `send_at` seconds since the epoch.
    `written` is the message, which stays in the form when another content is chosen. `images` are files of Slack that
    are images, with their names: of the message that the form was opened from, or chosen below this form. `also`,
    `leaves_out` (of saved audiences) and `leaves_out_got` (of broadcasts) are ids; None: as the draft has it.
    """

    held: Audience | None = None
    written: Mapping[str, Any] | None = None
    saved_id: str = ""
    save_as: str = ""
    send_at: int | None = None
    images: Mapping[str, str] = field_of(default_factory=dict)
    also: Sequence[str] | None = None
    leaves_out: Sequence[str] | None = None
    leaves_out_got: Sequence[str] | None = None


def write_broadcast_form(
    ref: ids.Ref,
    draft: Draft,
    *,
    hint: str,
    saved: Sequence[Audience],
    chosen: Recipients = Recipients(),
    selection: SelectionChoices = NOTHING_CHOSEN,
    notice: str = "",
    edits: bool = False,
) -> View:
    """`edits`: it is a draft that is edited, which `ref` names."""
    return form(
        ids.Form.EDIT_BROADCAST if edits else ids.Form.NEW_BROADCAST,
        BROADCAST_TITLE,
        [
            _content(draft),
            field(ids.Input.FROM, "From", initial=draft.from_address, hint=hint, max_length=320),
            *_letter(draft),
            *_message_of(draft, chosen.written, ref),
            *image_fields(draft, chosen.images),
            _held(ref, chosen.held, edits=edits)
            if chosen.held
            else list_file("Audience CSV", _AUDIENCE_HINT, optional=True),
            field(
                ids.Input.SAVE_AS,
                "Save audience as",
                initial=chosen.save_as,
                hint="A name keeps it for the next time. A name that is taken goes over to the new upload.",
                optional=True,
                max_length=NAME_LIMIT,
            ),
            *([] if chosen.held else _saved_audiences(saved, chosen.saved_id)),
            *selection_fields(ref, selection),
            labelled(
                ids.Input.SEND_AT,
                "Send at",
                DateTimePickerElement(action_id=ids.Input.SEND_AT, initial_date_time=chosen.send_at),
                hint="Empty: now, after you have confirmed.",
                optional=True,
            ),
            context("*Next* saves it as a draft. If you close the form before, what you typed is lost."),
        ],
        submit="Next",
        ref=ref,
        notice=notice,
    )


def _held(ref: ids.Ref, audience: Audience, *, edits: bool) -> Block:
    label = "Choose another"
    another = (
        button(ids.Button.CHANGE_AUDIENCE, label, ref)
        if edits
        else button(ids.Button.CHOOSE_ANOTHER, label, replace(ref, record_id=""))
    )
    source = clean(audience.name or audience.file_name, 100)
    return verbatim(f"Audience: {audience.size:,} from {source} (kept)", accessory=another)


def _letter(draft: Draft) -> list[Block]:
    """What a mail says, beside From and To."""
    return [
        field(
            ids.Input.REPLY_TO,
            "Reply-to",
            initial=draft.reply_to,
            hint="Where answers go; empty: to From.",
            optional=True,
            max_length=320,
        ),
        field(ids.Input.SUBJECT, "Subject", initial=draft.subject, max_length=SUBJECT_LIMIT),
        field(
            ids.Input.PREHEADER,
            "Preheader",
            initial=draft.preheader,
            hint="The line that mail programs show after the subject.",
            optional=True,
            max_length=SUBJECT_LIMIT,
        ),
    ]


def _content(draft: Draft) -> Block:
    """Ask where the message comes from; the form is drawn again for each choice."""
    return radio(ids.Input.CONTENT, "Content", CONTENTS, content_of(draft.body), at_once=True)


def _message_of(draft: Draft, written: Mapping[str, Any] | None, ref: ids.Ref) -> list[Block]:
    match content_of(draft.body):
        case ContentChoice.WRITE:
            return _written(draft, ref)
        case ContentChoice.CANVAS:
            return [*_canvas(draft, ref), *_not_sent(written, "the canvas")]
        case ContentChoice.HTML:
            return [*_page(draft), *_not_sent(written, "the HTML file")]


def _canvas(draft: Draft, ref: ids.Ref) -> list[Block]:
    hint = "What the canvas says when you press Next is what is sent. It has to be shared in this channel."
    return [
        field(ids.Input.CANVAS, "Canvas link", initial=draft.body["canvas"], hint=hint, max_length=500),
        buttons(button(ids.Button.NEW_CANVAS, "New canvas", ref)),
    ]


def _not_sent(written: Mapping[str, Any] | None, what: str) -> list[Block]:
    """Keep what was written before another content was chosen."""
    if not written:
        return []
    element = RichTextInputElement(action_id=ids.Input.MESSAGE, initial_value=accepted(written) or None)
    return [labelled(ids.Input.MESSAGE, "Message", element, hint=f"Not sent: {what} is.", optional=True)]


def _written(draft: Draft, ref: ids.Ref) -> list[Block]:
    return [_message(draft.body), buttons(button(ids.Button.SEND_TEST, "Send a test", ref))]


def _message(body: Mapping[str, Any]) -> Block:
    return labelled(
        ids.Input.MESSAGE,
        "Message",
        RichTextInputElement(action_id=ids.Input.MESSAGE, initial_value=accepted(body) or None),
        hint="{{first_name}} is filled from a column of the CSV; {{first_name|there}} has a fallback.",
    )


def _page(draft: Draft) -> list[Block]:
    """Ask for an HTML file, unless the draft has one."""
    kept = draft.body.get("html")
    blocks: list[Block] = []
    if kept:
        name = clean(draft.body.get("name") or "a page from a program", 100)
        blocks.append(verbatim(f"HTML file: {name} (kept). A file below takes its place."))
    blocks.append(
        labelled(
            ids.Input.HTML,
            "HTML file",
            FileInputElement(action_id=ids.Input.HTML, filetypes=["html", "htm"], max_files=1),
            hint="2 MB at most. {{first_name}} is filled here too; {{unsubscribe}} is the recipient's own link. "
            "What mail programs refuse is left out, and named in the next step.",
            optional=bool(kept),
        )
    )
    return blocks


def _saved_audiences(saved: Sequence[Audience], chosen: str) -> list[Block]:
    """Offer them; a menu without options is none that Slack would take."""
    options = {audience.id: f"{clean(audience.name, NAME_LIMIT)} ({audience.size:,})" for audience in saved}
    if not options:
        return []
    hint = "Instead of a CSV; /broadcast audiences removes one."
    return [menu(ids.Input.SAVED_AUDIENCE, "Saved audience", options, chosen, hint=hint, optional=True)]


def test_sent_page(addresses: int) -> View:
    return page(
        TEST_TITLE,
        [section(f":white_check_mark: The test is on its way to {count(addresses, 'address', 'addresses')}.")],
    )
