"""What Mailroom asks of SES in a team's account: facts out, requests in, never a raw answer.

Statuses are kept as the text AWS sent: what they mean is decided in one other place, and AWS may add new ones. Shapes:
Amazon SES API v2 reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import methodcaller
from typing import Any

from bot.ses.bulk_send import BulkEntry, BulkTemplate, EntryResult, read_results, request_body
from bot.ses.client import AwsSession
from bot.ses.errors import ErrorKind, SesError
from bot.ses.facts import (
    AccountFacts,
    IdentityFacts,
    ListedIdentity,
    Suppressed,
    account_of,
    identity_of,
    listed_of,
    suppressed_of,
)
from bot.ses.request_bodies import ready_made

IDENTITIES_A_PAGE = 1000
SUPPRESSED_A_PAGE = 1000
NEW_IDENTITY_WAITS = (1, 2, 4)  # seconds
FEEDBACK_FORWARDING = "ses:PutEmailIdentityFeedbackAttributes"
SIMULATOR = "success@simulator.amazonses.com"  # SES developer guide, "mailbox simulator"


class Ses:
    """SES of one account and region. Every method raises SesError."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    async def account_id(self) -> str:
        """Ask STS whose credentials these are. It needs no permission, so a refusal means that the key is dead."""
        answer: Any = await self._session.call("sts:GetCallerIdentity", lambda sts: sts.get_caller_identity())
        return str(answer["Account"])

    async def account(self, *, once: bool = False) -> AccountFacts:
        """Ask for the state of the account. AWS allows about one such call a second: never once a message.

        `once`: a person waits, and another look follows, so it is not asked again where AWS has no time for it.
        """
        answer = await self._read("ses:GetAccount", lambda ses: ses.get_account(), "SendingEnabled", once=once)
        return account_of(answer)

    async def identities(self) -> list[ListedIdentity]:
        """List every identity of the account, over all pages."""
        found: list[ListedIdentity] = []
        page: dict[str, Any] = {"PageSize": IDENTITIES_A_PAGE}
        while True:
            answer = await self._read(
                "ses:ListEmailIdentities", methodcaller("list_email_identities", **page), "EmailIdentities"
            )
            found += [listed_of(entry) for entry in answer["EmailIdentities"]]
            token = answer.get("NextToken")
            if not token:
                return found
            page = {**page, "NextToken": token}

    async def identity(self, name: str) -> IdentityFacts:
        """Ask for one identity; ErrorKind.NOT_FOUND when the account has none of that name."""
        answer = await self._read(
            "ses:GetEmailIdentity", lambda ses: ses.get_email_identity(EmailIdentity=name), "IdentityType"
        )
        return identity_of(name, answer)

    async def find_identity(self, name: str) -> IdentityFacts | None:
        """Ask for one identity; None when the account has none of that name."""
        try:
            return await self.identity(name)
        except SesError as error:
            if error.kind is ErrorKind.NOT_FOUND:
                return None
            raise

    async def new_identity(self, name: str) -> IdentityFacts:
        """Ask for one created a moment ago, which AWS may not know everywhere yet."""
        for seconds in NEW_IDENTITY_WAITS:
            try:
                return await self.identity(name)
            except SesError as error:
                if error.kind is not ErrorKind.NOT_FOUND:
                    raise
            await self._session.sleep(seconds)
        return await self.identity(name)

    async def create_identity(self, name: str, configuration_set: str = "") -> None:
        """Add an address (AWS mails it a link) or a domain; ErrorKind.EXISTS when it is there already.

        Every send of ours names its configuration set. A default one is for senders that name none: if it
        goes, their calls fail (SES developer guide, "Specifying a configuration set"). So it is only ever another
        program's, and with one that is not there the call is ErrorKind.NOT_FOUND.
        """
        request = {"EmailIdentity": name}
        if configuration_set:
            request["ConfigurationSetName"] = configuration_set
        await self._session.call("ses:CreateEmailIdentity", methodcaller("create_email_identity", **request))

    async def delete_identity(self, name: str) -> None:
        await self._session.call("ses:DeleteEmailIdentity", lambda ses: ses.delete_email_identity(EmailIdentity=name))

    async def set_mail_from(self, name: str, domain: str) -> None:
        """Set the identity's MAIL FROM domain. Mail still goes, from AWS's own domain, while its MX is missing."""
        await self._session.call(
            "ses:PutEmailIdentityMailFromAttributes",
            lambda ses: ses.put_email_identity_mail_from_attributes(
                EmailIdentity=name, MailFromDomain=domain, BehaviorOnMxFailure="USE_DEFAULT_VALUE"
            ),
        )

    async def clear_configuration_set(self, name: str) -> None:
        """Leave the identity without a default configuration set."""
        await self._session.call(
            "ses:PutEmailIdentityConfigurationSetAttributes",
            lambda ses: ses.put_email_identity_configuration_set_attributes(EmailIdentity=name),
        )

    async def set_feedback_forwarding(self, name: str, *, enabled: bool) -> None:
        """Have bounces and complaints of the identity's mail sent to its sender, or not.

        AWS wants one way of hearing of them, and an event destination is one: what is sent without any is mailed about
        even while this is off, so that no program loses the only news it has (SES API v2,
        PutEmailIdentityFeedbackAttributes; SES developer guide, "identity owner notifications"). API v1 still asks for
        SNS topics of the identity itself before it can be off; v2 does not say so.
        """
        await self._session.call(
            FEEDBACK_FORWARDING,
            lambda ses: ses.put_email_identity_feedback_attributes(EmailIdentity=name, EmailForwardingEnabled=enabled),
        )

    async def has_configuration_set(self, name: str) -> bool:
        """Ask whether the account has a configuration set of this name."""
        try:
            await self._session.call(
                "ses:GetConfigurationSetEventDestinations",
                lambda ses: ses.get_configuration_set_event_destinations(ConfigurationSetName=name),
            )
        except SesError as error:
            if error.kind is ErrorKind.NOT_FOUND:
                return False
            raise
        return True

    async def apply_for_production(
        self, *, website: str, mail_type: str, language: str, contacts: Sequence[str], use_case: str
    ) -> None:
        """Open AWS's review of the account; ErrorKind.CONFLICT while one is open or after a denial.

        One attempt: a second one would meet the review that the first one opened.
        """
        form: Any = {
            "WebsiteURL": website,
            "MailType": mail_type,
            "ContactLanguage": language,
            "UseCaseDescription": use_case,
            "ProductionAccessEnabled": True,  # without it nothing is asked for
        }
        if contacts:  # an empty list is refused: one to four
            form["AdditionalContactEmailAddresses"] = list(contacts)
        await self._session.call("ses:PutAccountDetails", lambda ses: ses.put_account_details(**form), once=True)

    async def send_bulk(
        self,
        *,
        sender: str,
        reply_to: Sequence[str],
        configuration_set: str,
        template: BulkTemplate,
        entries: Sequence[BulkEntry],
        tags: Mapping[str, str],
    ) -> list[EntryResult]:
        """Send to every entry, in one call and one attempt; one result for each entry, in their order.

        Every mail carries the tags, which come back with SES's events. At most 50 entries and no more than the
        account's rate a second, under 1 MB of JSON (SES developer guide, "Using templates to send personalized email").
        SesError is about the whole call: with `maybe_accepted` every entry is in doubt, else none was sent.
        """

        def send(ses: Any) -> list[EntryResult]:
            body = request_body(sender, reply_to, configuration_set, template, entries, tags)
            return read_results(ses.send_bulk_email(**ready_made(body)), sender, len(entries))

        return await self._session.call("ses:SendBulkEmail", send, once=True)

    async def mail_simulator(self, sender: str, configuration_set: str) -> None:
        """Mail SES's simulator, which takes it and says so by events. It counts nowhere; a second one does no harm."""
        subject = {"Data": "Mailroom self-test"}
        text = {"Data": "Sent to the SES simulator, to see whether its events come back."}
        request = {
            "FromEmailAddress": sender,
            "Destination": {"ToAddresses": [SIMULATOR]},
            "ConfigurationSetName": configuration_set,
            "Content": {"Simple": {"Subject": subject, "Body": {"Text": text}}},
        }
        await self._session.call("ses:SendEmail", methodcaller("send_email", **request), once=True)

    async def list_suppressed(self, since: datetime | None, token: str) -> tuple[list[Suppressed], str]:
        """List a page of what AWS itself suppresses, put there since then, and the token of the next page.

        AWS keeps this closed in the sandbox: ErrorKind.BAD_REQUEST.
        """
        page: dict[str, Any] = {"PageSize": SUPPRESSED_A_PAGE}
        if since:
            page["StartDate"] = since
        if token:
            page["NextToken"] = token
        member = "SuppressedDestinationSummaries"
        call = methodcaller("list_suppressed_destinations", **page)
        answer = await self._read("ses:ListSuppressedDestinations", call, member)
        return [suppressed_of(entry) for entry in answer[member]], answer.get("NextToken") or ""

    async def get_suppressed(self, address: str) -> Suppressed | None:
        """Ask whether AWS itself suppresses an address. In the sandbox, where it keeps these calls closed: None."""
        try:
            answer = await self._read(
                "ses:GetSuppressedDestination",
                lambda ses: ses.get_suppressed_destination(EmailAddress=address),
                "SuppressedDestination",
            )
        except SesError as error:
            if error.kind in {ErrorKind.NOT_FOUND, ErrorKind.BAD_REQUEST}:
                return None
            raise
        return suppressed_of(answer["SuppressedDestination"])

    async def lift_suppressed(self, address: str) -> bool:
        """Take an address off AWS's own list. False: it is not on it, or AWS keeps these calls closed (sandbox)."""
        try:
            await self._session.call(
                "ses:DeleteSuppressedDestination",
                lambda ses: ses.delete_suppressed_destination(EmailAddress=address),
            )
        except SesError as error:
            if error.kind in {ErrorKind.NOT_FOUND, ErrorKind.BAD_REQUEST}:
                return False
            raise
        return True

    async def _read(
        self, action: str, call: Callable[[Any], Any], member: str, *, once: bool = False
    ) -> dict[str, Any]:
        """Make a call whose answer always has `member`.

        botocore takes a body that was cut off for an empty one, and facts read from that would be a false alarm:
        nothing verified, nothing allowed.
        """
        answer: dict[str, Any] = await self._session.call(action, call, once=once)
        if member not in answer:
            raise SesError(ErrorKind.UNAVAILABLE, "UnreadableAnswer", action)
        return answer
