"""`/mailer suppressions`: the list in numbers, one address of it, an import, and taking one off."""

from collections.abc import Mapping
from datetime import datetime

from slack_sdk.models.blocks import Block, DateTimePickerElement
from slack_sdk.models.views import View

from bot.people.suppression_csv import ImportCounts
from bot.suppression.account_list_sync import SOURCE as FROM_AWS
from bot.suppression.lookup import LookedUp
from bot.suppression.reasons import STAYS
from bot.suppression.suppression_list import RECIPIENT, AtAws
from bot.wording import count
from handlers.slack import ids
from handlers.slack.text import actor, esc, mention, when
from handlers.slack.views.audiences import list_file
from handlers.slack.views.blocks import button, buttons, context, field, form, labelled, page, section
from storage import Suppression, SuppressionReason, Team
from storage.audit import API_TOKEN

TITLE = "Suppressions"
IMPORT_TITLE = "Import suppressions"
LIFT_TITLE = "Lift a suppression"
HOW_LIMIT = 300

_COUNTED = {
    SuppressionReason.COMPLAINT: "complained",
    SuppressionReason.UNSUBSCRIBED: "unsubscribed",
    SuppressionReason.BOUNCE: "bounced for good",
    SuppressionReason.BY_HAND: "by hand",
    SuppressionReason.ERASED: "erased",
}
WHY = {
    SuppressionReason.ERASED: "is being erased",
    SuppressionReason.COMPLAINT: "complained that your mail is spam",
    SuppressionReason.UNSUBSCRIBED: "unsubscribed",
    SuppressionReason.BOUNCE: "bounced for good",
    SuppressionReason.BY_HAND: "was suppressed by hand",
}


def suppressions_form(team: Team, counts: Mapping[SuppressionReason, int], found: LookedUp | None = None) -> View:
    """`found` is the address that was looked up last."""
    ref = ids.Ref(team.id)
    numbers = [f"{counts[reason]:,} {word}" for reason, word in _COUNTED.items() if counts.get(reason)]
    total = count(sum(counts.values()), "address is", "addresses are")
    return form(
        ids.Form.LOOK_UP_SUPPRESSION,
        TITLE,
        [
            section(f"{total} never mailed from this channel" + (f": {', '.join(numbers)}." if numbers else ".")),
            *([_found_block(team, found)] if found else []),
            field(ids.Input.ADDRESS, "Address", initial=found.address if found else "", max_length=320),
            buttons(
                button(ids.Button.IMPORT_SUPPRESSIONS, "Import CSV", ref),
                button(ids.Button.GET_SUPPRESSIONS, "Get the list", ref),
            ),
        ],
        submit="Look up",
        ref=ref,
    )


def _found_block(team: Team, found: LookedUp) -> Block:
    address = esc(found.address, 320)
    if found.active is None:
        return section(f":white_check_mark: *{address}* may be mailed.{_lifted(found)}")
    row = found.active
    word = f" (“{esc(row.word, 100)}”)" if row.word else ""
    why = "was erased" if row.reason is SuppressionReason.ERASED and row.hashed else WHY[row.reason]
    text = f":no_entry: *{address}* {why}{word} {when(row.created_at)}{_source(found, row)}."
    if row.reason in STAYS:
        return section(f"{text} That stays.")
    return section(text, accessory=button(ids.Button.LIFT, "Lift", ids.Ref(team.id, row.id)))


def _source(found: LookedUp, row: Suppression) -> str:
    if found.subject:
        return f", from the broadcast “{esc(found.subject, 60)}”"
    if row.source == FROM_AWS:
        return ", as AWS's own list says"
    if row.source.startswith(API_TOKEN):
        return f", by API token {esc(found.token, 40)}" if found.token else f", by {actor(row.source)}"
    return f", by {mention(row.source)}" if row.source.startswith(("U", "W")) else ""


def _lifted(found: LookedUp) -> str:
    row = found.lifted
    if row is None:
        return ""
    by = "the reader" if row.lifted_by == RECIPIENT else actor(row.lifted_by)
    return f" It {WHY[row.reason]} {when(row.created_at)}; that was lifted {when(row.lifted_at)} by {by}."


def choose_import_form(ref: ids.Ref) -> View:
    return form(
        ids.Form.READ_SUPPRESSIONS,
        IMPORT_TITLE,
        [
            section(
                "A CSV or spreadsheet as another mailer exports it: `email`, and `reason` and `date` where it has them."
            ),
            list_file(
                "CSV",
                "Reasons are read by the word: unsubscribed, complaint, bounced and their like; any other is kept "
                "beside “by hand”. You see what it comes to before anything is done.",
            ),
        ],
        submit="Next",
        ref=ref,
    )


def import_form(ref: ids.Ref, counts: ImportCounts) -> View:
    """Say what the import comes to, and ask; `ref` names the file."""
    return form(
        ids.Form.IMPORT_SUPPRESSIONS,
        IMPORT_TITLE,
        [section(f"*{counts.new:,} new, {counts.known:,} known, {counts.invalid:,} invalid*"), *_notes(counts)],
        submit="Import",
        ref=ref,
    )


def nothing_to_import_page(counts: ImportCounts) -> View:
    return page(IMPORT_TITLE, [section(f"There is no address in this file: {counts.invalid:,} invalid.")])


def imported_page(counts: ImportCounts) -> View:
    done = f"{counts.new:,} new, {counts.known:,} known, {counts.invalid:,} invalid"
    return page(IMPORT_TITLE, [section(f":white_check_mark: Imported: {done}."), *_notes(counts)])


def _notes(counts: ImportCounts) -> list[Block]:
    notes = []
    if counts.known:
        notes.append("What is known stays as it is, unless the file has a stronger reason.")
    if counts.undated:
        notes.append(f"{count(counts.undated, 'date')} could not be read: these count from now on.")
    return [context(" ".join(notes))] if notes else []


def lift_form(ref: ids.Ref, row: Suppression, *, how: str = "", at: datetime | None = None, notice: str = "") -> View:
    picker = DateTimePickerElement(
        action_id=ids.Input.CONSENT_AT, initial_date_time=int(at.timestamp()) if at else None
    )
    return form(
        ids.Form.LIFT,
        LIFT_TITLE,
        [
            section(
                f"*{esc(row.address, 320)}* {WHY[row.reason]} {when(row.created_at)}. Lift it only where they asked "
                "for your mail again; what you write here is kept."
            ),
            field(
                ids.Input.CONSENT_HOW,
                "How they asked",
                initial=how,
                placeholder="By mail to support, ticket 4711",
                multiline=True,
                max_length=HOW_LIMIT,
            ),
            labelled(ids.Input.CONSENT_AT, "When they asked", picker, hint="Later than the unsubscribe."),
        ],
        submit="Lift",
        ref=ref,
        notice=notice,
    )


def lifted_page(address: str, at_aws: AtAws) -> View:
    said = {
        AtAws.LIFTED: "It was on AWS's own list too, and is lifted there.",
        AtAws.NOT_LISTED: "",
        AtAws.NOT_ALLOWED: "It may still be on AWS's own list, which keeps mail to it back: allow "
        "`ses:DeleteSuppressedDestination` and `ses:GetSuppressedDestination`, or take it off in the AWS console "
        "(SES, Suppression list).",
    }[at_aws]
    blocks: list[Block] = [section(f":white_check_mark: {esc(address, 320)} may be mailed again.")]
    return page(LIFT_TITLE, [*blocks, *([section(said)] if said else [])])
