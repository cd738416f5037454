"""The AWS of `ministack`, in a process of its own and from an environment of its own (docs/decisions)."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import botocore.session

from tests.playground.aws import Key
from tests.playground.ports import free_port
from tests.playground.stage import ROOT

PROGRAM = ROOT / ".venv-ministack" / "bin" / "ministack"
REGION = "eu-west-1"
START_SECONDS = 60


class Ministack:
    """An AWS in which every account has a root, whose access key is the number of the account."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = botocore.session.Session()

    def root(self, service: str, account: str) -> Any:
        """A client that may do everything there."""
        return self._session.create_client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=account,
            aws_secret_access_key="root",
        )

    def create_key(self, account: str, policy: dict[str, Any], user: str = "mailroom") -> Key:
        """The key of a new user with this inline policy, as somebody makes it in the IAM console."""
        iam = self.root("iam", account)
        arn = iam.create_user(UserName=user)["User"]["Arn"]
        iam.put_user_policy(UserName=user, PolicyName="mailroom", PolicyDocument=json.dumps(policy))
        made = iam.create_access_key(UserName=user)["AccessKey"]
        return Key(made["AccessKeyId"], made["SecretAccessKey"], account, arn)

    def set_policy(self, key: Key, policy: dict[str, Any]) -> None:
        iam = self.root("iam", key.account)
        user = key.arn.rpartition("/")[2]
        iam.put_user_policy(UserName=user, PolicyName="mailroom", PolicyDocument=json.dumps(policy))

    def reset(self) -> None:
        """As new."""
        with urlopen(Request(f"{self.url}/_ministack/reset", method="POST"), timeout=START_SECONDS):  # noqa: S310
            pass


@contextmanager
def ministack() -> Iterator[Ministack]:
    """Start it on a free port of loopback, where it checks signatures and policies."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="ministack-") as folder:
        environment = {
            "AUTH": "true",
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "HOME": folder,
            "TMPDIR": folder,
            "PATH": "",  # it looks for Docker, databases and browsers, and is to find none
        }
        log = Path(folder) / "log"
        with log.open("wb") as written:
            process = subprocess.Popen([PROGRAM], env=environment, cwd=folder, stdout=written, stderr=written)  # noqa: S603
        try:
            _wait(process, f"http://127.0.0.1:{port}/_ministack/health", log)
            yield Ministack(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            with urlopen(url, timeout=START_SECONDS):  # noqa: S310 - our own process
                return
        except URLError:
            time.sleep(0.05)  # another process: there is nothing to wait on but its port
    raise RuntimeError(f"ministack did not start:\n{log.read_text()[-2000:]}")
