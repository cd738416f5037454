"""The form of *Connect* and *Reconnect*: the region, and then a role or a key."""

from collections.abc import Sequence
from dataclasses import dataclass

from slack_sdk.models.blocks import (
    Block,
    ButtonElement,
    InputBlock,
    PlainTextObject,
)
from slack_sdk.models.views import View

from bot.mailer.connection.credential_input import noun
from bot.ses.cloudformation import FILE_NAME, RoleOffer, template
from bot.ses.iam_policy import THIS_USER, policy_json
from bot.ses.permission_check import AccessReport, ActionCheck, Outcome
from bot.ses.regions import regions
from handlers.slack import ids
from handlers.slack.text import code, esc, in_code
from handlers.slack.views.blocks import buttons, field, form, menu, radio, section
from storage import SignIn

DEFAULT_REGION = "us-east-1"
CODE_LIMIT = 2990  # of Slack's 3,000 characters a section

_WAYS = {SignIn.ROLE: "IAM role", SignIn.ACCESS_KEY: "Access key"}
_ROLE_ADVICE = (
    "With a *role* there is no secret: AWS lets Mailroom in for an hour at a time, and you can end it there at any "
    "moment. It takes a minute to make."
)
_KEY_ADVICE = (
    "Use a key made *for Mailroom alone*, with the policy from the README. "
    ":lock: Slack does not mask what you type here: make sure that nobody looks over your shoulder. "
    "The key is sealed before it is stored and never shown again."
)
_NO_ROLES = (
    "IAM role is not open here: this Mailroom has no AWS credentials of its own that work. "
    "Its operator can give it some."
)


@dataclass(frozen=True, slots=True)
class FormState:
    """What the credentials form shows; never a secret. `offer` is None where a role cannot be used."""

    offer: RoleOffer | None
    region: str = ""
    chosen: str = ""
    role_arn: str = ""
    access_key_id: str = ""

    @property
    def role(self) -> RoleOffer | None:
        """What the role has to hold on to, where a role is chosen: it is unless something else was."""
        return None if self.chosen == SignIn.ACCESS_KEY else self.offer


def credentials_form(
    callback: ids.Form,
    title: str,
    ref: ids.Ref,
    draft: FormState,
    *,
    notice: str = "",
    report: AccessReport | None = None,
) -> View:
    """The form; after a refusal with what is missing above it. The secret is never put back into it."""
    region = draft.region or DEFAULT_REGION
    return form(
        callback,
        title,
        [
            *(_refused(report) if report else [section(_ROLE_ADVICE if draft.role else _KEY_ADVICE)]),
            _region(region),
            _choice(draft),
            *(_role(draft.role, region, draft.role_arn) if draft.role else _key(draft.access_key_id)),
            *(ticks(report.steps) if report else []),
        ],
        submit="Check and connect",
        ref=ref,
        notice=notice,
    )


def _region(chosen: str) -> InputBlock:
    return menu(
        ids.Input.REGION,
        "AWS region",
        {known.code: known.label for known in regions()},
        chosen,
        hint="Where your SES identities live. Sandbox, quota and identities are separate in each region.",
    )


def _choice(draft: FormState) -> InputBlock:
    """Slack cannot grey an option out, so a role is not among them where it cannot be used."""
    ways = _WAYS if draft.offer else {SignIn.ACCESS_KEY: _WAYS[SignIn.ACCESS_KEY]}
    return radio(
        ids.Input.SIGN_IN,
        "Sign in with",
        ways,
        SignIn.ROLE if draft.role else SignIn.ACCESS_KEY,
        hint="IAM role is recommended." if draft.offer else _NO_ROLES,
        at_once=True,
    )


def _role(offer: RoleOffer, region: str, role_arn: str) -> list[Block]:
    """The ExternalId, the ways to make the role, and the field for what comes of it."""
    shown: list[Block] = [section(f"*External ID*\n{code(offer.external_id)}")]
    if link := offer.link(region):
        shown.append(section("Make the role in your AWS console, where everything is filled in already:"))
        shown.append(
            buttons(
                ButtonElement(text=PlainTextObject(text="Create the role"), action_id=ids.Button.CREATE_ROLE, url=link)
            )
        )
        shown.append(section("Or make it with the AWS CLI:"))
    else:
        shown.append(section(f"Save the template below as {code(FILE_NAME)} and make the role with the AWS CLI:"))
    return [
        *shown,
        *code_blocks(offer.command(region)),
        field(
            ids.Input.ROLE_ARN,
            "Role ARN",
            initial=role_arn,
            placeholder="arn:aws:iam::111122223333:role/…",
            hint="What the last command prints; in the console it is among the outputs of the stack.",
            max_length=700,
        ),
        section(f"*{FILE_NAME}*"),
        *code_blocks(template()),
    ]


def _key(access_key_id: str) -> list[Block]:
    return [
        field(
            ids.Input.ACCESS_KEY_ID,
            "Access key ID",
            initial=access_key_id,
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
    ]


def _refused(report: AccessReport) -> list[Block]:
    """Nothing was stored: what is missing, one by one, and the policy to paste."""
    if noun(report) == "role":
        role = report.principal_arn.split("/")[1]
        principal, where, again = f"role/{role}", f"IAM › Roles › {esc(role)}", "check again"
    else:
        principal, where, again = THIS_USER, "IAM › Users › your user", "type the key again and check it"
    return [
        section(
            f":x: *Nothing was stored: the {noun(report)} may not do everything Mailroom needs.*\n"
            f"Missing: {', '.join(code(action) for action in report.missing)}"
        ),
        section(f"Paste this policy into *{where} › Add permissions › Create inline policy › JSON*, then {again}:"),
        *code_blocks(policy_json(report.principal_arn.split(":")[1], report.account_id, principal)),
    ]


def code_blocks(text: str) -> Sequence[Block]:
    """Show a text as code, cut at line ends where Slack's limit of a section wants it."""
    parts: list[str] = [""]
    for line in in_code(text, len(text)).splitlines(keepends=True):
        if len(parts[-1]) + len(line) > CODE_LIMIT:
            parts.append("")
        parts[-1] += line
    return [section(f"```{part.rstrip()}```") for part in parts]


ACTIONS_A_SECTION = 14  # keeps a section of ticks below Slack's 3,000 characters
_OUTCOME_MARKS = {
    Outcome.OK: ":white_check_mark:",
    Outcome.MISSING: ":x:",
    Outcome.SKIPPED: ":heavy_minus_sign:",
    Outcome.UNKNOWN: ":grey_question:",
}


_OUTCOME_WORDS = {
    Outcome.OK: "allowed",
    Outcome.MISSING: "missing",
    Outcome.SKIPPED: "checked when used",
    Outcome.UNKNOWN: "AWS did not say",
}


def ticks(steps: Sequence[ActionCheck]) -> list[Block]:
    lines = [
        f"{_OUTCOME_MARKS[step.outcome]} {code(step.action)} {_OUTCOME_WORDS[step.outcome]}"
        f"{'' if step.required else ' (optional)'}"
        for step in steps
    ]
    return [section("\n".join(lines[at : at + ACTIONS_A_SECTION])) for at in range(0, len(lines), ACTIONS_A_SECTION)]
