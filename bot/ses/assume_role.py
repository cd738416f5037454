"""Signing in by a role of the team's account: Mailroom's own principal assumes it, and names the team's ExternalId.

The ExternalId is made here and is another one for each team, so that nobody can have Mailroom use a role that somebody
else made for it ("The confused deputy problem", IAM User Guide). That only holds where the role insists on it, which is
proven before a role is taken.
"""

from __future__ import annotations

import logging
import secrets
import string
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import botocore.session
from botocore.config import Config

from bot.ses.credentials import AwsKey, AwsRole
from bot.ses.errors import ASSUME_ROLE, AWS_FAILURES, UNKNOWN_KEY_CODES, ErrorKind, SesError, classify
from storage import Secret

log = logging.getLogger(__name__)

SESSION_SECONDS = 3600  # every role allows it, and a principal that is itself a role may ask for no more (STS)
FRESH_SECONDS = 0.8 * SESSION_SECONDS
PATIENCE_SECONDS = 60.0  # before a renewal that AWS did not answer is tried again, while the old session lives
LOOK_AGAIN_SECONDS = 600.0  # for credentials of our own, where there were none: outside AWS looking takes 2 s
NEW_ROLE_WAITS_SECONDS = (2.0,) * 7  # a role made just now may not be known everywhere yet
EXTERNAL_ID_LENGTH = 32  # letters and digits: 190 bits

_THEIRS = {ErrorKind.REGION_OFF, ErrorKind.THROTTLED, ErrorKind.NOT_SENT}

Assume = Callable[[str | None], Awaitable[object]]


class OpenRoleError(Exception):
    """The role lets Mailroom in without the right ExternalId, and so would anybody who uses Mailroom."""


def new_external_id() -> str:
    return "mailroom-" + "".join(
        secrets.choice(string.ascii_letters + string.digits) for _ in range(EXTERNAL_ID_LENGTH)
    )


async def prove(assume: Assume, external_id: str, sleep: Callable[[float], Awaitable[None]]) -> None:
    """Prove that a role lets Mailroom in with the ExternalId, and with nothing else.

    Args:
        assume: assumes it with an ExternalId, or with None.
        external_id: the team's.
        sleep: as asyncio.sleep, in seconds.

    Raises:
        SesError: with ErrorKind.ACCESS where it does not let Mailroom in.
        OpenRoleError: it lets others in.
    """
    for wait in (*NEW_ROLE_WAITS_SECONDS, 0):
        try:
            await assume(external_id)
            break
        except SesError as error:
            if error.kind is not ErrorKind.ACCESS or not wait:
                raise
        await sleep(wait)
    for wrong in (None, new_external_id()):
        try:
            await assume(wrong)
        except SesError as error:
            if error.kind is not ErrorKind.ACCESS:
                raise
        else:
            raise OpenRoleError


@dataclass
class _Opened:
    """The session of one mailer's role. Times are in seconds of the clock that `Roles` was given."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    key: AwsKey | None = None
    renew_at: float = 0
    ends_at: float = 0


def new_session() -> botocore.session.Session:
    session = botocore.session.Session()
    session.set_config_variable("sts_regional_endpoints", "regional")
    return session


class Roles:
    """Mailroom's own principal, from wherever botocore finds its credentials, and the sessions it has opened.

    Everything here blocks: it is for the threads of the pool, except `renew` and `forget`.
    """

    def __init__(self, config: Config, seconds: Callable[[], float]) -> None:
        """Take a clock in seconds: a session's life is counted on it, so AWS's own clock does not matter."""
        self._config = config
        self._seconds = seconds
        self._lock = threading.Lock()  # neither finding credentials nor creating clients is safe in threads
        self._clients: dict[str, Any] = {}
        self._account: str | None = None
        self._look_at: float | None = None
        self._opened: dict[tuple[str, int], _Opened] = {}

    @cached_property
    def _session(self) -> botocore.session.Session:
        """Made when the first role is asked for: looking for credentials takes time, and a key needs none."""
        return new_session()

    def account(self) -> str | None:
        """Return the account that a role has to trust; None where Mailroom has no credentials of its own that work."""
        if self._account is None and (self._look_at is None or self._seconds() >= self._look_at):
            try:
                self._account = str(self._sts(self._home()).get_caller_identity()["Account"])
            except SesError:
                self._look_at = self._seconds() + LOOK_AGAIN_SECONDS
            except AWS_FAILURES as error:
                log.warning("Mailroom's own AWS credentials do not work: %s", classify(error, "sts:GetCallerIdentity"))
        return self._account

    def key(self, owner: str, version: int, role: AwsRole, region: str, name: str) -> AwsKey:
        """Return credentials that live on for a while: the ones at hand, or new ones.

        Raises:
            SesError: as `assume`.
        """
        opened = self._opened.setdefault((owner, version), _Opened())  # atomic
        with opened.lock:
            now = self._seconds()
            if opened.key is None or now >= opened.renew_at:
                try:
                    opened.key = self.assume(role.arn, region, name, role.external_id)
                    opened.renew_at, opened.ends_at = now + FRESH_SECONDS, now + SESSION_SECONDS
                except SesError as error:
                    if error.kind is ErrorKind.PRINCIPAL:
                        log.warning("Mailroom's own AWS credentials cannot assume roles: %s", error.code)
                    if opened.key is None or error.is_access_loss or now >= opened.ends_at:
                        raise
                    opened.renew_at = now + PATIENCE_SECONDS
            return opened.key

    def assume(self, arn: str, region: str, name: str, external_id: str | None) -> AwsKey:
        """Open a session, in the region's own STS.

        Raises:
            SesError: ErrorKind.ACCESS when the role does not let us in. Ours are ErrorKind.PRINCIPAL. That
                the call failed is never a doubt about another one: it is NOT_SENT, not UNAVAILABLE.
        """
        request: dict[str, Any] = {"RoleArn": arn, "RoleSessionName": name, "DurationSeconds": SESSION_SECONDS}
        if external_id is not None:
            request["ExternalId"] = external_id
        try:
            got = self._ask(region, request)
        except AWS_FAILURES as error:
            raise _attribute(classify(error, ASSUME_ROLE)) from None
        return AwsKey(got["AccessKeyId"], Secret(got["SecretAccessKey"]), Secret(got["SessionToken"]))

    def _ask(self, region: str, request: dict[str, Any]) -> Any:
        """Ask the region's STS; where it does not know our key, the home region's, whose sessions are valid there too.

        A region that our own account has not switched on knows none of its keys ("Managing AWS STS in an AWS Region",
        IAM User Guide).
        """
        try:
            return self._sts(region).assume_role(**request)["Credentials"]
        except AWS_FAILURES as error:
            home = self._home()
            if region == home or classify(error, ASSUME_ROLE).code not in UNKNOWN_KEY_CODES:
                raise
            return self._sts(home).assume_role(**request)["Credentials"]

    def _home(self) -> str:
        with self._lock:
            return str(self._session.get_config_variable("region") or "us-east-1")

    def drop(self, owner: str, version: int, expired: AwsKey) -> None:
        """Use these credentials no more."""
        opened = self._opened.get((owner, version))
        if opened is not None:
            with opened.lock:
                if opened.key is expired:  # else another thread was faster
                    opened.key = None

    def renew(self, owner: str, version: int) -> None:
        """Have the next call ask the role again whether it still lets Mailroom in."""
        opened = self._opened.get((owner, version))
        if opened is not None:
            opened.renew_at = 0

    def forget(self, owner: str) -> None:
        """Drop the sessions of an owner that is gone."""
        for name in [name for name in list(self._opened) if name[0] == owner]:
            self._opened.pop(name, None)

    def close(self) -> None:
        self._opened.clear()
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def _sts(self, region: str) -> Any:
        with self._lock:
            try:
                if self._session.get_credentials() is None:
                    raise SesError(ErrorKind.PRINCIPAL, "NoCredentials", ASSUME_ROLE)
                if region not in self._clients:
                    self._clients[region] = self._session.create_client("sts", region_name=region, config=self._config)
            except AWS_FAILURES as error:  # a profile that is not there, an identity provider that does not answer
                raise _attribute(classify(error, ASSUME_ROLE)) from None
            return self._clients[region]


def _attribute(error: SesError) -> SesError:
    """Tell what the team's role answered from what is wrong with us, for which no mailer is to lose its access."""
    if error.kind in _THEIRS or error.code.startswith("AccessDenied"):
        return error
    kind = ErrorKind.NOT_SENT if error.kind is ErrorKind.UNAVAILABLE else ErrorKind.PRINCIPAL
    return SesError(kind, error.code, error.action, error.text)
