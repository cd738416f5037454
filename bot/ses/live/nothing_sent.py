"""The first step of `doctor --live`: what can be seen without sending anything."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from bot.observations import Observation, has_members, one_of
from bot.ses.assume_role import new_external_id
from bot.ses.credentials import AwsRole
from bot.ses.errors import ASSUME_ROLE, SesError
from bot.ses.live.asker import TAKEN, Asker
from bot.ses.live.pieces import Say, Workshop

ACCOUNT_MEMBERS = ("EnforcementStatus", "ProductionAccessEnabled", "SendQuota", "SendingEnabled")
QUOTA_MEMBERS = ("Max24HourSend", "MaxSendRate", "SentLast24Hours")
LISTED_MEMBERS = ("IdentityName", "IdentityType", "SendingEnabled", "VerificationStatus")
IDENTITY_MEMBERS = ("DkimAttributes", "VerificationStatus", "VerifiedForSendingStatus")
DKIM_MEMBERS = ("SigningHostedZone", "Status", "Tokens")
NO_NAME = "mailroom permission check"  # with spaces, so neither a domain nor an address

Assume = Callable[[AwsRole, str | None], Awaitable[object]]


class NothingSent:
    """Args: `assume` tries a role with an ExternalId, where the mailer signs in by one."""

    def __init__(self, asker: Asker, say: Say, seconds: Callable[[], float], assume: Assume) -> None:
        self._asker = asker
        self._say = say
        self._seconds = seconds
        self._assume = assume

    async def run(self) -> None:
        """Say every observation. SesError where AWS does not answer, or lets nothing be made."""
        production = await self._account()
        await self._identities()
        await self._refusals(production=production)
        await self._role()
        async with Workshop(self._asker, self._say, self._seconds).pieces():
            pass

    async def _account(self) -> bool:
        account = (await self._asker.ask("ses:GetAccount", lambda ses: ses.get_account())).body
        self._say(has_members("GetAccount", account, ACCOUNT_MEMBERS))
        self._say(has_members("GetAccount, SendQuota", account.get("SendQuota") or {}, QUOTA_MEMBERS))
        return bool(account.get("ProductionAccessEnabled"))

    async def _identities(self) -> None:
        found = (await self._asker.ask("ses:ListEmailIdentities", lambda ses: ses.list_email_identities())).body
        listed = found.get("EmailIdentities") or []
        if not listed:
            self._say(Observation("ListEmailIdentities", "none there to look at", "at least one", as_expected=True))
            return
        self._say(has_members("ListEmailIdentities", listed[0], LISTED_MEMBERS))
        one = next((each for each in listed if each.get("IdentityType") == "DOMAIN"), listed[0])
        name = one.get("IdentityName", "")
        get = await self._asker.ask("ses:GetEmailIdentity", lambda ses: ses.get_email_identity(EmailIdentity=name))
        self._say(has_members("GetEmailIdentity", get.body, IDENTITY_MEMBERS))
        if one.get("IdentityType") == "DOMAIN":
            dkim = get.body.get("DkimAttributes") or {}
            self._say(has_members("GetEmailIdentity, DkimAttributes", dkim, DKIM_MEMBERS))

    async def _refusals(self, *, production: bool) -> None:
        nobody = f"mailroom-{secrets.token_hex(8)}.invalid"
        not_found = "NotFoundException 404"
        suppression = (not_found,) if production else ("BadRequestException 400", not_found)
        asked: list[tuple[str, str, Callable[[Any], Any], tuple[str, ...]]] = [
            (
                "GetEmailIdentity of nobody",
                "ses:GetEmailIdentity",
                lambda ses: ses.get_email_identity(EmailIdentity=nobody),
                (not_found,),
            ),
            (
                "CreateEmailIdentity of a name that is none",
                "ses:CreateEmailIdentity",
                lambda ses: ses.create_email_identity(EmailIdentity=NO_NAME),
                ("BadRequestException 400",),
            ),
            (
                "PutEmailIdentityMailFromAttributes of nobody",
                "ses:PutEmailIdentityMailFromAttributes",
                lambda ses: ses.put_email_identity_mail_from_attributes(EmailIdentity=nobody),
                (not_found,),
            ),
            (
                f"GetSuppressedDestination of nobody, {'in production' if production else 'in the sandbox'}",
                "ses:GetSuppressedDestination",
                lambda ses: ses.get_suppressed_destination(EmailAddress=f"nobody@{nobody}"),
                suppression,
            ),
        ]
        for name, action, call, expected in asked:
            seen = await self._asker.observe(name, action, call, *expected)
            self._say(seen)
            if action == "ses:CreateEmailIdentity" and seen.answered == TAKEN:
                await self._asker.ask(
                    "ses:DeleteEmailIdentity", lambda ses: ses.delete_email_identity(EmailIdentity=NO_NAME)
                )

    async def _role(self) -> None:
        credentials = self._asker.session.credentials
        if not isinstance(credentials, AwsRole):
            return
        for name, external_id in (("another ExternalId", new_external_id()), ("no ExternalId", None)):
            try:
                await self._assume(credentials, external_id)
                answered = TAKEN
            except SesError as error:
                answered = error.code
            self._say(one_of(f"{ASSUME_ROLE} with {name}", answered, "AccessDenied"))
