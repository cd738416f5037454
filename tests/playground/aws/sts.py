"""Who am I, may I be somebody else, and what may I do: STS, and IAM's policy simulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from xml.sax.saxutils import escape

from tests.playground.aws.answers import AwsError
from tests.playground.aws.principals import Credential, Directory, Permissions, expiry
from tests.playground.aws.ses_state import Clock

Params = Mapping[str, str]


def get_caller_identity(_: Directory, __: Clock, caller: Credential, ___: Params) -> str:
    key = caller.key
    return f"<Arn>{key.arn}</Arn><UserId>{caller.principal.user_id}</UserId><Account>{key.account}</Account>"


def assume_role(directory: Directory, clock: Clock, caller: Credential, params: Params) -> str:
    """The role's trust policy: the account that may, and the ExternalId it must name."""
    arn, session = params.get("RoleArn", ""), params.get("RoleSessionName", "")
    found = directory.role(arn)
    role = found[0] if found else None
    trusts = role is not None and role.trusted in {None, caller.key.account}
    if found is None or role is None or not trusts or role.external_id not in {None, params.get("ExternalId")}:
        granted = caller.principal.permissions.at(clock())
        raise AwsError("AccessDenied", denial(caller, granted, "sts:AssumeRole", arn))
    seconds = int(params.get("DurationSeconds", "3600"))
    if not 900 <= seconds <= 3600:
        raise AwsError("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration.")
    expires = expiry(clock(), seconds)
    opened = directory.open_session(found[1], session, expires)
    key = opened.key
    return (
        f"<Credentials><AccessKeyId>{key.access_key_id}</AccessKeyId>"
        f"<SecretAccessKey>{key.secret_access_key}</SecretAccessKey>"
        f"<SessionToken>{key.session_token}</SessionToken>"
        f"<Expiration>{expires:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>"
        f"<AssumedRoleUser><AssumedRoleId>{opened.principal.user_id}:{escape(session)}</AssumedRoleId>"
        f"<Arn>{escape(key.arn)}</Arn></AssumedRoleUser>"
    )


def simulate_principal_policy(_: Directory, clock: Clock, caller: Credential, params: Params) -> str:
    """Answers about the caller itself (its user or role); there are no other principals to ask about here."""
    if params.get("PolicySourceArn") != caller.principal.arn:
        message = f"The principal {params.get('PolicySourceArn')} does not exist"
        raise AwsError("NoSuchEntity", message)
    granted = caller.principal.permissions.at(clock())
    actions = [value for name, value in params.items() if name.startswith("ActionNames.member.")]
    results = "".join(
        f"<member><EvalActionName>{escape(action)}</EvalActionName><EvalResourceName>*</EvalResourceName>"
        f"<EvalDecision>{_decision(granted, action)}</EvalDecision></member>"
        for action in actions
    )
    return f"<IsTruncated>false</IsTruncated><EvaluationResults>{results}</EvaluationResults>"


OPERATIONS: dict[str, Callable[[Directory, Clock, Credential, Params], str]] = {
    "sts:GetCallerIdentity": get_caller_identity,
    "sts:AssumeRole": assume_role,
    "iam:SimulatePrincipalPolicy": simulate_principal_policy,
}
"""Each gives the XML of its result."""


def denial(caller: Credential, granted: Permissions, action: str, resource: str) -> str:
    """AWS's sentence about a missing permission."""
    why = (
        "with an explicit deny in an identity-based policy"
        if granted.denied(action)
        else f"because no identity-based policy allows the {action} action"
    )
    return f"User: {caller.key.arn} is not authorized to perform: {action} on resource: {resource} {why}"


def _decision(granted: Permissions, action: str) -> str:
    if granted.allows(action):
        return "allowed"
    return "explicitDeny" if granted.denied(action) else "implicitDeny"
