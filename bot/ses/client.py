"""Calls AWS for many mailers, in threads of its own; the clients are shared, and each call has its own credentials.

botocore blocks, so its calls never run in the event loop or in its default executor, where one hanging region would
stop everything else.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

from botocore.config import Config
from botocore.credentials import Credentials as BotocoreCredentials

from bot.ses.assume_role import Roles, new_session, prove
from bot.ses.credentials import AwsKey, AwsRole, Credentials
from bot.ses.errors import AWS_FAILURES, ErrorKind, SesError, classify
from bot.ses.request_bodies import take_ready_made

T = TypeVar("T")

_making = threading.Lock()  # creating clients from one session is not safe in threads
_signing = threading.local()  # `as_`: the credentials of the call that this thread makes
_NOBODY = "nobody"  # whose credentials a client has itself, so that it never looks for those of this machine

WAITS = {
    ErrorKind.THROTTLED: (
        1,
        2,
        4,
        4,
        4,
    ),  # SES allows one call a second of most management operations (API v1 reference)
    ErrorKind.RATE: (1, 2, 4, 4, 4),
    ErrorKind.UNAVAILABLE: (1, 2),
    ErrorKind.NOT_SENT: (1, 2),
}
"""Seconds before a call is made again that may be: not in the thread, where others would wait as well."""

JITTER = 0.5
"""The share of a wait that may be added: what else calls once a second would else be met again at each try
(https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html)."""


def spread(wait: float) -> float:
    """Return the wait with a random part of JITTER, in seconds."""
    return wait * random.uniform(1, 1 + JITTER)  # noqa: S311 - hides nothing


_MODELS = {"ses": "sesv2"}  # botocore's name of a service, where it is not the prefix of its IAM actions


_session = cache(new_session)
"""The one from which every client is made: it costs 80 ms, and AWS's descriptions in it take 200 ms to read."""


# `total_max_attempts` in code also wins over AWS_MAX_ATTEMPTS. A mail must never go out twice, and SES has no
# idempotency token: a send is repeated by the caller, where the answer proves that nothing was done.
# botocore's own check of parameters is a third of the CPU time of a bulk send, and SES checks them anyway.
def _config(read_seconds: float, connections: int, *, checked: bool, attempts: int = 1) -> Config:
    return Config(
        max_pool_connections=connections,
        connect_timeout=3,
        read_timeout=read_seconds,
        retries={"total_max_attempts": attempts, "mode": "standard"},
        parameter_validation=checked,
    )


@contextmanager
def _signed_as(key: AwsKey) -> Iterator[None]:
    """Have every request that this thread makes meanwhile signed with these credentials."""
    token = key.session_token.reveal() if key.session_token else None
    _signing.as_ = BotocoreCredentials(key.access_key_id, key.secret_access_key.reveal(), token)
    try:
        yield
    finally:
        del _signing.as_


def _sign(context: dict[str, Any], **_event: Any) -> None:
    """Return the credentials of the request that botocore signs now; AttributeError outside of a request."""
    context["signing"] = {**context.get("signing", {}), "request_credentials": _signing.as_}


class SesClients:
    """Makes and keeps one botocore client for each region and service, and runs the calls of every mailer in them.

    A client costs about 4 ms and a connection, several times what a look at a mailer does.
    """

    def __init__(
        self,
        *,
        threads: int = 16,
        send_seconds: float = 20,
        seconds: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Make the threads; there are no clients yet.

        Args:
            threads: calls at one time.
            send_seconds: how long a call without a second attempt may wait for its answer.
            seconds: the clock on which the sessions of roles grow old.
            sleep: as asyncio.sleep; waits before a call is made again.
        """
        self.sleep = sleep
        self._once = _config(send_seconds, threads, checked=False)
        self._repeated = _config(10, threads, checked=True)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="aws")
        self._clients: dict[tuple[str, str, bool], Any] = {}
        self._lock = threading.Lock()
        self._roles = Roles(_config(10, threads, checked=True, attempts=3), seconds)

    def sign_in(
        self, owner: str, version: int, credentials: Credentials, region: str, connection: str = ""
    ) -> AwsSession:
        """Call AWS as `owner` (a mailer's id, or a connection that is being checked) in one region.

        `version` is that of the owner's credentials: with another one, a role is assumed again. Its sessions are named
        after the `connection` in the logs of the team's account.
        """
        return AwsSession(self, owner, version, credentials, region, f"mailroom-{connection}")

    async def own_account(self) -> str | None:
        """Return the account of Mailroom's own principal; None where roles cannot be assumed, for want of one."""
        return await self.run(self._roles.account)

    async def assume(self, session: AwsSession, role: AwsRole, external_id: str | None) -> AwsKey:
        """Assume a role with any ExternalId or none; the credentials are not kept.

        Raises:
            SesError: as `Roles.assume`.
        """
        return await self.run(lambda: self._roles.assume(role.arn, session.region, session.name, external_id))

    def forget(self, owner: str) -> None:
        """Drop the session of an owner that is gone; no other credentials are kept."""
        self._roles.forget(owner)

    def close(self) -> None:
        """Wait for the calls under way (at most `send_seconds`), then close every connection."""
        self._pool.shutdown(cancel_futures=True)
        self._roles.close()
        with self._lock:
            dropped = list(self._clients.values())
            self._clients.clear()
        for client in dropped:
            client.close()

    async def run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def key(self, session: AwsSession) -> AwsKey:
        """Get the credentials that work now. Blocks, as `client`."""
        if isinstance(session.credentials, AwsKey):
            return session.credentials
        return self._roles.key(session.owner, session.version, session.credentials, session.region, session.name)

    def renew(self, session: AwsSession, expired: AwsKey | None = None) -> bool:
        """Have a role asked again at the next call, however fresh its session; return whether it is a role."""
        if isinstance(session.credentials, AwsKey):
            return False
        if expired is None:
            self._roles.renew(session.owner, session.version)
        else:
            self._roles.drop(session.owner, session.version, expired)
        return True

    def client(self, region: str, service: str, once: bool) -> Any:
        """Get the client, or make it. Blocks: for the threads of the pool only."""
        name = (region, service, once)
        with self._lock:
            if name not in self._clients:
                self._clients[name] = self._create(region, service, once)
            return self._clients[name]

    def _create(self, region: str, service: str, once: bool) -> Any:
        with _making:
            client = _session().create_client(
                service,
                region_name=region,
                aws_access_key_id=_NOBODY,
                aws_secret_access_key=_NOBODY,
                config=self._once if once else self._repeated,
            )
        client.meta.events.register("choose-signer", _sign)
        if once:  # the others check parameters, and this is none that AWS knows
            take_ready_made(client)
        return client


class AwsSession:
    """One owner's credentials in one region."""

    def __init__(
        self, clients: SesClients, owner: str, version: int, credentials: Credentials, region: str, name: str
    ) -> None:
        self._clients = clients
        self.owner = owner
        self.version = version
        self.credentials = credentials
        self.region = region
        self.name = name

    async def call(self, action: str, call: Callable[[Any], T], *, once: bool = False) -> T:
        """Run one call, in a thread.

        Args:
            action: the IAM action the call needs; its prefix says which client `call` is given.
            call: what to do with the client. It may be run after its caller is cancelled.
            once: one attempt, whatever happens; else as many as WAITS has. What failed because a role's session had run
                out was not done, and is done in a new one.

        Raises:
            SesError: when it fails.
        """

        def work() -> T:
            key = self._clients.key(self)
            try:
                return self._make(key, action, call, once)
            except SesError as error:
                if error.kind is not ErrorKind.EXPIRED or not self._clients.renew(self, expired=key):
                    raise
            return self._make(self._clients.key(self), action, call, once)

        tries = 0
        while True:
            try:
                return await self._clients.run(work)
            except SesError as error:
                waits = () if once else WAITS.get(error.kind, ())
                if tries >= len(waits):
                    raise
            await self._clients.sleep(spread(waits[tries]))
            tries += 1

    async def sleep(self, seconds: float) -> None:
        await self._clients.sleep(seconds)

    def renew(self) -> None:
        """Have a role asked again at the next call whether it still lets Mailroom in; a key is always asked."""
        self._clients.renew(self)

    async def prove(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Prove that a role can be assumed for this team only; a key needs no proof.

        Raises:
            SesError: as `assume_role.prove`.
            OpenRoleError: as `assume_role.prove`.
        """
        if isinstance(role := self.credentials, AwsRole):
            await prove(lambda external_id: self._clients.assume(self, role, external_id), role.external_id, sleep)

    def _make(self, key: AwsKey, action: str, call: Callable[[Any], T], once: bool) -> T:
        prefix = action.partition(":")[0]
        client = self._clients.client(self.region, _MODELS.get(prefix, prefix), once)
        try:
            with _signed_as(key):
                return call(client)
        except AWS_FAILURES as error:
            # Without the cause: its text holds what was sent, and tracebacks are logged.
            raise classify(error, action) from None
