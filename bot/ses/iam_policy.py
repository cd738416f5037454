"""The IAM policy a team pastes: what Mailroom needs, and nothing that it does not.

It stays below 2,048 characters, the least that IAM gives (to the inline policies of one user, white space not counted;
"IAM and AWS STS quotas").
"""

import json
from dataclasses import dataclass
from typing import Any

ANY_ACCOUNT = "*"
THIS_USER = "user/${aws:username}"


@dataclass(frozen=True)
class Statement:
    """One statement of the policy. `resource` may name {partition}, {account} and {principal}."""

    sid: str
    why: str
    resource: str
    actions: tuple[str, ...]
    optional: bool = False


def _actions(service: str, names: str) -> tuple[str, ...]:
    return tuple(f"{service}:{name}" for name in names.split())


STATEMENTS = (
    Statement(
        "MailroomManage",
        "read the account, look after identities and the configuration set, ask for production access",
        "*",
        _actions(
            "ses",
            "GetAccount PutAccountDetails ListEmailIdentities CreateEmailIdentity GetEmailIdentity DeleteEmailIdentity "
            "PutEmailIdentityMailFromAttributes PutEmailIdentityConfigurationSetAttributes CreateConfigurationSet "
            "CreateConfigurationSetEventDestination GetConfigurationSetEventDestinations "
            "UpdateConfigurationSetEventDestination DeleteConfigurationSet",
        ),
    ),
    Statement(
        "MailroomSuppressions",
        "read AWS's own suppression list, and take off it what is lifted here",
        "*",
        _actions("ses", "ListSuppressedDestinations GetSuppressedDestination DeleteSuppressedDestination"),
        optional=True,
    ),
    Statement(
        "MailroomForwarding",
        "switch off AWS's own mails about bounces and complaints, which Mailroom is told by events",
        "*",
        _actions("ses", "PutEmailIdentityFeedbackAttributes"),
        optional=True,
    ),
    Statement(
        "MailroomSend",
        "send mail",
        "*",
        _actions("ses", "SendEmail SendRawEmail SendBulkEmail SendBulkTemplatedEmail"),
    ),
    Statement(
        "MailroomTopic",
        "have SES report deliveries, bounces and complaints to a topic",
        "arn:{partition}:sns:*:{account}:mailroom-*",
        _actions(
            "sns",
            "CreateTopic GetTopicAttributes SetTopicAttributes Subscribe ConfirmSubscription DeleteTopic",
        ),
    ),
    Statement(
        "MailroomQueue",
        "collect those reports from a queue; without it they need a public address of Mailroom's",
        "arn:{partition}:sqs:*:{account}:mailroom-*",
        _actions(
            "sqs",
            "CreateQueue SetQueueAttributes GetQueueAttributes ReceiveMessage DeleteMessage DeleteQueue",
        ),
        optional=True,
    ),
    Statement(
        "MailroomCheck",
        "ask IAM what is allowed instead of trying it",
        "arn:{partition}:iam::{account}:{principal}",
        _actions("iam", "SimulatePrincipalPolicy"),
        optional=True,
    ),
)


def policy(partition: str, account_id: str = ANY_ACCOUNT, principal: str = THIS_USER) -> dict[str, Any]:
    """Build the policy document.

    Args:
        partition: `aws`, `aws-us-gov`, … (regions.py).
        account_id: twelve digits, where they are known already.
        principal: whose permissions may be simulated, as it ends an IAM ARN: `role/mailroom` for a role.
    """
    names = {"partition": partition, "account": account_id, "principal": principal}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": statement.sid,
                "Effect": "Allow",
                "Action": list(statement.actions),
                "Resource": statement.resource.format(**names),
            }
            for statement in STATEMENTS
        ],
    }


def policy_json(partition: str, account_id: str = ANY_ACCOUNT, principal: str = THIS_USER) -> str:
    """Write the policy as one pastes it into the IAM console."""
    return json.dumps(policy(partition, account_id, principal), indent=2)
