"""Signs calls to AWS for many mailers from one botocore session, in threads of its own.

botocore blocks, so its calls never run in the event loop or in its default executor, where one hanging region would
stop everything else.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import botocore.session
from botocore.config import Config

from bot.ses.errors import AWS_FAILURES, classify
from storage.sealing import Secret

T = TypeVar("T")

_MODELS = {"ses": "sesv2"}  # botocore's name of a service, where it is not the prefix of its IAM actions


# `total_max_attempts` in code also wins over AWS_MAX_ATTEMPTS. A mail must never go out twice, and SES has no
# idempotency token: what is not repeated here is repeated by the caller, where the answer proves that nothing was done.
# botocore's own check of parameters is a third of the CPU time of a bulk send, and SES checks them anyway.
def _config(attempts: int, read_seconds: float) -> Config:
    return Config(
        connect_timeout=3,
        read_timeout=read_seconds,
        retries={"total_max_attempts": attempts, "mode": "standard"},
        parameter_validation=attempts > 1,
    )


@dataclass(frozen=True)
class AwsKey:
    """An access key, or with a session token the temporary credentials of a role."""

    access_key_id: str
    secret_access_key: Secret
    session_token: Secret | None = None


class SesClients:
    """Makes and keeps the botocore clients of every mailer, and runs their calls.

    A session costs about 80 ms and is shared; a client costs about 4 ms, and the ones used last are kept.
    """

    def __init__(self, *, threads: int = 16, kept: int = 64, send_seconds: float = 20) -> None:
        """Take `send_seconds` as the time a call without a second attempt may wait for its answer."""
        self._once = _config(attempts=1, read_seconds=send_seconds)
        self._retried = _config(attempts=3, read_seconds=10)
        self._session = botocore.session.Session()
        self._session.set_config_variable("sts_regional_endpoints", "regional")
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="aws")
        self._kept = kept
        self._clients: OrderedDict[tuple[str, ...], Any] = OrderedDict()
        self._lock = threading.Lock()  # creating clients from one session is not safe in threads

    def sign_in(self, owner: str, version: int, key: AwsKey, region: str) -> AwsSession:
        """Call AWS as `owner` (a mailer's id, or a connection that is being checked) in one region.

        `version` is that of the owner's credentials: with another one, new clients are made.
        """
        return AwsSession(self, owner, version, key, region)

    def forget(self, owner: str) -> None:
        """Drop the clients of an owner that is gone, and the credentials in them."""
        with self._lock:
            dropped = [self._clients.pop(name) for name in list(self._clients) if name[0] == owner]
        for client in dropped:
            client.close()

    def close(self) -> None:
        """Wait for the calls under way (at most `send_seconds`), then close every connection."""
        self._pool.shutdown(cancel_futures=True)
        with self._lock:
            dropped = list(self._clients.values())
            self._clients.clear()
        for client in dropped:
            client.close()

    async def run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def client(self, session: AwsSession, service: str, once: bool) -> Any:
        """Get the kept client, or make it. Blocks: for the threads of the pool only."""
        key = session.key
        # The key id is in the name because temporary credentials change within one version.
        name = (session.owner, str(session.version), key.access_key_id, session.region, service, str(once))
        evicted = None
        with self._lock:
            client = self._clients.pop(name, None) or self._create(session, service, once)
            self._clients[name] = client
            if len(self._clients) > self._kept:
                _, evicted = self._clients.popitem(last=False)
        if evicted is not None:
            evicted.close()  # a call under way in it goes on
        return client

    def _create(self, session: AwsSession, service: str, once: bool) -> Any:
        key = session.key
        return self._session.create_client(
            service,
            region_name=session.region,
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret_access_key.reveal(),
            aws_session_token=key.session_token.reveal() if key.session_token else None,
            config=self._once if once else self._retried,
        )


class AwsSession:
    """One owner's credentials in one region."""

    def __init__(self, clients: SesClients, owner: str, version: int, key: AwsKey, region: str) -> None:
        self._clients = clients
        self.owner = owner
        self.version = version
        self.key = key
        self.region = region

    async def call(self, action: str, call: Callable[[Any], T], *, once: bool = False) -> T:
        """Run one call, in a thread.

        Args:
            action: the IAM action the call needs; its prefix says which client `call` is given.
            call: what to do with the client. It may be run after its caller is cancelled.
            once: one attempt, whatever happens; else up to three.

        Raises:
            SesError: when it fails.
        """
        prefix = action.partition(":")[0]

        def work() -> T:
            client = self._clients.client(self, _MODELS.get(prefix, prefix), once)
            try:
                return call(client)
            except AWS_FAILURES as error:
                # Without the cause: its text holds what was sent, and tracebacks are logged.
                raise classify(error, action) from None

        return await self._clients.run(work)
