"""Writing a test or a broadcast, and the confirmation before anything goes out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from slack_sdk.models.blocks import (
    Block,
    CheckboxesElement,
    DateTimePickerElement,
    Option,
    PlainTextObject,
    RadioButtonsElement,
    RichTextInputElement,
    StaticSelectElement,
)
from slack_sdk.models.blocks.block_elements import FileInputElement
from slack_sdk.models.views import View

from bot.broadcast.audience.header_detection import Candidate
from bot.broadcast.audience.saved import NAME_LIMIT
from bot.broadcast.broadcasts import Draft, Prepared
from bot.broadcast.content.html_body import is_html
from bot.errors import BotError
from bot.mailer.readiness.explanations import warnings
from bot.wording import count, duration
from handlers.slack import ids
from handlers.slack.text import chosen, clean, esc
from handlers.slack.views.blocks import (
    Message,
    button,
    buttons,
    context,
    field,
    form,
    labelled,
    page,
    section,
    verbatim,
)
from handlers.slack.views.confirmations import cost, ticks
from handlers.slack.views.rich_text import accepted
from storage.models import Audience, Broadcast
from storage.states import BroadcastState

TEST_TITLE = "Send a test"
BROADCAST_TITLE = "New broadcast"
CHECK_TITLE = "Check and send"
AUDIENCE_TITLE = "Use as audience"
SUBJECT_LIMIT = 300
REJECTED_SHOWN = 15
SAMPLE_SHOWN = 600
OPTION_VALUE = 150  # characters, which is Slack's limit


class ContentChoice(StrEnum):
    """Where a message comes from."""

    WRITE = "write"
    HTML = "html"


CONTENTS = {ContentChoice.WRITE: "Write here", ContentChoice.HTML: "HTML file"}
LEAVE_OUT = "Leave out rows marked unsubscribed or cleaned"


def write_test_form(ref: ids.Ref, draft: Draft, *, to: str, hint: str, notice: str = "") -> View:
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
        ],
        submit="Send test",
        ref=ref,
        notice=notice,
    )


@dataclass(frozen=True, slots=True)
class Recipients:
    """What was chosen beside the text.

    `held` is an audience that is read already, `saved_id` is of a saved one, `send_at` seconds since the epoch.
    `written` is the message, which stays in the form when another content is chosen.
    """

    held: Audience | None = None
    written: Mapping[str, Any] | None = None
    saved_id: str = ""
    save_as: str = ""
    send_at: int | None = None


def write_broadcast_form(
    ref: ids.Ref,
    draft: Draft,
    *,
    hint: str,
    saved: Sequence[Audience],
    chosen: Recipients = Recipients(),
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
            *(_page(draft, chosen.written) if is_html(draft.body) else _written(draft, ref)),
            _held(ref, chosen.held, edits=edits) if chosen.held else _upload(),
            field(
                ids.Input.SAVE_AS,
                "Save audience as",
                initial=chosen.save_as,
                hint="A name keeps it for the next time. A name that is taken goes over to the new upload.",
                optional=True,
                max_length=NAME_LIMIT,
            ),
            *([] if chosen.held else _saved_audiences(saved, chosen.saved_id)),
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


def _upload() -> Block:
    return labelled(
        ids.Input.AUDIENCE,
        "Audience CSV",
        FileInputElement(action_id=ids.Input.AUDIENCE, filetypes=["csv", "txt", "tsv", "gz"], max_files=1),
        hint="A CSV with a column of addresses; every other column can be used as {{column}} in the text. 10 MB at "
        "most; a larger file: post it here and use its menu, Use as audience.",
        optional=True,
    )


def _held(ref: ids.Ref, audience: Audience, *, edits: bool) -> Block:
    label = "Choose another"
    another = (
        button(ids.Button.CHANGE_AUDIENCE, label, ref)
        if edits
        else button(ids.Button.CHOOSE_ANOTHER, label, ids.Ref(ref.team_id))
    )
    source = clean(audience.name or audience.file_name, 100)
    return verbatim(f"Audience: {audience.size:,} from {source} (kept)", accessory=another)


def choose_file_form(ref: ids.Ref, names: Mapping[str, str], *, notice: str = "") -> View:
    """Ask which file of a message is meant; `names` are by Slack's id."""
    options = [Option(value=key, text=PlainTextObject(text=clean(name, 75))) for key, name in names.items()]
    element = StaticSelectElement(action_id=ids.Input.FILE, options=options, initial_option=options[0])
    blocks = [labelled(ids.Input.FILE, "File", element)]
    return form(ids.Form.CHOOSE_FILE, AUDIENCE_TITLE, blocks, submit="Next", ref=ref, notice=notice)


def audience_is_read(ref: ids.Ref, audience: Audience) -> Message:
    """For somebody who closed the waiting view while the file was read."""
    what = f"{esc(audience.file_name, 100)} is read: {count(audience.size, 'address', 'addresses')}."
    write = button(ids.Button.WRITE_TO_AUDIENCE, "New broadcast", ref, style="primary")
    return Message(what, [section(what), buttons(write)])


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
    options = {choice: Option(value=choice, text=PlainTextObject(text=label)) for choice, label in CONTENTS.items()}
    chosen = ContentChoice.HTML if is_html(draft.body) else ContentChoice.WRITE
    element = RadioButtonsElement(
        action_id=ids.Input.CONTENT, options=list(options.values()), initial_option=options[chosen]
    )
    return labelled(ids.Input.CONTENT, "Content", element, at_once=True)


def _written(draft: Draft, ref: ids.Ref) -> list[Block]:
    return [_message(draft.body), buttons(button(ids.Button.SEND_TEST, "Send a test", ref))]


def _message(body: Mapping[str, Any]) -> Block:
    return labelled(
        ids.Input.MESSAGE,
        "Message",
        RichTextInputElement(action_id=ids.Input.MESSAGE, initial_value=accepted(body) or None),
        hint="{{first_name}} is filled from a column of the CSV; {{first_name|there}} has a fallback.",
    )


def _page(draft: Draft, written: Mapping[str, Any] | None) -> list[Block]:
    """Ask for an HTML file, unless the draft has one; what was written before stays, and is not sent."""
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
    if written:
        element = RichTextInputElement(action_id=ids.Input.MESSAGE, initial_value=accepted(written) or None)
        hint = "Not sent: the HTML file is."
        blocks.append(labelled(ids.Input.MESSAGE, "Message", element, hint=hint, optional=True))
    return blocks


def _saved_audiences(saved: Sequence[Audience], chosen: str) -> list[Block]:
    """Offer them; a menu without options is none that Slack would take."""
    options = {
        audience.id: Option(
            value=audience.id, text=PlainTextObject(text=f"{clean(audience.name, NAME_LIMIT)} ({audience.size:,})")
        )
        for audience in saved
    }
    if not options:
        return []
    element = StaticSelectElement(
        action_id=ids.Input.SAVED_AUDIENCE, options=list(options.values()), initial_option=options.get(chosen)
    )
    hint = "Instead of a CSV; /broadcast audiences removes one."
    return [labelled(ids.Input.SAVED_AUDIENCE, "Saved audience", element, hint=hint, optional=True)]


def confirmation(prepared: Prepared, ref: ids.Ref, *, one_click: bool, list_sent: bool = False) -> View:
    """Show the numbers, what was rejected, how it reads, and what it does to the quota; nothing has gone out yet.

    `list_sent`: the person has the whole list of what was rejected in a direct message.
    """
    broadcast = prepared.broadcast
    blocks: list[Block] = [
        verbatim(
            f"{count(broadcast.size - prepared.suppressed, 'recipient')} will get “{broadcast.subject}” "
            f"from {broadcast.from_address}."
        ),
        verbatim(_counts(prepared)),
        *_choices(prepared),
        *_rejected(prepared, list_sent=list_sent),
        *(section(f":warning: {esc(notice.sentence)}") for notice in warnings(prepared.readiness)),
        *(verbatim(f"⚠️ {remark.sentence}") for remark in prepared.remarks),
        *([section(timing)] if (timing := _timing(prepared)) else []),
        *cost(prepared),
        *_samples(prepared),
        buttons(
            button(ids.Button.BACK, "Back", ref),
            button(ids.Button.MAIL_ME_ONE, "Mail me one", ref),
            button(ids.Button.SEE_IT, "See it", ref),
        ),
        *ticks(prepared.readiness, ref),
    ]
    if not one_click:
        blocks.append(
            context(
                ":warning: This Mailroom has no public address, so “unsubscribe” writes to your reply address. "
                "Nobody sees those here: record each with `/mailer suppress`."
            )
        )
    scheduled = broadcast.start_at is not None
    return form(
        ids.Form.CONFIRM_BROADCAST, CHECK_TITLE, blocks, submit="Schedule" if scheduled else "Send now", ref=ref
    )


def not_read_again(broadcast: Broadcast, error: BotError) -> View:
    """Say why a file was not read in another way; a page of its own, since Slack keeps what was chosen in the form."""
    blocks: list[Block] = [section(f":warning: {esc(error.text)}")]
    if broadcast.state is BroadcastState.DRAFT:
        ref = ids.Ref(broadcast.team_id, broadcast.id, broadcast.version)
        blocks.append(section("The audience is as it was read before."))
        blocks.append(buttons(button(ids.Button.CHECK_DRAFT, CHECK_TITLE, ref, style="primary")))
    return page(CHECK_TITLE, blocks)


def confirmed(seconds: float, *, scheduled: bool) -> View:
    first = (
        "It is scheduled." if scheduled else f"It starts in {duration(seconds)}; *Undo* is in the channel until then."
    )
    return page("On its way", [section(f":white_check_mark: {first} The channel shows how it goes.")])


def test_sent(addresses: int) -> View:
    return page(
        TEST_TITLE,
        [section(f":white_check_mark: The test is on its way to {count(addresses, 'address', 'addresses')}.")],
    )


def _counts(prepared: Prepared) -> str:
    audience = prepared.audience
    where = f"in the saved audience “{audience.name}”" if audience.name else "in the file"
    lines = [f"• {count(audience.size, 'address', 'addresses')} {where}"]
    if audience.duplicates:
        lines.append(f"• {count(audience.duplicates, 'duplicate')} left out")
    if audience.invalid:
        lines.append(f"• {count(audience.invalid, 'invalid row')} left out")
    marked = prepared.summary.marked
    if marked.rows and not marked.kept:
        lines.append(f"• {count(marked.rows, 'marked row')} left out")
    if prepared.summary.columns_left_out:
        lines.append(f"• {count(prepared.summary.columns_left_out, 'column')} left out")
    if prepared.suppressed:
        lines.append(f"• {count(prepared.suppressed, 'suppressed address', 'suppressed addresses')} left out")
    return "\n".join(lines)


def _choices(prepared: Prepared) -> list[Block]:
    """Offer to read the file in another way, where there is one."""
    summary, blocks = prepared.summary, list[Block]()
    if summary.header:
        blocks.append(verbatim(summary.header))
    if not prepared.audience.file_id:
        return blocks
    options = {each.choice: _column(each) for each in summary.candidates if len(each.choice) <= OPTION_VALUE}
    if options:
        menu = StaticSelectElement(
            action_id=ids.Input.ADDRESS_COLUMN,
            options=list(options.values()),
            initial_option=options.get(summary.choice),
        )
        hint = "Another choice reads the file again."
        blocks.append(labelled(ids.Input.ADDRESS_COLUMN, "Address column", menu, hint=hint, at_once=True))
    if summary.marked.rows:
        tick = Option(value="yes", text=PlainTextObject(text=LEAVE_OUT))
        ticked = None if summary.marked.kept else [tick]
        boxes = CheckboxesElement(action_id=ids.Input.LEAVE_OUT, options=[tick], initial_options=ticked)
        blocks.append(labelled(ids.Input.LEAVE_OUT, "Marked rows", boxes, optional=True, at_once=True))
    return blocks


def _column(candidate: Candidate) -> Option:
    example = f" ({candidate.example})" if candidate.example else ""
    return Option(value=candidate.choice, text=PlainTextObject(text=clean(f"{candidate.title}{example}", 75)))


def _rejected(prepared: Prepared, *, list_sent: bool) -> list[Block]:
    audience, marked = prepared.audience, prepared.summary.marked
    shown = audience.rejected[:REJECTED_SHOWN]
    if not shown:
        return []
    lines = [_rejected_row(**row) for row in shown]
    left_out = audience.invalid + audience.duplicates + (0 if marked.kept else marked.rows)
    if more := left_out - len(shown):
        lines.append(
            f"and {count(more, 'more row')}" + (": you have them all in a direct message" if list_sent else "")
        )
    return [section("*Left out*"), verbatim("\n".join(lines))]


def _rejected_row(line: int, value: str, why: str) -> str:
    quoted = f"“{clean(value, 60)}” " if value else ""
    return f"line {line}: {quoted}{clean(why, 100)}"


def _timing(prepared: Prepared) -> str:
    start = prepared.broadcast.start_at
    begins = f"Starts {chosen(start)}. " if start else ""
    answer = prepared.readiness
    if answer.confirmations:  # which says how long
        return begins.rstrip()
    if answer.duration is None:
        return f"{begins}How long it takes cannot be told."
    left = answer.facts.quota_left if answer.facts else None
    quota = ""
    if left is not None and left >= answer.size:
        quota = f" It leaves {left - answer.size:,} of the daily quota; left now: {left:,}."
    return f"{begins}It takes about {duration(answer.duration.total_seconds())}.{quota}"


def draft_waits(prepared: Prepared, ref: ids.Ref) -> Message:
    """For somebody who closed the form while the audience was read."""
    what = f"The audience of “{esc(prepared.broadcast.subject, 200)}” is read. Nothing is sent before you confirm."
    return Message(what, [section(what), buttons(button(ids.Button.CHECK_DRAFT, CHECK_TITLE, ref, style="primary"))])


def _samples(prepared: Prepared) -> list[Block]:
    """Show how it reads, in exactly the characters that the mail has."""
    return [
        block
        for sample in prepared.samples
        for block in (
            section(f"*To {esc(sample.address)}*"),
            verbatim(f"{clean(sample.subject, 200)}\n\n{clean(sample.text.rstrip(), SAMPLE_SHOWN)}"),
        )
    ]
