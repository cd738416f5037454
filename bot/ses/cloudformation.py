"""The CloudFormation template of the role a team makes for Mailroom, and the ways to make a stack of it.

One template serves every team: Mailroom's own account and the team's ExternalId are parameters, neither of them NoEcho,
since a quick-create link cannot fill such a one ("Create quick-create links for stacks", CloudFormation User Guide).
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from bot.ses.assume_role import SESSION_SECONDS
from bot.ses.iam_policy import policy
from bot.ses.regions import find_region

FILE_NAME = "mailroom-role.yaml"
_CONSOLES = {
    "aws-cn": "{region}.console.amazonaws.cn",
    "aws-us-gov": "{region}.console.amazonaws-us-gov.com",
    "aws-eusc": "{region}.console.amazonaws-eusc.eu",
}
_ITSELF = "role/${AWS::StackName}-*"  # a role's name cannot stand in its own policy, but it begins with the stack's


@dataclass(frozen=True, slots=True)
class RoleOffer:
    """What a team's role has to hold on to.

    Attributes:
        account_id: of Mailroom's own principal, twelve digits.
        external_id: the team's.
        template_url: the template in S3, where an operator has put it there.
    """

    account_id: str
    external_id: str
    template_url: str = ""

    @property
    def stack_name(self) -> str:
        """A name of its own for each team, since several may use one account."""
        return f"mailroom-{self.external_id[-8:]}"

    def command(self, region: str) -> str:
        """Write the commands that make the stack and print the role's ARN, for the AWS CLI in a POSIX shell."""
        return (
            f"aws cloudformation create-stack --region {region} --stack-name {self.stack_name} \\\n"
            f"  --template-body file://{FILE_NAME} --capabilities CAPABILITY_IAM \\\n"
            f"  --parameters ParameterKey=MailroomAccount,ParameterValue={self.account_id} \\\n"
            f"    ParameterKey=ExternalId,ParameterValue={self.external_id}\n"
            f"aws cloudformation wait stack-create-complete --region {region} --stack-name {self.stack_name}\n"
            f"aws cloudformation describe-stacks --region {region} --stack-name {self.stack_name} \\\n"
            "  --query 'Stacks[0].Outputs[0].OutputValue' --output text"
        )

    def link(self, region: str) -> str:
        """Return the quick-create link, or an empty text where the template is not in S3."""
        if not self.template_url:
            return ""
        known = find_region(region)
        host = _CONSOLES.get(known.partition if known else "", "{region}.console.aws.amazon.com")
        query = urlencode(
            {
                "templateURL": self.template_url,
                "stackName": self.stack_name,
                "param_MailroomAccount": self.account_id,
                "param_ExternalId": self.external_id,
            }
        )
        console = f"https://{host.format(region=region)}/cloudformation/home?region={region}"
        return f"{console}#/stacks/create/review?{query}"


def template() -> str:
    """Write the template, in YAML."""
    import yaml  # noqa: PLC0415 - not needed for a start

    return yaml.safe_dump(_template(), sort_keys=False, default_flow_style=None, width=1000)


def _template() -> dict[str, Any]:
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${MailroomAccount}:root"}},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}}},
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Lets Mailroom use Amazon SES in this account",
        "Parameters": {
            "MailroomAccount": {
                "Type": "String",
                "Description": "The AWS account Mailroom runs in",
                "AllowedPattern": "[0-9]{12}",
            },
            "ExternalId": {
                "Type": "String",
                "Description": "As Mailroom shows it in Slack",
                "AllowedPattern": "mailroom-[A-Za-z0-9]{32,}",
            },
        },
        "Resources": {
            "MailroomRole": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "MaxSessionDuration": SESSION_SECONDS,
                    "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
                    "Policies": [{"PolicyName": "mailroom", "PolicyDocument": _policy()}],
                },
            }
        },
        "Outputs": {"RoleArn": {"Value": {"Fn::GetAtt": ["MailroomRole", "Arn"]}}},
    }


def _policy() -> dict[str, Any]:
    """Take the one policy, with what only CloudFormation knows filled in by it."""
    document = policy("${AWS::Partition}", "${AWS::AccountId}", _ITSELF)
    for statement in document["Statement"]:
        if "${" in statement["Resource"]:
            statement["Resource"] = {"Fn::Sub": statement["Resource"]}
    return document
