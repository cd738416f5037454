"""A local AWS, and Mailroom's clients pointed at it as an operator would: by botocore's own variable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from bot.ses.client import AwsSession, SesClients
from bot.ses.credentials import AwsKey
from storage.sealing import Secret
from tests.playground.aws import AwsPlayground, Key
from tests.playground.aws.playground import utc_now

REGION = "eu-west-1"


class Ticker:
    """A monotonic clock that only sleeping moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def aws(aws: AwsPlayground, ticker: Ticker) -> AwsPlayground:
    """As everywhere, but its time passes, and who sleeps by the ticker lets it pass at once."""
    aws.clock = lambda: utc_now() + timedelta(seconds=ticker.seconds)
    return aws


@pytest.fixture(scope="package")
def shared_clients() -> Iterator[SesClients]:
    """One for all tests: reading botocore's models again for each would be most of their time."""
    made = SesClients(threads=6)
    yield made
    made.close()


@pytest.fixture
def clients(shared_clients: SesClients, ticker: Ticker) -> Iterator[SesClients]:
    shared_clients.sleep = ticker.sleep
    yield shared_clients
    shared_clients.forget("mailer")
    for client in shared_clients._clients.values():
        client.close()
    shared_clients._clients.clear()  # some had another address than this AWS's


SignIn = Callable[[Key], AwsSession]


@pytest.fixture
def sign_in(clients: SesClients) -> SignIn:
    def signed_in(key: Key) -> AwsSession:
        return clients.sign_in("mailer", 1, aws_key(key), REGION)

    return signed_in


@pytest.fixture
def ticker() -> Ticker:
    return Ticker()


def aws_key(key: Key) -> AwsKey:
    token = Secret(key.session_token) if key.session_token else None
    return AwsKey(key.access_key_id, Secret(key.secret_access_key), token)
