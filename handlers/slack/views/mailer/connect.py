"""Connect, reconnect and delete: the ticks while AWS is asked, and what came of it."""

from collections.abc import Sequence

from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bot.ses.permission_check import AccessReport, ActionCheck
from bot.ses.regions import regions
from bot.wording import count
from handlers.slack import ids
from handlers.slack.text import esc
from handlers.slack.views.blocks import Message, boxes, button, buttons, field, form, page, section
from handlers.slack.views.mailer.connect_form import ticks
from storage import Broadcast, Identity, Mailer, Team

CHECKING = "Checking every permission at AWS…"
DELETE_TITLE = "Delete mailer"
CONNECT_TITLE = "Connect Amazon SES"
RECONNECT_TITLE = "Reconnect Amazon SES"

IDENTITIES_NAMED = 10


def checking_page(title: str, steps: Sequence[ActionCheck]) -> View:
    """The form's place while AWS is asked, one tick an answer."""
    return page(
        title,
        [section(f":hourglass_flowing_sand: *{CHECKING}* You can close this."), *ticks(steps)],
    )


def connected_page(title: str, mailer: Mailer, report: AccessReport, ref: ids.Ref) -> View:
    """The whole list of ticks, and the one next step."""
    return page(
        title,
        [
            section(f":white_check_mark: *Connected* to AWS account {place(mailer)}"),
            buttons(button(ids.Button.ADD_IDENTITY, "Add identity", ref, style="primary")),
            *ticks(report.steps),
        ],
    )


def already_connected_message(mailer: Mailer, ref: ids.Ref) -> Message:
    """C1: one channel, one mailer."""
    text = "This channel is already connected to an AWS account. One channel has one mailer."
    return Message(
        text,
        [
            section(
                f":no_entry: *This channel is already connected* to AWS account {place(mailer)}.\n"
                "A channel has one mailer; for another project use another channel. To change the key of this one, "
                "reconnect; to use another account or region, delete the mailer first."
            ),
            buttons(
                button(ids.Button.RECONNECT, "Reconnect", ref),
                button(ids.Button.DELETE_MAILER, "Delete mailer", ref, style="danger"),
            ),
        ],
    )


def delete_form(
    ref: ids.Ref, team: Team, mailer: Mailer, identities: Sequence[Identity], broadcasts: Sequence[Broadcast]
) -> View:
    """The dangerous way: what goes, what stays, and the channel's name to type."""
    goes = [f"• the connection to AWS account {place(mailer)}"]
    goes += [f"• the identity *{esc(row.name)}*" for row in identities[:IDENTITIES_NAMED]]
    if len(identities) > IDENTITIES_NAMED:
        goes.append(f"• {count(len(identities) - IDENTITIES_NAMED, 'more identity', 'more identities')}")
    goes += [f"• the {row.state} broadcast “{esc(row.subject, 80)}” is cancelled" for row in broadcasts[:5]]
    if len(broadcasts) > 5:
        goes.append(f"• {count(len(broadcasts) - 5, 'more broadcast is', 'more broadcasts are')} cancelled")
    return form(
        ids.Form.DELETE_MAILER,
        DELETE_TITLE,
        [
            section(":warning: *This cannot be taken back. It removes:*\n" + "\n".join(goes)),
            section("Unsubscribes and complaints stay with the team for ever, and so does the history of broadcasts."),
            field(ids.Input.CHANNEL_NAME, "Type the channel name", placeholder=team.name, max_length=90),
            boxes(
                ids.Input.DELETE_AT_AWS,
                "Also delete the identities at AWS",
                {"yes": "Delete them at AWS too, for every use of the account"},
                optional=True,
            ),
        ],
        submit="Delete mailer",
        ref=ref,
    )


def deleted_page(left: Sequence[str]) -> View:
    """The mailer is gone; what could not be removed at AWS is named."""
    blocks: list[Block] = [section(":wastebasket: *The mailer was deleted.* This channel can be connected again.")]
    if left:
        lines = "\n".join(f"• {esc(piece, 200)}" for piece in left[:20])
        blocks.append(section(f"At AWS these could not be removed; please look there yourself:\n{lines}"))
    return page(DELETE_TITLE, blocks)


def account_label(mailer: Mailer) -> str:
    """The account number as AWS prints it: 1111-2222-3333."""
    number = esc(mailer.account_id)
    return "-".join(number[at : at + 4] for at in range(0, len(number), 4))


def place(mailer: Mailer) -> str:
    """Account and region, for people."""
    return f"{account_label(mailer)}, {esc(region_label(mailer.region))}"


def region_label(region: str) -> str:
    return next((known.label for known in regions() if known.code == region), region)
