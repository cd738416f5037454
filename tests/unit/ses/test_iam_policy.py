"""The IAM policy that is pasted."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from botocore import xform_name

from bot.ses.iam_policy import STATEMENTS, policy, policy_json
from bot.ses.permission_probes import probes

ROOT = Path(__file__).parents[3]
SET_UP_ACTIONS = {
    "ses:CreateConfigurationSet",
    "ses:CreateConfigurationSetEventDestination",
    "ses:GetConfigurationSetEventDestinations",
    "ses:UpdateConfigurationSetEventDestination",
    "ses:DeleteConfigurationSet",
    "sns:CreateTopic",
    "sns:GetTopicAttributes",
    "sns:SetTopicAttributes",
    "sns:Subscribe",
    "sns:DeleteTopic",
    "sqs:CreateQueue",
    "sqs:SetQueueAttributes",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:DeleteQueue",
}


def test_everything_that_is_checked_or_set_up_is_in_the_policy() -> None:
    granted = {action for statement in STATEMENTS for action in statement.actions}
    assert {action for probe in probes() for action in probe.actions} <= granted
    assert granted >= SET_UP_ACTIONS


LOOKED_AT = {"SendRawEmail": "SendEmail", "SendBulkTemplatedEmail": "SendBulkEmail"}
"""AWS wants these for a call of another name (anymail, docs/esps/amazon_ses.rst)."""


def test_each_action_of_the_policy_is_called_somewhere() -> None:
    """A call that only tries whether it is allowed is no reason to be allowed it."""
    bot = ROOT / "bot"
    trying = {bot / "ses" / "permission_probes.py", *(bot / "ses" / "live").glob("*.py")}
    source = "\n".join(path.read_text() for path in sorted(set(bot.rglob("*.py")) - trying))
    names = {action.partition(":")[2] for statement in STATEMENTS for action in statement.actions}
    names -= {"SimulatePrincipalPolicy"}  # which is what trying is
    called = {name for name in names if re.search(rf"\b{xform_name(LOOKED_AT.get(name, name))}\b", source)}
    assert names - called == set()


def test_the_readme_shows_the_policy_as_it_is() -> None:
    assert f"```json\n{policy_json('aws')}\n```" in (ROOT / "README.md").read_text()


def test_topics_and_queues_are_granted_by_name_in_the_account_and_partition() -> None:
    resources = {
        statement["Sid"]: statement["Resource"] for statement in policy("aws-us-gov", "111122223333")["Statement"]
    }
    assert resources["MailroomTopic"] == "arn:aws-us-gov:sns:*:111122223333:mailroom-*"
    assert resources["MailroomQueue"] == "arn:aws-us-gov:sqs:*:111122223333:mailroom-*"
    assert resources["MailroomCheck"] == "arn:aws-us-gov:iam::111122223333:user/${aws:username}"


def test_a_role_may_simulate_itself() -> None:
    resources = [statement["Resource"] for statement in policy("aws", "111122223333", "role/mailroom")["Statement"]]
    assert "arn:aws:iam::111122223333:role/mailroom" in resources


@pytest.mark.parametrize("account_id", ["*", "111122223333"])
def test_the_policy_fits_where_iam_gives_the_least_room(account_id: str) -> None:
    text = policy_json("aws-us-gov", account_id)
    assert json.loads(text) == policy("aws-us-gov", account_id)
    assert len("".join(text.split())) <= 2048


def test_statements_are_distinct_and_name_each_action_once() -> None:
    actions = [action for statement in STATEMENTS for action in statement.actions]
    assert len(actions) == len(set(actions))
    assert len({statement.sid for statement in STATEMENTS}) == len(STATEMENTS)
