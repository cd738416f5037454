"""Queues: what is received comes back unless it is deleted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from tests.unit.playground.aws_support import Clients, Clock, code_of, running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def clients(clock: Clock) -> Iterator[Clients]:
    with running(clock) as made:
        yield made


@pytest.fixture
def sqs(clients: Clients) -> Any:
    return clients("sqs")


def bodies(answer: dict[str, Any]) -> list[str]:
    return [each["Body"] for each in answer.get("Messages", [])]


def test_a_message_comes_back_after_its_visibility_timeout_until_it_is_deleted(sqs: Any, clock: Clock) -> None:
    url = sqs.create_queue(QueueName="mailroom-q", Attributes={"VisibilityTimeout": "30"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="one")
    first = sqs.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"][0]
    assert first["Attributes"]["ApproximateReceiveCount"] == "1"
    assert bodies(sqs.receive_message(QueueUrl=url)) == []
    clock.advance(seconds=30)
    second = sqs.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"][0]
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"], VisibilityTimeout=0)
    third = sqs.receive_message(QueueUrl=url)["Messages"][0]
    entries = [{"Id": "0", "ReceiptHandle": third["ReceiptHandle"]}]
    assert sqs.delete_message_batch(QueueUrl=url, Entries=entries)["Successful"] == [{"Id": "0"}]
    clock.advance(hours=1)
    assert bodies(sqs.receive_message(QueueUrl=url)) == []


def test_a_long_poll_ends_with_the_message_and_with_the_service(clients: Clients, sqs: Any) -> None:
    url = sqs.create_queue(QueueName="mailroom-q")["QueueUrl"]
    got: list[list[str]] = []
    waiting = threading.Thread(target=lambda: got.append(bodies(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=4))))
    waiting.start()
    clients("sqs").send_message(QueueUrl=url, MessageBody="one")
    waiting.join()
    assert got == [["one"]]
    begun = time.monotonic()
    threading.Timer(0.1, clients.aws.go_away).start()
    with pytest.raises(HTTPClientError):
        sqs.receive_message(QueueUrl=url, WaitTimeSeconds=4)
    assert time.monotonic() - begun < 3


def test_queues_are_made_found_and_deleted(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="mailroom-q", tags={"by": "mailroom"})["QueueUrl"]
    assert sqs.create_queue(QueueName="mailroom-q")["QueueUrl"] == url
    assert sqs.get_queue_url(QueueName="mailroom-q")["QueueUrl"] == url
    assert sqs.list_queues(QueueNamePrefix="mailroom-")["QueueUrls"] == [url]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": "{}"})
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["QueueArn"] == "arn:aws:sqs:eu-west-1:111122223333:mailroom-q"
    assert attributes["Policy"] == "{}"
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(ClientError) as caught:
        sqs.receive_message(QueueUrl=url)
    assert code_of(caught.value) == "AWS.SimpleQueueService.NonExistentQueue"
    assert isinstance(caught.value, sqs.exceptions.QueueDoesNotExist)
