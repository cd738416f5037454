"""How SNS brings a message to an HTTP endpoint, and how often: by the topic's delivery policy, then it is lost.

SNS developer guide, "Amazon SNS message delivery retries": repeated is what fails on the server's side (no connection,
5xx, 429), by default three times, 20 s apart; in all at most 3,600 s.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit

from tests.playground.aws.answers import AwsError
from tests.playground.aws.ses_state import Clock
from tests.playground.aws.worker import Worker

MOST_SECONDS = 3_600
_BY_DEFAULT = {"numRetries": 3, "minDelayTarget": 20, "maxDelayTarget": 20}
_POST_TIMEOUT = 5.0
Envelope = dict[str, str]


def delays(policy: str) -> list[float]:
    """The seconds before each time that it is tried again: the phases at once, at the minimum, rising, at the maximum.

    Raises:
        AwsError: InvalidParameter.
    """
    given = ((json.loads(policy) if policy else {}).get("http") or {}).get("defaultHealthyRetryPolicy") or {}
    wanted = _BY_DEFAULT | {name: value for name, value in given.items() if value is not None}
    low, high = wanted["minDelayTarget"], wanted["maxDelayTarget"]
    at_once, first, last = (wanted.get(f"num{each}Retries", 0) for each in ("NoDelay", "MinDelay", "MaxDelay"))
    rising = wanted["numRetries"] - at_once - first - last
    steps = [low + (high - low) * step / max(rising - 1, 1) for step in range(rising)]
    found = [0.0] * at_once + [low] * first + steps + [high] * last
    if rising < 0 or not 0 < low <= high or sum(found) > MOST_SECONDS:
        raise AwsError("InvalidParameter", "Invalid parameter: DeliveryPolicy: it is not valid, or over 3600 seconds")
    return found


class Deliveries:
    """Posts in a thread of its own; what is to be tried again waits by the playground's clock."""

    def __init__(self, worker: Worker, clock: Clock) -> None:
        self._worker = worker
        self._clock = clock

    def post(self, endpoint: str, subscription_arn: str, envelope: Callable[[], Envelope], again: list[float]) -> None:
        """Post what `envelope` makes at the time; after each failure wait for the next of the seconds `again`."""
        self._worker.do(partial(self._try, endpoint, subscription_arn, envelope, again))

    def _try(self, endpoint: str, subscription_arn: str, envelope: Callable[[], Envelope], again: list[float]) -> None:
        if _posted(endpoint, envelope(), subscription_arn) or not again:
            return
        job = partial(self._try, endpoint, subscription_arn, envelope, again[1:])
        self._worker.do_at(self._clock() + timedelta(seconds=again[0]), job)


def _posted(endpoint: str, envelope: Envelope, subscription_arn: str) -> bool:
    """Post with SNS's headers. False: the server failed."""
    url = urlsplit(endpoint)
    headers = {
        "Content-Type": "text/plain; charset=UTF-8",
        "x-amz-sns-message-type": envelope["Type"],
        "x-amz-sns-message-id": envelope["MessageId"],
        "x-amz-sns-topic-arn": envelope["TopicArn"],
        "x-amz-sns-subscription-arn": subscription_arn,
    }
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=_POST_TIMEOUT)
    try:
        connection.request("POST", url.path or "/", json.dumps(envelope), headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return status < 500 and status != 429
