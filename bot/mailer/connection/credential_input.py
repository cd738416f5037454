"""Typed credentials: malformed ones are refused here, and AWS's answers about them are put into words."""

import re
from dataclasses import dataclass

from bot.errors import BotError, require
from bot.mailer.aws_errors import explain
from bot.mailer.connection.codes import ConnectionCode
from bot.ses.credentials import AwsKey, AwsRole, Credentials
from bot.ses.errors import ASSUME_ROLE, UNKNOWN_KEY_CODES, ErrorKind, SesError
from bot.ses.permission_check import AccessReport
from bot.ses.provisioning import Provisioned
from bot.ses.regions import find_region
from storage import Mailer, Secret

SECRET_LENGTH = 40
KEY_ID = re.compile(r"AKIA[A-Z0-9]{12,124}")  # 16 to 128: IAM API reference, AccessKey
_SECRET = re.compile(r"[A-Za-z0-9+/=]+")
ROLE_ARN = re.compile(r"arn:(aws[a-z-]*):iam::\d{12}:role/(?:[!-~]{1,510}/)?[\w+=,.@-]{1,64}", re.ASCII)  # IAM, Role


class AccessRefusedError(BotError):
    """The credentials may not do everything that is needed; the report says what."""

    def __init__(self, report: AccessReport) -> None:
        super().__init__(
            ConnectionCode.ACCESS_REFUSED,
            f"The {noun(report)} may not do everything Mailroom needs: {', '.join(report.missing)} missing. "
            "Nothing was stored.",
            "Add the policy shown, then try again.",
        )
        self.report = report


class AlreadyConnectedError(BotError):
    """C1: the team has its mailer."""

    def __init__(self, mailer: Mailer) -> None:
        super().__init__(
            ConnectionCode.ALREADY_CONNECTED,
        )
        self.mailer = mailer


@dataclass(frozen=True, slots=True)
class CredentialInput:
    """What was typed into the form, checked for its shape only."""

    region: str
    credentials: Credentials

    @classmethod
    def key(cls, region: str, access_key_id: str, secret: Secret) -> "CredentialInput":
        """Refuse what cannot be a key, before AWS is asked.

        Raises:
            BotError: with the field it is about.
        """
        _partition(region)
        if access_key_id.startswith("ASIA"):
            raise BotError(
                ConnectionCode.ACCESS_KEY_ID,
                "This is a temporary key, which stops working within hours.",
                "Make a permanent one: it begins with AKIA.",
                field="access_key_id",
            )
        if not KEY_ID.fullmatch(access_key_id):
            raise BotError(
                ConnectionCode.ACCESS_KEY_ID,
                "An access key ID is 20 capital letters and digits, beginning with AKIA.",
                "Copy it again, whole.",
                field="access_key_id",
            )
        if len(secret.reveal()) != SECRET_LENGTH or not _SECRET.fullmatch(secret.reveal()):
            raise BotError(
                ConnectionCode.SECRET_ACCESS_KEY,
                f"A secret access key has exactly {SECRET_LENGTH} letters, digits, + and /.",
                "Copy it again, whole; an SMTP password is something else.",
                field="secret_access_key",
            )
        return cls(region, AwsKey(access_key_id, secret))

    @classmethod
    def role(cls, region: str, arn: str, external_id: str) -> "CredentialInput":
        """Refuse what cannot be a role of this region's partition. The ExternalId is never one that was typed.

        Raises:
            BotError: with the field it is about.
        """
        partition, found = _partition(region), ROLE_ARN.fullmatch(arn)
        if found is None or found[1] != partition:
            raise BotError(
                ConnectionCode.ROLE_ARN,
                f"A role ARN looks like arn:{partition}:iam::111122223333:role/name.",
                "Copy it from the outputs of the stack, whole.",
                field="role_arn",
            )
        return cls(region, AwsRole(arn, external_id))


def _partition(region: str) -> str:
    known = require(
        find_region(region),
        ConnectionCode.REGION,
        "Amazon SES is not in this region.",
        "Choose one from the list.",
        field="region",
    )
    return known.partition


def noun(report: AccessReport) -> str:
    """What the credentials are called that a report is about."""
    return "role" if ":assumed-role/" in report.principal_arn else "key"


def require_passed(report: AccessReport, account_id: str) -> Provisioned:
    """Return what was set up, if the credentials may do everything; `account_id` is the one wanted, or empty.

    Raises:
        BotError: ROOT_KEY, OTHER_ACCOUNT, ACCESS_REFUSED (with the report), UNDECIDED.
    """
    if report.is_root:
        raise BotError(
            ConnectionCode.ROOT_KEY,
        )
    if account_id not in {"", report.account_id}:
        raise BotError(
            ConnectionCode.OTHER_ACCOUNT,
            f"This {noun(report)} belongs to AWS account {report.account_id}, and the mailer is in {account_id}. "
            "Nothing was changed.",
            "For another account delete the mailer and connect again.",
        )
    if report.missing:
        raise AccessRefusedError(report)
    if report.refusal is not None and report.refusal.action in report.undecided:
        raise BotError(
            ConnectionCode.UNDECIDED,
            f"AWS does not take what Mailroom sets up ({report.refusal.action}): {report.refusal.text} "
            "Nothing was stored.",
            "Please try again in a minute; if it stays so, an AWS admin can say what forbids it.",
        )
    if report.set_up is None or report.undecided:
        raise BotError(
            ConnectionCode.UNDECIDED,
            f"AWS did not say whether the {noun(report)} may do everything ({', '.join(report.undecided)}). "
            "Nothing was stored.",
            "Please try again in a minute.",
        )
    return report.set_up


def explain_rejection(error: SesError) -> BotError:
    """Say what AWS's refusal means for credentials that were just typed."""
    nothing = "Nothing was stored."
    match error.kind:
        case ErrorKind.ACCESS if error.action == ASSUME_ROLE:
            return BotError(
                ConnectionCode.ROLE_REFUSED,
                f"This role does not let Mailroom in with this channel's External ID. {nothing}",
                "Make it with the template shown here; a role made just now may take a minute.",
                field="role_arn",
            )
        case ErrorKind.ACCESS if error.code in UNKNOWN_KEY_CODES:
            return BotError(
                ConnectionCode.WRONG_KEY,
                "AWS does not know this access key ID in this region: it is mistyped or switched off, "
                f"or the region is switched off in the account. {nothing}",
                "Copy it again from IAM › Users › Security credentials, and look at the region.",
                field="access_key_id",
            )
        case ErrorKind.ACCESS:
            return BotError(
                ConnectionCode.WRONG_KEY,
                f"The secret access key does not belong to this access key ID. {nothing}",
                "Copy both again, or make a new key.",
                field="secret_access_key",
            )
        case ErrorKind.REGION_OFF | ErrorKind.NOT_SIGNED_UP | ErrorKind.NOT_SENT:
            return BotError(
                ConnectionCode.REGION,
                f"Amazon SES does not answer for this account in this region. {nothing}",
                "Switch the region on in AWS, or choose another one.",
                field="region",
            )
        case ErrorKind.CLOCK_SKEW:
            return BotError(
                ConnectionCode.CLOCK,
                f"AWS says that this server's clock is wrong. {nothing}",
                "The operator of Mailroom must set it.",
            )
    refused = explain(error)
    return BotError(refused.code, f"{refused.sentence} {nothing}", refused.next_step)


def open_role() -> BotError:
    """Refuse a role that others could use through Mailroom, too."""
    return BotError(
        ConnectionCode.OPEN_ROLE,
        field="role_arn",
    )
