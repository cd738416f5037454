"""How to find out, without doing anything, whether credentials may do a thing at SES.

AWS decides permission before it looks at the resource, so the answer "no such identity" proves the right to ask. What
cannot be asked without doing it (a real review, a real suppression) has no call here.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SIMULATOR = "success@simulator.amazonses.com"  # SES developer guide, "mailbox simulator"


@dataclass(frozen=True)
class Probe:
    """One harmless call, and the actions that AWS looks at before it answers; with no call: checked when used."""

    actions: tuple[str, ...]
    call: Callable[[Any], Any] | None
    required: bool = True


def probes() -> tuple[Probe, ...]:
    """Build the probes, with names under `.invalid` (RFC 2606) that nobody has, new each time."""
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
        Probe(("ses:GetConfigurationSet",), lambda ses: ses.get_configuration_set(ConfigurationSetName=name)),
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
        Probe(("ses:PutSuppressedDestination",), None, required=False),
    )


def _create_impossible_identity(ses: Any) -> None:
    """Ask for an identity that is neither an address nor a domain; should AWS take it after all, take it back."""
    name = "mailroom permission check"
    ses.create_email_identity(EmailIdentity=name)
    ses.delete_email_identity(EmailIdentity=name)
