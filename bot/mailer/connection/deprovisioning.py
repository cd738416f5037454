"""Removes from an AWS account what Mailroom set up there, and nothing that other programs use."""

from collections.abc import Iterable

from bot.ses.client import AwsSession
from bot.ses.deprovisioning import deprovision
from bot.ses.errors import ErrorKind, SesError
from bot.ses.operations import Ses
from bot.ses.provisioning import Provisioned
from storage import Identity, Mailer


async def leave_aws(
    session: AwsSession, mailer: Mailer, identities: Iterable[Identity], *, with_identities: bool
) -> list[str]:
    """Remove what Mailroom set up, as far as the credentials allow. Returns what could not be removed.

    Args:
        session: signed in as the mailer.
        mailer: the one that leaves.
        identities: all that are known of the account.
        with_identities: also delete those that Mailroom looks after.
    """
    ses = Ses(session)
    left: list[str] = []
    needed = False
    for row in identities:
        if with_identities and row.managed:
            try:
                await ses.delete_identity(row.name)
                continue
            except SesError as error:
                if error.kind is ErrorKind.NOT_FOUND:
                    continue
                left.append(f"{row.name}: {error.code}")
        left += await _forward_again(ses, row)
        if row.managed or row.added_by:
            try:
                await _let_go(ses, row.name, mailer.configuration_set)
            except SesError as error:
                left.append(f"default configuration set of {row.name}: {error.code}")
                needed = True
    set_up = Provisioned(mailer.configuration_set, mailer.topic_arn, mailer.queue_url, mailer.queue_url is not None)
    if needed:
        left.append(f"configuration set {mailer.configuration_set}, by which other programs may still send")
    return left + list(await deprovision(session, set_up, keep_set=needed))


async def _forward_again(ses: Ses, row: Identity) -> list[str]:
    """Put back AWS's mails about bounces and complaints, where Mailroom switched them off."""
    if not row.forwarding_disabled:
        return []
    try:
        await ses.set_feedback_forwarding(row.name, enabled=True)
    except SesError as error:
        if error.kind is not ErrorKind.NOT_FOUND:
            return [f"feedback forwarding of {row.name}, which stays off: {error.code}"]
    return []


async def _let_go(ses: Ses, name: str, configuration_set: str) -> None:
    """Remove our configuration set as the identity's default, so that other programs' mail does not need it."""
    facts = await ses.find_identity(name)
    if facts is not None and facts.configuration_set == configuration_set:
        await ses.clear_configuration_set(name)
