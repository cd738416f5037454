"""What a Python team would write instead, each as its own documentation has it: `python -m tests.benchmarks.peers`.

It runs in an environment of its own (`requirements-peers.txt`), in which Mailroom is not; prints the CPU seconds and
the seconds that it took, and how many recipients it gave up.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import hmac
import html
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import boto3
import django
from anymail.exceptions import AnymailAPIError
from anymail.message import AnymailMessage
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

SENDER = "News <news@acme.test>"
TEMPLATE, CHUNK = "news", 50  # SendBulkEmail takes 50 destinations
_SECRET = b"of the links"
Person = dict[str, str]
Send = Callable[[Sequence[Person]], None]


class Letter:
    """The mail, with `{first_name}` and the like in it."""

    def __init__(self, content: dict[str, str]) -> None:
        self._subject, self._text, self._html = content["subject"], content["text"], content["html"]

    def filled(self, person: Person) -> tuple[str, str, str]:
        escaped = {name: html.escape(value) for name, value in person.items()}
        return self._subject.format_map(person), self._text.format_map(person), self._html.format_map(escaped)


def with_link(person: Person) -> Person:
    """Add the person's own link to unsubscribe."""
    token = hmac.new(_SECRET, person["email"].encode(), hashlib.sha256).hexdigest()
    return {**person, "unsubscribe": f"https://mail.example.net/u/{token}"}


def unsubscribe_headers(person: Person) -> dict[str, str]:
    """Return those of RFC 8058."""
    return {"List-Unsubscribe": f"<{person['unsubscribe']}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def retrying(kind: str) -> Retrying:
    """Return what a call is made through: where botocore tries again, it is made once."""
    return Retrying(
        retry=retry_if_exception_type((AnymailAPIError, ClientError, BotoCoreError)),
        wait=wait_random_exponential(multiplier=0.1, max=5),
        stop=stop_after_attempt(10 if kind == "tenacity" else 1),
        reraise=True,
    )


def config(kind: str, pool: int) -> dict[str, Any]:
    if kind == "tenacity":
        return {"max_pool_connections": pool, "retries": {"mode": "standard", "total_max_attempts": 1}}
    return {"max_pool_connections": pool, "retries": {"mode": kind, "total_max_attempts": 10}}


def of_boto3(letter: Letter, options: argparse.Namespace) -> Send:
    client = boto3.client("sesv2", config=Config(**config(options.retries, options.workers)), **_where(options))
    tries = retrying(options.retries)

    def send(people: Sequence[Person]) -> None:
        (person,) = people
        subject, text, page = letter.filled(person)
        headers = [{"Name": name, "Value": value} for name, value in unsubscribe_headers(person).items()]
        body = {"Text": {"Data": text}, "Html": {"Data": page}}
        tries.copy()(
            client.send_email,
            FromEmailAddress=SENDER,
            Destination={"ToAddresses": [person["email"]]},
            Content={"Simple": {"Subject": {"Data": subject}, "Body": body, "Headers": headers}},
            ConfigurationSetName="mailroom",
        )

    return send


def of_anymail(letter: Letter, options: argparse.Namespace) -> Send:
    connection, tries = _connection(options), retrying(options.retries)

    def send(people: Sequence[Person]) -> None:
        (person,) = people
        subject, text, page = letter.filled(person)
        message = EmailMultiAlternatives(
            subject,
            text,
            SENDER,
            [person["email"]],
            headers=unsubscribe_headers(person),
            connection=connection,
        )
        message.attach_alternative(page, "text/html")
        tries.copy()(message.send)

    return send


def of_anymail_bulk(_: Letter, options: argparse.Namespace) -> Send:
    """A template that is stored at SES, with the data of each recipient."""
    connection, tries = _connection(options), retrying(options.retries)

    def send(people: Sequence[Person]) -> None:
        message = AnymailMessage(from_email=SENDER, to=[person["email"] for person in people], connection=connection)
        message.template_id = TEMPLATE
        message.merge_data = {person["email"]: person for person in people}
        message.merge_global_data = {}
        message.merge_headers = {person["email"]: unsubscribe_headers(person) for person in people}
        tries.copy()(message.send)

    return send


PEERS: dict[str, tuple[Callable[[Letter, argparse.Namespace], Send], int]] = {
    "boto3": (of_boto3, 1),
    "anymail": (of_anymail, 1),
    "anymail_bulk": (of_anymail_bulk, CHUNK),
}
"""How each sends, and to how many in one call."""


def _connection(options: argparse.Namespace) -> Any:
    """Return one that is open, and stays so: its client is boto3's, which threads may share."""
    client = {**_where(options), "config": config(options.retries, options.workers)}
    settings.configure(
        EMAIL_BACKEND="anymail.backends.amazon_ses.EmailBackend",
        ANYMAIL={"AMAZON_SES_CLIENT_PARAMS": client, "AMAZON_SES_CONFIGURATION_SET_NAME": "mailroom"},
        USE_TZ=True,
    )
    django.setup()
    connection = get_connection()
    connection.open()
    return connection


def _where(options: argparse.Namespace) -> dict[str, Any]:
    key = {"aws_access_key_id": options.key, "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
    return {"region_name": "eu-west-1", "endpoint_url": options.url, **key}


def _chunks(people: Iterable[Person], size: int) -> Iterator[list[Person]]:
    rest = iter(people)
    while some := list(islice(rest, size)):
        yield some


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", default=f"AKIA{1:016d}")
    parser.add_argument("--audience", type=Path, required=True)
    parser.add_argument("--letter", type=Path, required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--retries", choices=["standard", "adaptive", "tenacity"], required=True)
    options = parser.parse_args()
    make, size = PEERS[options.peer]
    send = make(Letter(json.loads(options.letter.read_text())), options)
    with options.audience.open(newline="") as file:
        people = list(csv.DictReader(file))
    cpu, wall = time.process_time(), time.perf_counter()
    lost = _send_all(send, people, size, options.workers)
    spent = {"cpu": time.process_time() - cpu, "seconds": time.perf_counter() - wall}
    print(json.dumps({**spent, "given_up": lost}))


def _send_all(send: Send, people: Sequence[Person], size: int, workers: int) -> int:
    """Return how many recipients were given up."""

    def attempt(some: list[Person]) -> int:
        try:
            send([with_link(person) for person in some])
        except (AnymailAPIError, ClientError, BotoCoreError):
            return len(some)
        return 0

    with ThreadPoolExecutor(workers) as pool:
        return sum(pool.map(attempt, _chunks(people, size)))


if __name__ == "__main__":
    main()
