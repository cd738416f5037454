"""The two ways in which a mailer signs in to AWS."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from storage import Secret, SignIn


@dataclass(frozen=True)
class AwsKey:
    """An access key, or with a session token the temporary credentials of a role."""

    kind: ClassVar[SignIn] = SignIn.ACCESS_KEY

    access_key_id: str
    secret_access_key: Secret
    session_token: Secret | None = None


@dataclass(frozen=True)
class AwsRole:
    """A role in the team's account, which lets Mailroom's own principal in when it names the team's ExternalId."""

    kind: ClassVar[SignIn] = SignIn.ROLE

    arn: str
    external_id: str = field(repr=False)


Credentials = AwsKey | AwsRole
