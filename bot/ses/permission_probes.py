"""How to find out, without doing anything, whether credentials may do a thing at SES.

AWS decides permission before it looks at the resource, so the answer "no such identity" proves the right to ask. What
cannot be asked without doing it (a real review, a real suppression) has no call here.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from bot.ses.client import AwsSession
from bot.ses.errors import SesError
from bot.ses.operations import SIMULATOR


@dataclass(frozen=True)
class Probe:
    """One harmless call, and the actions that AWS looks at before it answers; with no call: checked when used."""

    actions: tuple[str, ...]
    call: Callable[[Any], Any] | None
    required: bool = True


def probes() -> tuple[Probe, ...]:
    """Build the probes, with new names under `.invalid` (RFC 2606), which do not exist."""
    name = f"mailroom-{secrets.token_hex(8)}"
    domain = f"{name}.invalid"
    address = f"nobody@{domain}"
    destination = {"ToAddresses": [SIMULATOR]}
    text = {"Data": "Mailroom permission check"}
    simple = {"Simple": {"Subject": text, "Body": {"Text": text}}}
    raw = {
        "Raw": {"Data": f"From: {address}\r\nTo: {SIMULATOR}\r\nSubject: Mailroom\r\n\r\nPermission check\r\n".encode()}
    }
    template = {"TemplateContent": {"Subject": "Mailroom", "Text": "Permission check"}, "TemplateData": "{}"}
    bulk = {"DefaultContent": {"Template": template}, "BulkEmailEntries": [{"Destination": destination}]}
    return (
        Probe(("ses:GetAccount",), lambda ses: ses.get_account()),
        Probe(("ses:ListEmailIdentities",), lambda ses: ses.list_email_identities(PageSize=1)),
        Probe(("ses:GetEmailIdentity",), lambda ses: ses.get_email_identity(EmailIdentity=domain)),
        Probe(("ses:CreateEmailIdentity",), _create_impossible_identity),
        Probe(("ses:DeleteEmailIdentity",), lambda ses: ses.delete_email_identity(EmailIdentity=domain)),
        Probe(
            ("ses:PutEmailIdentityMailFromAttributes",),
            lambda ses: ses.put_email_identity_mail_from_attributes(EmailIdentity=domain),
        ),
        Probe(
            ("ses:PutEmailIdentityConfigurationSetAttributes",),
            lambda ses: ses.put_email_identity_configuration_set_attributes(EmailIdentity=domain),
        ),
        Probe(
            ("ses:SendEmail", "ses:SendRawEmail"),
            lambda ses: ses.send_email(FromEmailAddress=address, Destination=destination, Content=simple),
        ),
        Probe(
            ("ses:SendRawEmail", "ses:SendEmail"),
            lambda ses: ses.send_email(FromEmailAddress=address, Destination=destination, Content=raw),
        ),
        Probe(
            ("ses:SendBulkEmail", "ses:SendBulkTemplatedEmail"),
            lambda ses: ses.send_bulk_email(FromEmailAddress=address, **bulk),
        ),
        Probe(("ses:PutAccountDetails",), None),
        Probe(
            ("ses:GetSuppressedDestination",),
            lambda ses: ses.get_suppressed_destination(EmailAddress=address),
            required=False,
        ),
        Probe(
            ("ses:ListSuppressedDestinations",),
            lambda ses: ses.list_suppressed_destinations(PageSize=1),
            required=False,
        ),
        Probe(
            ("ses:DeleteSuppressedDestination",),
            lambda ses: ses.delete_suppressed_destination(EmailAddress=address),
            required=False,
        ),
        Probe(
            ("ses:PutEmailIdentityFeedbackAttributes",),
            lambda ses: ses.put_email_identity_feedback_attributes(EmailIdentity=domain, EmailForwardingEnabled=True),
            required=False,
        ),
    )


async def simulate(session: AwsSession, arn: str, asked: Iterable[Probe]) -> dict[str, bool]:
    """Ask IAM which of the actions its policies allow the caller; an empty answer where that may not be asked."""
    actions = list(dict.fromkeys(action for probe in asked for action in probe.actions))
    request = {"PolicySourceArn": _policy_source(arn), "ActionNames": actions, "MaxItems": 100}
    try:
        answer = await session.call(
            "iam:SimulatePrincipalPolicy", lambda iam: iam.simulate_principal_policy(**request), once=True
        )
    except SesError:
        return {}
    return {result["EvalActionName"]: result["EvalDecision"] == "allowed" for result in answer["EvaluationResults"]}


def _policy_source(arn: str) -> str:
    """Name the user or role whose policies count: a session of a role is known by the role's own ARN.

    The path of a role is not in the ARN of its session: such a role is not found, and is checked by trying.
    """
    head, _, session = arn.partition(":assumed-role/")
    if not session:
        return arn
    return f"{head.replace(':sts:', ':iam:')}:role/{session.partition('/')[0]}"


def _create_impossible_identity(ses: Any) -> None:
    """Ask for an identity that is neither an address nor a domain; should AWS take it after all, take it back."""
    name = "mailroom permission check"
    ses.create_email_identity(EmailIdentity=name)
    ses.delete_email_identity(EmailIdentity=name)
