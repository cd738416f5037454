"""What the tests of the AWS playground share: a running one, and real boto3 clients that are closed again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.playground.aws import AwsPlayground, Key, Rules

REGION = "eu-west-1"
SENDER = "News <news@example.com>"
_CONFIG = Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=5, parameter_validation=False)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


class Clients:
    """boto3 clients of one playground; one key is made for those that name none."""

    def __init__(self, aws: AwsPlayground) -> None:
        self.aws = aws
        self.key = aws.create_key()
        self._open: list[Any] = []

    def __call__(self, service: str, key: Key | None = None, region: str = REGION) -> Any:
        used = key or self.key
        client = _session().client(
            service,  # type: ignore[call-overload]
            region_name=region,
            endpoint_url=self.aws.url,
            aws_access_key_id=used.access_key_id,
            aws_secret_access_key=used.secret_access_key,
            aws_session_token=used.session_token,
            config=_CONFIG,
        )
        self._open.append(client)
        return client

    def close(self) -> None:
        for client in self._open:
            client.close()


@contextmanager
def running(clock: Clock | None = None, rules: Rules | None = None) -> Iterator[Clients]:
    """A playground that is kind, unless rules are given."""
    with AwsPlayground(clock) as aws:
        aws.rules = rules or Rules.kind()
        clients = Clients(aws)
        yield clients
        clients.close()


def code_of(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


def bulk(client: Any, *recipients: str, template: dict[str, str] | None = None, **more: Any) -> list[dict[str, Any]]:
    """SendBulkEmail with one entry a recipient; the results."""
    content = template or {"Subject": "Hello", "Text": "Hello", "Html": "<p>Hello</p>"}
    answer = client.send_bulk_email(
        FromEmailAddress=more.pop("sender", SENDER),
        DefaultContent={"Template": {"TemplateContent": content, "TemplateData": "{}"}},
        BulkEmailEntries=[{"Destination": {"ToAddresses": [each]}} for each in recipients],
        **more,
    )
    return list(answer["BulkEmailEntryResults"])


def simple(client: Any, *recipients: str, **more: Any) -> str:
    """SendEmail with one text; the message id."""
    answer = client.send_email(
        FromEmailAddress=more.pop("sender", SENDER),
        Destination={"ToAddresses": list(recipients)},
        Content={"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hello"}}}},
        **more,
    )
    return str(answer["MessageId"])


@lru_cache
def _session() -> boto3.Session:
    return boto3.Session()
