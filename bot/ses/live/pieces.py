"""The pieces that the observations need, made under a name of their own, timed, and always taken away again."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from operator import methodcaller
from typing import Any, Final

from bot.observations import Observation
from bot.ses.errors import ErrorKind, SesError
from bot.ses.live.asker import Asker, AwsResponse
from bot.ses.provisioning import DESTINATION, EVENT_TYPES, ResourceNames, queue_policy, topic_policy

SETTLES_WITHIN: Final = 60.0
"""Seconds: "up to 60 seconds for the attributes to propagate" (SQS API reference, SetQueueAttributes)."""

GIVES_UP_AFTER: Final = 120.0
_GONE: Final = frozenset({"NotFoundException", "NotFound", "AWS.SimpleQueueService.NonExistentQueue"})

Say = Callable[[Observation], None]


@dataclass(frozen=True, slots=True)
class Pieces:
    configuration_set: str
    queue_url: str


class Workshop:
    """Makes the pieces, says how long each takes to work, and takes them away in the end.

    Args: `seconds` is a clock for waiting.
    """

    def __init__(self, asker: Asker, say: Say, seconds: Callable[[], float]) -> None:
        self._asker = asker
        self._say = say
        self._seconds = seconds
        self._stack = AsyncExitStack()

    @asynccontextmanager
    async def pieces(self) -> AsyncIterator[Pieces]:
        """Make a queue, a topic, a configuration set and the way between them; SesError where one cannot be made."""
        async with self._stack:
            identity = (await self._make("sts:GetCallerIdentity", methodcaller("get_caller_identity"))).body
            partition, account = str(identity["Arn"]).split(":")[1], str(identity["Account"])
            place = ResourceNames(f"doctor-{secrets.token_hex(6)}", self._asker.session.region, partition, account)
            queue_url = await self._queue(place)
            await self._topic(place)
            await self._configuration_set(place)
            await self._until("SES's message to a new topic is in the queue", lambda: self._validated(queue_url))
            yield Pieces(place.name, queue_url)

    async def _queue(self, place: ResourceNames) -> str:
        policy = {"Policy": json.dumps(queue_policy(place))}
        create = methodcaller("create_queue", QueueName=place.name, Attributes=policy)
        url = str((await self._make("sqs:CreateQueue", create)).body["QueueUrl"])
        self._later("queue", "sqs:DeleteQueue", methodcaller("delete_queue", QueueUrl=url))
        look = methodcaller("get_queue_attributes", QueueUrl=url, AttributeNames=["QueueArn"])
        await self._must("a new queue is there", "sqs:GetQueueAttributes", look)
        return url

    async def _topic(self, place: ResourceNames) -> None:
        arn = place.arn("sns")
        await self._make("sns:CreateTopic", methodcaller("create_topic", Name=place.name))
        self._later("topic", "sns:DeleteTopic", methodcaller("delete_topic", TopicArn=arn))
        policy = {"TopicArn": arn, "AttributeName": "Policy", "AttributeValue": json.dumps(topic_policy(place))}
        await self._make("sns:SetTopicAttributes", methodcaller("set_topic_attributes", **policy))
        queue = {"TopicArn": arn, "Protocol": "sqs", "Endpoint": place.arn("sqs")}
        await self._make("sns:Subscribe", methodcaller("subscribe", **queue))

    async def _configuration_set(self, place: ResourceNames) -> None:
        named = {"ConfigurationSetName": place.name}
        await self._make("ses:CreateConfigurationSet", methodcaller("create_configuration_set", **named))
        self._later(
            "configuration set", "ses:DeleteConfigurationSet", methodcaller("delete_configuration_set", **named)
        )
        topic = {"TopicArn": place.arn("sns")}
        wanted = {"Enabled": True, "MatchingEventTypes": list(EVENT_TYPES), "SnsDestination": topic}
        told = {**named, "EventDestinationName": DESTINATION, "EventDestination": wanted}
        tell = methodcaller("create_configuration_set_event_destination", **told)
        await self._must("SES may publish to a new topic", "ses:CreateConfigurationSetEventDestination", tell)

    async def _make(self, action: str, call: Callable[[Any], Any]) -> AwsResponse:
        answer = await self._asker.ask(action, call)
        if answer.code:
            raise SesError(ErrorKind.BAD_REQUEST, answer.code, action)
        return answer

    def _later(self, piece: str, action: str, call: Callable[[Any], Any]) -> None:
        """Have a piece taken away in the end."""
        self._stack.push_async_callback(self._remove, piece, action, call)

    async def _remove(self, piece: str, action: str, call: Callable[[Any], Any]) -> None:
        try:
            answer = await self._asker.ask(action, call)
            shown, gone = answer.shown, not answer.code or answer.code in _GONE
        except SesError as error:
            shown, gone = f"no answer: {error.code}", False
        if not gone:
            self._say(Observation(f"the {piece} is taken away", shown, "taken; remove it by hand", as_expected=False))

    async def _must(self, name: str, action: str, call: Callable[[Any], Any]) -> None:
        if not await self._until(name, lambda: self._refusal(action, call)):
            raise SesError(ErrorKind.UNAVAILABLE, "not settled", action)

    async def _refusal(self, action: str, call: Callable[[Any], Any]) -> str:
        """What AWS says against it; nothing once it is taken."""
        answer = await self._asker.ask(action, call)
        return answer.shown if answer.code else ""

    async def _validated(self, queue_url: str) -> str:
        bodies = await self._asker.receive(queue_url)
        return "" if any("Successfully validated" in body for body in bodies) else "nothing"

    async def _until(self, name: str, attempt: Callable[[], Awaitable[str]]) -> bool:
        """Say after how long an attempt meets no refusal, and whether it ever does."""
        began, refusals = self._seconds(), dict[str, None]()
        while (refusal := await attempt()) and self._seconds() - began < GIVES_UP_AFTER:
            refusals[refusal] = None
            await self._asker.rest()
        took = self._seconds() - began
        answered = "never" if refusal else f"after {took:.0f} s"
        answered += "".join(f", first {each}" for each in refusals)
        well = not refusal and took <= SETTLES_WITHIN
        self._say(Observation(name, answered, f"within {SETTLES_WITHIN:.0f} s", well))
        return not refusal
