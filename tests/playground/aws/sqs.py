"""SQS queues. moto's walk all their messages at every send and receive, which ends at some hundred messages."""

from __future__ import annotations

import hashlib
import heapq
import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.playground.aws.answers import AwsError, Json, request_id
from tests.playground.aws.policies import lets
from tests.playground.aws.rules import LONG_AGO, Late, Rules
from tests.playground.aws.ses_state import Clock

_NAME = re.compile(r"[\w-]{1,80}", re.ASCII)
_MAX_BATCH = 10
_DEFAULTS = {
    "VisibilityTimeout": "30",
    "MaximumMessageSize": "262144",
    "MessageRetentionPeriod": "345600",
    "DelaySeconds": "0",
    "ReceiveMessageWaitTimeSeconds": "0",
    "SqsManagedSseEnabled": "true",
}


@dataclass(slots=True)
class Message:
    body: str
    sent: int
    message_id: str = field(default_factory=request_id)
    received: int = 0
    first_received: int = 0


@dataclass(slots=True, eq=False)
class Queue:
    """Messages wait in order; one that was received and not deleted comes back when its time is up."""

    arn: str
    url_path: str
    attributes: dict[str, str]
    tags: dict[str, str] = field(default_factory=dict)
    made: datetime = LONG_AGO
    late_policy: Late[str] | None = None
    """Where it was changed: until it counts, the one before does."""
    waiting: deque[Message] = field(default_factory=deque)
    in_flight: dict[str, Message] = field(default_factory=dict)
    """By the receipt handle of the last receive."""
    due: list[tuple[float, str]] = field(default_factory=list)
    """Heap of (time of return, receipt handle)."""
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def name(self) -> str:
        return self.arn.rpartition(":")[2]

    def policy(self, now: datetime) -> str:
        return self.late_policy.at(now) if self.late_policy else self.attributes.get("Policy", "")

    def put(self, message: Message) -> None:
        with self.changed:
            self.waiting.append(message)
            self.changed.notify_all()

    def take(self, count: int, now: float, visibility: int) -> list[tuple[str, Message]]:
        """Up to `count` messages with their receipt handles. Call it with `changed` held."""
        while self.due and self.due[0][0] <= now:
            back = self.in_flight.pop(heapq.heappop(self.due)[1], None)
            if back is not None:
                self.waiting.append(back)
        taken: list[tuple[str, Message]] = []
        while self.waiting and len(taken) < count:
            message = self.waiting.popleft()
            handle = secrets.token_urlsafe(48)
            message.received += 1
            message.first_received = message.first_received or int(now * 1000)
            self.in_flight[handle] = message
            heapq.heappush(self.due, (now + visibility, handle))
            taken.append((handle, message))
        return taken

    def delete(self, handle: str) -> None:
        with self.changed:
            self.in_flight.pop(handle, None)


class Sqs:
    def __init__(self, clock: Clock, host: Callable[[], str], rules: Callable[[], Rules]) -> None:
        self._clock = clock
        self._host = host
        self._rules = rules
        self.queues: dict[str, Queue] = {}
        self._deleted: dict[str, datetime] = {}
        self._closed = threading.Event()
        self._operations: dict[str, Callable[[str, Json], Json]] = {
            "CreateQueue": self._create,
            "GetQueueUrl": self._get_url,
            "ListQueues": self._list,
            "GetQueueAttributes": self._get_attributes,
            "SetQueueAttributes": self._set_attributes,
            "DeleteQueue": self._delete_queue,
            "PurgeQueue": self._purge,
            "TagQueue": self._tag,
            "SendMessage": self._send,
            "ReceiveMessage": self._receive,
            "DeleteMessage": self._delete,
            "DeleteMessageBatch": self._delete_batch,
            "ChangeMessageVisibility": self._change_visibility,
        }

    @property
    def operations(self) -> frozenset[str]:
        return frozenset(self._operations)

    def answer(self, operation: str, scope: str, params: Json) -> Json:
        """`scope` is `region:account` of the caller."""
        if operation not in self._operations:
            raise AwsError("UnknownOperationException", f"The playground has no {operation}")
        return self._operations[operation](scope, params)

    def deliver(self, arn: str, body: str, topic_arn: str) -> None:
        """Put a message of a topic in. One that the queue does not take is lost: what is a client's mistake SNS does
        not repeat (SNS developer guide, "sns-message-delivery-retries")."""
        queue = self.queues.get(arn)
        if queue is None or self._is_new(queue):
            return
        if self._rules().policies and not lets(
            queue.policy(self._clock()), "sns.amazonaws.com", "sqs:SendMessage", arn, topic_arn
        ):
            return
        queue.put(Message(body, self._millis()))

    def open(self) -> None:
        self._closed.clear()

    def close(self) -> None:
        """End every long poll."""
        self._closed.set()
        for queue in list(self.queues.values()):
            with queue.changed:
                queue.changed.notify_all()

    def clear(self) -> None:
        self.queues.clear()
        self._deleted.clear()

    def _create(self, scope: str, params: Json) -> Json:
        name = params["QueueName"]
        if not _NAME.fullmatch(name):
            message = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
            raise AwsError("InvalidParameterValue", message)
        arn = f"arn:aws:sqs:{scope}:{name}"
        wanted = {**_DEFAULTS, **(params.get("Attributes") or {})}
        queue = self.queues.get(arn)
        if queue is None:
            self._refuse_deleted(arn)
            path = f"/{scope.rpartition(':')[2]}/{name}"
            queue = self.queues[arn] = Queue(arn, path, wanted, dict(params.get("tags") or {}), self._clock())
        elif any(queue.attributes.get(key) != value for key, value in (params.get("Attributes") or {}).items()):
            raise AwsError("QueueNameExists", "A queue already exists with the same name and a different value.")
        return self._url(queue)

    def _get_url(self, scope: str, params: Json) -> Json:
        return self._url(self._find(f"arn:aws:sqs:{scope}:{params['QueueName']}"))

    def _list(self, scope: str, params: Json) -> Json:
        start = f"arn:aws:sqs:{scope}:{params.get('QueueNamePrefix') or ''}"
        return {
            "QueueUrls": [self._url(each)["QueueUrl"] for arn, each in self.queues.items() if arn.startswith(start)]
        }

    def _get_attributes(self, scope: str, params: Json) -> Json:
        queue = self._at(scope, params)
        everything = {
            **queue.attributes,
            "QueueArn": queue.arn,
            "ApproximateNumberOfMessages": str(len(queue.waiting)),
            "ApproximateNumberOfMessagesNotVisible": str(len(queue.in_flight)),
            "ApproximateNumberOfMessagesDelayed": "0",
        }
        names = set(params.get("AttributeNames") or ())
        wanted = {name: value for name, value in everything.items() if "All" in names or name in names}
        return {"Attributes": wanted} if wanted else {}

    def _set_attributes(self, scope: str, params: Json) -> Json:
        queue, now = self._at(scope, params), self._clock()
        changed = params["Attributes"]
        if changed.get("Policy", queue.attributes.get("Policy")) != queue.attributes.get("Policy"):
            queue.late_policy = queue.late_policy or Late(queue.attributes.get("Policy", ""))
            queue.late_policy.change(changed["Policy"], now, self._rules().queue_policy_seconds)
        queue.attributes.update(changed)
        return {}

    def _delete_queue(self, scope: str, params: Json) -> Json:
        queue = self._at(scope, params)
        del self.queues[queue.arn]
        self._deleted[queue.arn] = self._clock()
        return {}

    def _purge(self, scope: str, params: Json) -> Json:
        queue = self._at(scope, params)
        with queue.changed:
            queue.waiting.clear()
            queue.in_flight.clear()
        return {}

    def _tag(self, scope: str, params: Json) -> Json:
        self._at(scope, params).tags.update(params["Tags"])
        return {}

    def _send(self, scope: str, params: Json) -> Json:
        message = Message(params["MessageBody"], self._millis())
        self._at(scope, params).put(message)
        return {"MessageId": message.message_id, "MD5OfMessageBody": _md5(message.body)}

    def _receive(self, scope: str, params: Json) -> Json:
        queue = self._at(scope, params)
        count = int(params.get("MaxNumberOfMessages") or 1)
        if not 1 <= count <= _MAX_BATCH:
            raise AwsError("InvalidParameterValue", "MaxNumberOfMessages must be between 1 and 10, if provided.")
        visibility = int(params.get("VisibilityTimeout", queue.attributes["VisibilityTimeout"]))
        seconds = int(params.get("WaitTimeSeconds", queue.attributes["ReceiveMessageWaitTimeSeconds"]))
        deadline = time.monotonic() + seconds
        with queue.changed:
            while not (taken := queue.take(count, self._clock().timestamp(), visibility)):
                left = deadline - time.monotonic()
                if left <= 0 or self._closed.is_set():
                    return {}
                queue.changed.wait(min(left, 1.0))
        names = {*(params.get("AttributeNames") or ()), *(params.get("MessageSystemAttributeNames") or ())}
        return {"Messages": [_message(handle, each, names) for handle, each in taken]}

    def _delete(self, scope: str, params: Json) -> Json:
        self._at(scope, params).delete(params["ReceiptHandle"])
        return {}

    def _delete_batch(self, scope: str, params: Json) -> Json:
        queue, entries = self._at(scope, params), params["Entries"]
        if not 0 < len(entries) <= _MAX_BATCH:
            raise AwsError("TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10.")
        for entry in entries:
            queue.delete(entry["ReceiptHandle"])
        return {"Successful": [{"Id": entry["Id"]} for entry in entries], "Failed": []}

    def _change_visibility(self, scope: str, params: Json) -> Json:
        queue, handle = self._at(scope, params), params["ReceiptHandle"]
        with queue.changed:
            if handle not in queue.in_flight:
                raise AwsError("MessageNotInflight", "The specified message isn't in flight.")
            queue.due = [entry for entry in queue.due if entry[1] != handle]
            heapq.heapify(queue.due)
            heapq.heappush(queue.due, (self._clock().timestamp() + int(params["VisibilityTimeout"]), handle))
            queue.changed.notify_all()
        return {}

    def _url(self, queue: Queue) -> Json:
        return {"QueueUrl": f"http://{self._host()}{queue.url_path}"}

    def _at(self, scope: str, params: Json) -> Queue:
        return self._find(f"arn:aws:sqs:{scope}:{params['QueueUrl'].rpartition('/')[2]}")

    def _find(self, arn: str) -> Queue:
        queue = self.queues.get(arn)
        if queue is None or self._is_new(queue):
            raise AwsError("QueueDoesNotExist", "The specified queue does not exist.")
        return queue

    def _is_new(self, queue: Queue) -> bool:
        return self._clock() - queue.made < timedelta(seconds=self._rules().new_queue_seconds)

    def _refuse_deleted(self, arn: str) -> None:
        deleted = self._deleted.get(arn)
        if deleted and self._clock() - deleted < timedelta(seconds=self._rules().deleted_queue_seconds):
            message = (
                "You must wait 60 seconds after deleting a queue before you can create another with the same name."
            )
            raise AwsError("QueueDeletedRecently", message)

    def _millis(self) -> int:
        return int(self._clock().timestamp() * 1000)


def _message(handle: str, message: Message, names: set[Any]) -> Json:
    attributes = {
        "SentTimestamp": str(message.sent),
        "ApproximateReceiveCount": str(message.received),
        "ApproximateFirstReceiveTimestamp": str(message.first_received),
    }
    wanted = {name: value for name, value in attributes.items() if "All" in names or name in names}
    return {
        "MessageId": message.message_id,
        "ReceiptHandle": handle,
        "MD5OfBody": _md5(message.body),
        "Body": message.body,
        **({"Attributes": wanted} if wanted else {}),
    }


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
