"""`/mailer person`: where an address stands, and the end of all that is known of it."""

from collections import Counter

from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bot.people.person import Person
from bot.wording import count
from handlers.slack import ids
from handlers.slack.text import esc, when
from handlers.slack.views.blocks import button, buttons, field, form, page, section
from handlers.slack.views.people.suppressions import WHY
from storage import Team

TITLE = "Person"
ERASE_TITLE = "Erase a person"
_AUDIENCES_SHOWN = 10
_FILES_SHOWN = 20


def person_form(team: Team, person: Person, mark: str) -> View:
    """`mark` stands for the address in what Slack hands back."""
    ref = ids.Ref(team.id, mark)
    return form(
        ids.Form.LOOK_UP_PERSON,
        TITLE,
        [
            section(f"*{esc(person.address, 320)}*\n" + "\n".join(_lines(person))),
            field(ids.Input.ADDRESS, "Address", initial=person.address, max_length=320),
            *_buttons(person, ref),
        ],
        submit="Look up",
        ref=ref,
    )


def _buttons(person: Person, ref: ids.Ref) -> list[Block]:
    if person.is_being_erased:
        return []
    export = button(ids.Button.EXPORT_PERSON, "Get as file", ref)
    return [buttons(export, button(ids.Button.ERASE_PERSON, "Erase", ref, style="danger"))]


def _lines(person: Person) -> list[str]:
    if person.is_being_erased:
        return [":hourglass_flowing_sand: Is being erased. Nothing is mailed to them any more."]
    row = person.suppression
    lines = [f"• {WHY[row.reason].capitalize()} {when(row.created_at)}." if row else "• May be mailed."]
    if person.memberships:
        names = dict.fromkeys(each.audience.name or each.audience.file_name for each in person.memberships)
        shown = ", ".join(esc(name, 60) for name in [*names][:_AUDIENCES_SHOWN])
        more = f" and {len(names) - _AUDIENCES_SHOWN} more" if len(names) > _AUDIENCES_SHOWN else ""
        lines.append(f"• In {count(len(names), 'audience')}: {shown}{more}.")
    if person.deliveries:
        states = Counter(row.state.replace("_", " ") for row, _ in person.deliveries)
        told = ", ".join(f"{number:,} {state}" for state, number in states.most_common())
        lines.append(f"• {count(len(person.deliveries), 'mail')}: {told}.")
    if person.audit:
        lines.append(f"• {count(len(person.audit), 'entry', 'entries')} in the audit.")
    return lines


def erase_form(ref: ids.Ref, address: str) -> View:
    return form(
        ids.Form.ERASE_PERSON,
        ERASE_TITLE,
        [
            section(
                f"All that is known of *{esc(address, 320)}* goes, from audiences, reports and the audit, and this "
                "cannot be taken back. A hash stays, so that no file brings them back onto a list."
            ),
            field(ids.Input.ADDRESS, "Type the address", placeholder=address, max_length=320),
        ],
        submit="Erase",
        ref=ref,
    )


def erasing_page(person: Person) -> View:
    files = person.files
    shown = "".join(f"\n• {esc(name, 100)}" for name in files[:_FILES_SHOWN])
    named = f" Files that they came from:{shown}" if files else ""
    return page(
        ERASE_TITLE,
        [
            section(f":white_check_mark: {esc(person.address, 320)} is being erased, which takes some minutes."),
            section(
                "Mailroom reaches neither messages and files in Slack, nor backups, nor what you wrote into mails "
                f"yourselves: look there too.{named}"
            ),
        ],
    )
