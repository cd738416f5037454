"""Removal of what `bot.ses.provisioning` has made in a team's account."""

from collections.abc import Callable
from typing import Any

from bot.ses.client import AwsSession
from bot.ses.errors import ErrorKind, SesError
from bot.ses.provisioning import NO_QUEUE_YET, Provisioned


async def deprovision(
    session: AwsSession, done: Provisioned, *, keep_set: bool = False, made_now: bool = False
) -> tuple[str, ...]:
    """Remove every piece, the topic with its subscriptions. Returns what could not be removed, and why.

    `keep_set`: but for the configuration set, which somebody still sends by. `made_now`: as `remove_queue`.
    """
    name, topic = done.configuration_set, done.topic_arn
    return (
        *(() if keep_set or not done.has_set else await _remove_set(session, name)),
        *(await _remove_topic(session, topic) if done.has_topic else ()),
        *(await remove_queue(session, done.queue_url, made_now=made_now) if done.queue_url else ()),
    )


async def _remove_set(session: AwsSession, name: str) -> tuple[str, ...]:
    return await _remove(
        session,
        f"configuration set {name}",
        "ses:DeleteConfigurationSet",
        lambda ses: ses.delete_configuration_set(ConfigurationSetName=name),
    )


async def _remove_topic(session: AwsSession, arn: str) -> tuple[str, ...]:
    return await _remove(session, f"topic {arn}", "sns:DeleteTopic", lambda sns: sns.delete_topic(TopicArn=arn))


async def remove_queue(session: AwsSession, url: str, *, made_now: bool) -> tuple[str, ...]:
    """Remove the queue alone. Returns what could not be removed, as `deprovision`.

    `made_now`: that it is not there may only say that AWS does not know it yet.
    """
    waits = NO_QUEUE_YET.waits if made_now else ()
    return await _remove(session, f"queue {url}", "sqs:DeleteQueue", lambda sqs: sqs.delete_queue(QueueUrl=url), waits)


async def _remove(
    session: AwsSession, piece: str, action: str, call: Callable[[Any], Any], waits: tuple[int, ...] = ()
) -> tuple[str, ...]:
    for seconds in (*waits, None):
        try:
            await session.call(action, call)
        except SesError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                return (f"{piece}: {error}",)
        else:
            break
        if seconds is not None:
            await session.sleep(seconds)
    return ()
