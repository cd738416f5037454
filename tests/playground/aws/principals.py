"""Who may do what in the playground's AWS: access keys, roles, sessions and their permissions."""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from tests.playground.aws.rules import Late

# Allowed unless said otherwise: what a broadcast tool needs. iam is not in it, as in real life a policy
# written for sending mail does not let a user simulate policies.
ORDINARY = frozenset({"ses:*", "sns:*", "sqs:*", "sts:*"})
_KEY_LETTERS = string.ascii_uppercase + "234567"
_SECRET_LETTERS = string.ascii_letters + string.digits + "+/"
CANARY = "KaNaRy"  # stands in every secret that is handed out here, so that it is known wherever it is seen


@dataclass(frozen=True, slots=True)
class Permissions:
    """Action patterns as in an IAM policy (`ses:*`, `ses:Get*`); deny wins, and nothing else is allowed."""

    allow: frozenset[str] = ORDINARY
    deny: frozenset[str] = frozenset()

    def denied(self, action: str) -> bool:
        return _matches(action, self.deny)

    def allows(self, action: str) -> bool:
        return _matches(action, self.allow) and not self.denied(action)


@dataclass(slots=True, eq=False)
class Principal:
    arn: str
    account: str
    user_id: str
    permissions: Late[Permissions]


@dataclass(frozen=True, slots=True)
class Key:
    """What AWS hands out: the access key, and for a session its token."""

    access_key_id: str
    secret_access_key: str
    account: str
    arn: str
    session_token: str | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """A role that `trusted` (an account number) may assume, with `external_id` when that is set."""

    arn: str
    account: str
    external_id: str | None = None
    trusted: str | None = None


@dataclass(slots=True)
class Credential:
    key: Key
    principal: Principal
    active: bool = True
    expires: datetime | None = None


def permissions(allow: Iterable[str] | None, deny: Iterable[str]) -> Permissions:
    """`allow=None` is the ordinary policy of a mailing tool; `{"*"}` is everything."""
    return Permissions(ORDINARY if allow is None else frozenset(allow), frozenset(deny))


@dataclass(slots=True)
class Directory:
    """Every key and role of every account."""

    credentials: dict[str, Credential] = field(default_factory=dict)
    _roles: dict[str, tuple[Role, Principal]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def create_key(self, account: str, user: str, granted: Permissions, *, root: bool) -> Key:
        arn = f"arn:aws:iam::{account}:root" if root else f"arn:aws:iam::{account}:user/{user}"
        user_id = account if root else _id("AIDA")
        principal = Principal(arn, account, user_id, Late(Permissions(frozenset({"*"})) if root else granted))
        return self._issue(principal, "AKIA").key

    def create_role(
        self, account: str, name: str, granted: Permissions, external_id: str | None, trusted: str | None
    ) -> Role:
        role = Role(f"arn:aws:iam::{account}:role/{name}", account, external_id, trusted)
        with self._lock:
            self._roles[role.arn] = role, Principal(role.arn, account, _id("AROA"), Late(granted))
        return role

    def role(self, arn: str) -> tuple[Role, Principal] | None:
        return self._roles.get(arn)

    def delete_role(self, arn: str) -> None:
        """Sessions of a deleted role live on, and may do nothing."""
        with self._lock:
            _, principal = self._roles.pop(arn)
        principal.permissions = Late(Permissions(frozenset()))

    def open_session(self, role: Principal, session: str, expires: datetime) -> Credential:
        """Credentials of an assumed role; they share the role's permissions, also when these change later."""
        return self._issue(role, "ASIA", session, expires)

    def find(self, access_key_id: str) -> Credential | None:
        return self.credentials.get(access_key_id)

    def set_active(self, access_key_id: str, active: bool) -> None:
        self.credentials[access_key_id].active = active

    def set_permissions(self, who: Key | Role | str, granted: Permissions, now: datetime, seconds: float) -> None:
        """`who` is a key, a role, an access key id or a role's ARN."""
        name = who.access_key_id if isinstance(who, Key) else who.arn if isinstance(who, Role) else who
        principal = self._roles[name][1] if name in self._roles else self.credentials[name].principal
        principal.permissions.change(granted, now, seconds)

    def clear(self) -> None:
        with self._lock:
            self.credentials.clear()
            self._roles.clear()

    def _issue(
        self, principal: Principal, prefix: str, session: str | None = None, expires: datetime | None = None
    ) -> Credential:
        arn = principal.arn
        if session is not None:
            name = principal.arn.rpartition("/")[2]
            arn = f"arn:aws:sts::{principal.account}:assumed-role/{name}/{session}"
        secret = "".join(secrets.choice(_SECRET_LETTERS) for _ in range(40 - len(CANARY))) + CANARY
        token = secrets.token_urlsafe(150) + CANARY if session is not None else None
        key = Key(_id(prefix), secret, principal.account, arn, token)
        credential = Credential(key, principal, expires=expires)
        with self._lock:
            self.credentials[key.access_key_id] = credential
        return credential


def expiry(now: datetime, seconds: int) -> datetime:
    return now + timedelta(seconds=seconds)


def _id(prefix: str) -> str:
    return prefix + "".join(secrets.choice(_KEY_LETTERS) for _ in range(16))


def _matches(action: str, patterns: Iterable[str]) -> bool:
    folded = action.lower()
    return any(fnmatchcase(folded, pattern.lower()) for pattern in patterns)
