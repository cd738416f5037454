"""Why a mailer is not connected, and why no application for production is sent."""

from bot.errors import Code


class ConnectionCode(Code):
    OTHER_REGION = "OTHER_REGION"
    OPEN_ROLE = (
        "OPEN_ROLE",
        "This role lets Mailroom in without the External ID, so that others could use it, too. Nothing was stored.",
        "Have its trust policy ask for the External ID shown here (StringEquals sts:ExternalId), then try again.",
    )
    ACCESS_REFUSED = "ACCESS_REFUSED"
    ALREADY_CONNECTED = (
        "ALREADY_CONNECTED",
        "This channel is already connected to an AWS account.",
        "Reconnect it, or delete the mailer first.",
    )
    REGION = "REGION"
    ROOT_KEY = (
        "ROOT_KEY",
        "This is a key of the AWS account's root user, which may do anything. Nothing was stored.",
        "Make an IAM user for Mailroom alone, with the policy from the README.",
    )
    OTHER_ACCOUNT = "OTHER_ACCOUNT"
    UNDECIDED = "UNDECIDED"
    ACCESS_KEY_ID = "ACCESS_KEY_ID"
    SECRET_ACCESS_KEY = "SECRET_ACCESS_KEY"  # noqa: S105 - a code
    ROLE_ARN = "ROLE_ARN"
    ROLE_REFUSED = "ROLE_REFUSED"
    WRONG_KEY = "WRONG_KEY"
    CLOCK = "CLOCK"
    WEBSITE = "WEBSITE"
    CONTACTS = "CONTACTS"
    USE_CASE = "USE_CASE"
    CONFLICT = (
        "CONFLICT",
        "AWS already has an application of this account, open or denied, and takes no second one here.",
        "Answer the case in the AWS Support Center instead.",
    )
    NO_PRINCIPAL = (
        "NO_PRINCIPAL",
        "This Mailroom has no AWS credentials of its own that work, so it cannot use a role.",
        "Use an access key, or ask the operator of Mailroom.",
    )
    GRANTED = "GRANTED", "This account already has production access.", "You can send with /broadcast."
    IN_REVIEW = "IN_REVIEW", "AWS is already reviewing an application of this account.", "The channel will be told."
    DENIED = (
        "DENIED",
        "AWS denied this account, and takes no second application here.",
        "Answer its case in the AWS Support Center.",
    )
