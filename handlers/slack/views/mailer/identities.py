"""Identities: the form, the DNS records in a form one can copy, and what *Check now* found."""

from collections.abc import Iterable, Sequence

from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement
from slack_sdk.models.views import View

from bot.mailer.aws_states import awaited_until
from bot.mailer.identities.dns_records import Found, RecordCheck
from bot.mailer.identities.feedback_forwarding import needs_consent
from bot.mailer.identities.recovery_state import Intent
from bot.mailer.identity_records import DMARC, Record
from handlers.slack import ids
from handlers.slack.text import code, code_block, esc, mention, when
from handlers.slack.views.blocks import Message, button, buttons, context, field, form, page, section
from storage import Identity, IdentityKind, IdentityState, Mailer

DETAILED_SHOWN = 5  # with buttons of their own, in one message
ADD_TITLE = "Add identity"

_MARKS = {
    IdentityState.PENDING: ":hourglass_flowing_sand:",
    IdentityState.VERIFIED: ":white_check_mark:",
    IdentityState.FAILED: ":x:",
    IdentityState.TEMPORARY_FAILURE: ":warning:",
    IdentityState.GONE: ":x:",
}
UNDER_WAY = {
    Intent.RETRY: "is being verified again at AWS",
    Intent.REPLACE: "is being replaced by another one",
}
_FOUND = {
    Found.RIGHT: ":white_check_mark: right",
    Found.MISSING: ":x: missing",
    Found.WRONG: ":x: wrong",
    Found.UNKNOWN: ":grey_question: the name servers did not answer",
}


def add_form(ref: ids.Ref, *, typed: str = "", notice: str = "") -> View:
    return form(
        ids.Form.ADD_IDENTITY,
        ADD_TITLE,
        [
            field(
                ids.Input.IDENTITY,
                "Email address or domain",
                initial=typed,
                placeholder="example.com or hello@example.com",
                hint="A domain covers every address under it and needs DNS records. An address takes a minute: "
                "AWS mails it a link to click.",
                max_length=320,
            )
        ],
        submit="Add identity",
        ref=ref,
        notice=notice,
    )


def identity_line(row: Identity) -> str:
    """One line about an identity: mark, name, state in words."""
    mark = ":hourglass_flowing_sand:" if row.intent else _MARKS[row.state]
    return f"{mark} *{esc(row.name)}* {state_label(row)}"


def state_label(row: Identity) -> str:
    if row.intent:
        return UNDER_WAY[Intent(row.intent)]
    match row.state:
        case IdentityState.VERIFIED:
            return "is verified"
        case IdentityState.TEMPORARY_FAILURE:
            how = "still sends, but" if row.sends else "cannot send now:"
            return f"{how} AWS no longer finds its DNS records"
        case IdentityState.FAILED:
            why = f" ({esc(row.error_type)})" if row.error_type else ""
            return f"failed verification{why}"
        case IdentityState.GONE:
            return "is no longer at AWS"
    since = row.pending_since or row.state_since
    until = awaited_until(row.kind, since)
    return f"is waiting for verification since {when(since)}; AWS keeps looking until {when(until)}"


def identity_message(row: Identity, records: Sequence[Record]) -> Message:
    """The live message about an identity: what to do while it waits, and how it went."""
    if row.state is not IdentityState.PENDING:
        return Message(f"{row.name}: {row.state}", [section(identity_line(row)), *_origin(row)])
    if row.kind is IdentityKind.ADDRESS:
        todo: list[Block] = [
            section(
                f":email: *One click left for {esc(row.name)}.* AWS has sent it a mail with the subject "
                "“Amazon Web Services – Email Address Verification Request”. Open the link in it."
            )
        ]
    else:
        todo = [
            section(
                f":globe_with_meridians: *Put these records into the DNS of {esc(row.name)}.* "
                "Verification wants the three DKIM records; the others help your mail arrive. The same is in the "
                "thread as a zone file."
            ),
            *record_blocks(records),
            context(
                "Many registrars want the name without the zone, which they add themselves: leave "
                f".{esc(row.name)} off its end{' (or the part that is your zone)' * (row.name.count('.') > 1)}."
            ),
        ]
    return Message(
        f"{row.name} was added and waits for verification",
        [
            *todo,
            context(f"{identity_line(row)}. {_how(row)}."),
            buttons(check_button(row)),
        ],
    )


def superseded_message(row: Identity) -> Message:
    """What becomes of a live message when the identity was created again, with other DNS records."""
    text = f"The verification of {row.name} was started again"
    return Message(esc(text), [section(f":repeat: {esc(text)}: what to do for it stands in a newer message below.")])


def replaced_message(row: Identity) -> Message:
    """What becomes of the messages about an identity that another one has replaced."""
    text = f"{row.replaces} was replaced by {row.name}"
    return Message(esc(text), [section(f":leftwards_arrow_with_hook: {esc(text)}.")])


def recovery_buttons(row: Identity) -> ActionsBlock:
    """What mends an identity that failed."""
    ref = ids.Ref(row.team_id, row.id, row.version)
    return buttons(
        button(ids.Button.RETRY, "Retry verification", ref, style="primary"),
        button(ids.Button.REPLACE, "Replace identity", ref),
    )


def check_button(row: Identity, *, primary: bool = True) -> ButtonElement:
    """What looks an identity up, at AWS and in the DNS."""
    ref = ids.Ref(row.team_id, row.id, row.version)
    return button(ids.Button.CHECK_NOW, "Check now", ref, style="primary" if primary else None)


def record_blocks(records: Sequence[Record]) -> list[Block]:
    return [section(_record(record)) for record in records]


def _record(record: Record) -> str:
    """A record with the labels that the forms of registrars have."""
    lines = [f"*{esc(record.purpose)}* · {record.type}", f"Name {code_block(record.name)}"]
    if record.purpose == DMARC and record.name.count(".") > 2:  # `_dmarc`, and more than a domain and its ending
        lines.append("Only if no domain above this one has a DMARC record, which holds here too.")
    if record.priority:
        lines.append(f"Priority `{record.priority}`")
    return "\n".join([*lines, f"Value {code_block(record.target)}"])


def check_result_page(row: Identity, findings: Sequence[RecordCheck]) -> View:
    """What *Check now* found, for the person who pressed it."""
    lines: list[Block] = [section(f"{identity_line(row)}.")]
    if row.kind is IdentityKind.ADDRESS and row.state is IdentityState.PENDING:
        lines.append(section("AWS still waits for somebody to open the link in its mail. Look in the spam folder too."))
    lines += [_finding(finding) for finding in findings]
    if (
        row.state is IdentityState.PENDING
        and findings
        and all(finding.found is Found.RIGHT for finding in findings if finding.record.required)
    ):
        lines.append(
            section(
                "*Everything AWS needs is in place.* It looks again by itself, which can take up to a few hours; "
                "the channel will be told."
            )
        )
    return page("Check now", lines)


def _finding(finding: RecordCheck) -> Block:
    record = finding.record
    needed = "" if record.required or finding.found is Found.RIGHT else " (not needed for verification)"
    lines = [f"{_FOUND[finding.found]}{needed} · {record.type} {code(record.name)}"]
    if finding.found is Found.RIGHT:
        if finding.stands_at:
            lines.append(f"{code(finding.stands_at)} holds for this domain too")
        return section("\n".join(lines))
    priority = f", priority {code(record.priority)}" if record.priority else ""
    lines.append(f"should be {code(record.target)}{priority}")
    if finding.found is Found.WRONG:
        lines.append(f"is {', '.join(code(value) for value in finding.values[:3])}")
    if finding.why:
        lines.append(f"{esc(finding.why)}.")
    if finding.stands_at:
        lines.append(
            f"It stands at {code(finding.stands_at)}: your registrar adds the zone itself, so type the name without it."
        )
    return section("\n".join(lines))


def _origin(row: Identity) -> list[Block]:
    return [context(f"{_how(row)}.")] if row.added_by else []


def _how(row: Identity) -> str:
    how = "It was in the AWS account already and was adopted" if row.adopted else "Added"
    place = f", in the place of {esc(row.replaces)}" if row.replaces else ""
    return f"{how} by {mention(row.added_by)}{place}"


def forwarding_consent_blocks(mailer: Mailer, managed: Iterable[Identity]) -> list[Block]:
    """Each adopted identity whose mails about bounces a person may let Mailroom switch off."""
    asked = [row for row in managed if needs_consent(mailer, row)]
    return [
        block
        for row in asked[:DETAILED_SHOWN]
        for block in (
            section(
                f":incoming_envelope: AWS mails every bounce and complaint of *{esc(row.name)}* to the address that a "
                "mail came from, too. Mailroom hears of them by events, so these mails can be switched off at AWS. The "
                "identity was there before Mailroom: say yes only if no other program reads them. *Delete mailer* "
                "switches them on again."
            ),
            buttons(
                button(
                    ids.Button.DISABLE_FORWARDING, "Switch these mails off", ids.Ref(row.team_id, row.id, row.version)
                )
            ),
        )
    ]
