"""Connect and reconnect: the form, the ticks while AWS is asked, and what came of it."""

from collections.abc import Sequence

from slack_sdk.models.blocks import Block, CheckboxesElement, Option, PlainTextObject, StaticSelectElement
from slack_sdk.models.views import View

from bot.ses.access import AccessReport, Outcome, Step
from bot.ses.policy import policy_json
from bot.ses.regions import regions
from handlers.slack import ids
from handlers.slack.text import code, count, esc
from handlers.slack.views.common import Message, button, buttons, field, form, labelled, page, section
from storage.models import Broadcast, Identity, Mailer, Team

DEFAULT_REGION = "us-east-1"
CHECKING = "Checking every permission at AWS…"
DELETE_TITLE = "Delete mailer"
CONNECT_TITLE = "Connect Amazon SES"
RECONNECT_TITLE = "Reconnect Amazon SES"

_ADVICE = (
    "Use a key made *for Mailroom alone*, with the policy from the README. "
    ":lock: Slack does not mask what you type here: make sure that nobody looks over your shoulder. "
    "The key is sealed before it is stored and never shown again."
)
_MARKS = {
    Outcome.OK: ":white_check_mark:",
    Outcome.MISSING: ":x:",
    Outcome.SKIPPED: ":heavy_minus_sign:",
    Outcome.UNKNOWN: ":grey_question:",
}
_WORDS = {
    Outcome.OK: "allowed",
    Outcome.MISSING: "missing",
    Outcome.SKIPPED: "checked when used",
    Outcome.UNKNOWN: "AWS did not say",
}
IDENTITIES_NAMED = 10
ACTIONS_A_SECTION = 14  # keeps a section of ticks below Slack's 3,000 characters


def connect_form(ref: ids.Ref, *, region: str = "", notice: str = "", report: AccessReport | None = None) -> View:
    """The form; after a refusal with what is missing above it. The secret is never put back into it."""
    return _key_form(ids.Form.CONNECT, CONNECT_TITLE, ref, region=region, notice=notice, report=report)


def reconnect_form(ref: ids.Ref, region: str, *, notice: str = "", report: AccessReport | None = None) -> View:
    return _key_form(ids.Form.RECONNECT, RECONNECT_TITLE, ref, region=region, notice=notice, report=report)


def _key_form(
    callback: ids.Form, title: str, ref: ids.Ref, *, region: str, notice: str, report: AccessReport | None
) -> View:
    options = [Option(value=known.code, text=PlainTextObject(text=known.label[:75])) for known in regions()]
    chosen = next((option for option in options if option.value == (region or DEFAULT_REGION)), None)
    return form(
        callback,
        title,
        [
            *(_refused(report) if report else [section(_ADVICE)]),
            labelled(
                ids.Input.REGION,
                "AWS region",
                StaticSelectElement(action_id=ids.Input.REGION, options=options, initial_option=chosen),
                hint="Where your SES identities live. Sandbox, quota and identities are separate in each region.",
            ),
            field(
                ids.Input.ACCESS_KEY_ID,
                "Access key ID",
                placeholder="AKIA…",
                hint="20 capital letters and digits, from IAM › Users › Security credentials.",
                max_length=128,
            ),
            field(
                ids.Input.SECRET_ACCESS_KEY,
                "Secret access key",
                hint="40 characters, shown by AWS once, when the key is made. Not an SMTP password.",
                max_length=128,
            ),
            *(_ticks(report.steps) if report else []),
        ],
        submit="Check and connect",
        ref=ref,
        notice=notice,
    )


def _refused(report: AccessReport) -> list[Block]:
    """Nothing was stored: what is missing, one by one, and the policy to paste."""
    return [
        section(
            ":x: *Nothing was stored: the key may not do everything Mailroom needs.*\n"
            f"Missing: {', '.join(code(action) for action in report.missing)}"
        ),
        section(
            "Paste this policy into *IAM › Users › your user › Add permissions › Create inline policy › JSON*, "
            "then type the key again and check anew:"
        ),
        *_policy(policy_json(report.principal_arn.split(":")[1], report.account_id)),
    ]


def checking(title: str, steps: Sequence[Step]) -> View:
    """The form's place while AWS is asked, one tick an answer."""
    return page(
        title,
        [section(f":hourglass_flowing_sand: *{CHECKING}* You can close this."), *_ticks(steps)],
    )


def connected(title: str, mailer: Mailer, report: AccessReport, ref: ids.Ref) -> View:
    """The whole list of ticks, and the one next step."""
    return page(
        title,
        [
            section(f":white_check_mark: *Connected* to AWS account {place(mailer)}"),
            buttons(button(ids.Button.ADD_IDENTITY, "Add identity", ref, style="primary")),
            *_ticks(report.steps),
        ],
    )


def already(mailer: Mailer, ref: ids.Ref) -> Message:
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
    tick = Option(value="yes", text=PlainTextObject(text="Delete them at AWS too, for every use of the account"))
    return form(
        ids.Form.DELETE_MAILER,
        DELETE_TITLE,
        [
            section(":warning: *This cannot be taken back. It removes:*\n" + "\n".join(goes)),
            section("Unsubscribes and complaints stay with the team for ever, and so does the history of broadcasts."),
            field(ids.Input.CHANNEL_NAME, "Type the channel name", placeholder=team.name, max_length=90),
            labelled(
                ids.Input.DELETE_AT_AWS,
                "Also delete the identities at AWS",
                CheckboxesElement(action_id=ids.Input.DELETE_AT_AWS, options=[tick]),
                optional=True,
            ),
        ],
        submit="Delete mailer",
        ref=ref,
    )


def deleted(left: Sequence[str]) -> View:
    """The mailer is gone; what could not be removed at AWS is named."""
    blocks: list[Block] = [section(":wastebasket: *The mailer was deleted.* This channel can be connected anew.")]
    if left:
        lines = "\n".join(f"• {esc(piece, 200)}" for piece in left[:20])
        blocks.append(section(f"At AWS these could not be removed; please look there yourself:\n{lines}"))
    return page(DELETE_TITLE, blocks)


def account(mailer: Mailer) -> str:
    """The account number as AWS prints it: 1111-2222-3333."""
    number = esc(mailer.account_id)
    return "-".join(number[at : at + 4] for at in range(0, len(number), 4))


def place(mailer: Mailer) -> str:
    """Account and region, for people."""
    return f"{account(mailer)}, {esc(region_label(mailer.region))}"


def region_label(region: str) -> str:
    return next((known.label for known in regions() if known.code == region), region)


def _ticks(steps: Sequence[Step]) -> list[Block]:
    lines = [
        f"{_MARKS[step.outcome]} {code(step.action)} {_WORDS[step.outcome]}{'' if step.required else ' (optional)'}"
        for step in steps
    ]
    return [section("\n".join(lines[at : at + ACTIONS_A_SECTION])) for at in range(0, len(lines), ACTIONS_A_SECTION)]


def _policy(policy: str) -> list[Block]:
    """Show the policy as code, cut at line ends where Slack's limit of 3,000 characters a section wants it."""
    parts: list[str] = [""]
    for line in policy.splitlines(keepends=True):
        if len(parts[-1]) + len(line) > 2900:
            parts.append("")
        parts[-1] += line
    return [section(f"```{part.rstrip()}```") for part in parts]
