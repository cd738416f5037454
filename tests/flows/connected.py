"""What a channel that was connected is like, to be put into the next world that begins in the same way.

Connecting as a person does, through forms and thirty calls of AWS, is a third of what most flows cost, and it comes out
the same each time. So the first world of a kind does it; in those that follow the rows, the account and the channel are
put in place as they were then. To the bot that is as if it had been started again meanwhile.
"""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from moto.sns.models import sns_backends
from sqlmodel import SQLModel, select

from storage.models import Team
from tests.playground.aws.sqs import Queue

if TYPE_CHECKING:
    from tests.flows.world import World
    from tests.playground.aws import AwsPlayground
    from tests.playground.aws.principals import Key
    from tests.playground.aws.ses_state import Ses
    from tests.playground.slack.world import World as Slack

_NO_STATE = {"clock", "outbox", "lock", "rules", "random"}


async def kind_of(world: World) -> str | None:
    """Tell worlds apart that connecting makes different; None where something has happened already."""
    aws, slack, ses = world.aws, world.slack.world, world.ses
    used = aws.calls or slack.log or ses.sent.total(world.clock()) or len(aws.every_ses()) > 1
    spoilt = aws.faults.planted or any(world.slack.faults.planned.values()) or aws.regions_off
    if used or spoilt or "mailroom_keys" in world.settings:  # sealed rows are of their keys
        return None
    async with world.bot.db.read() as session:
        if (await session.exec(select(Team))).first():
            return None
    state = _state_of(ses) | {
        "details": ses.details and replace(ses.details, case_id=None),
        "identities": [replace(one, tokens=(), hosted_zone="") for one in ses.identities.values()],
        "sent": 0,
        "sent_last_second": 0,
    }
    return repr((aws.url, world.settings, world.clock(), [*slack.users, *slack.channels], state))


@dataclass(frozen=True)
class Connected:
    """A world in which the channel is connected, and may be more, as it stands then."""

    key: Key
    seconds: float  # that it took
    rows: dict[str, list[dict[str, Any]]]
    aws: _Aws
    slack: _Slack

    @classmethod
    async def of(cls, world: World, key: Key, began: datetime) -> Connected:
        rows: dict[str, list[dict[str, Any]]] = {}
        async with world.bot.db.read() as session:
            connection = await session.connection()
            for table in SQLModel.metadata.sorted_tables:
                found = (await connection.execute(table.select())).mappings()
                rows[table.name] = [{name: row[name] for name in row if name != _counted(table)} for row in found]
        seconds = (world.clock() - began).total_seconds()
        return cls(key, seconds, rows, _Aws.of(world.aws, world.ses), _Slack.of(world.slack.world))

    async def put_into(self, world: World) -> None:
        tables = [table for table in SQLModel.metadata.sorted_tables if table.name != "link_key"]  # the bot has its own
        async with world.bot.db.write() as session:
            connection = await session.connection()
            for table in reversed(tables):
                await connection.execute(table.delete())
            for table in tables:
                if self.rows[table.name]:
                    await connection.execute(table.insert(), self.rows[table.name])
        self.aws.put_into(world.aws, world.ses)
        self.slack.put_into(world.slack.world)
        world.clock.advance(self.seconds)


@dataclass(frozen=True)
class _Aws:
    """One account; its mails and calls are facts, which nobody changes."""

    credentials: dict[str, Any]
    ses: dict[str, Any]
    queues: list[Queue]
    topics: list[Any]
    subscriptions: list[Any]
    mails: list[Any]
    calls: list[Any]

    @classmethod
    def of(cls, aws: AwsPlayground, ses: Ses) -> _Aws:
        sns = sns_backends[ses.account][ses.region]
        return cls(
            credentials=copy.deepcopy(aws.directory.credentials),
            ses=copy.deepcopy(_state_of(ses)),
            queues=[_copied(queue) for queue in aws.sqs.queues.values()],
            topics=list(map(copy.copy, sns.topics.values())),
            subscriptions=list(map(copy.copy, sns.subscriptions.values())),
            mails=list(aws.mails),
            calls=list(aws.calls),
        )

    def put_into(self, aws: AwsPlayground, ses: Ses) -> None:
        aws.directory.credentials.update(copy.deepcopy(self.credentials))
        for name, value in copy.deepcopy(self.ses).items():
            setattr(ses, name, value)
        aws.sqs.queues.update({queue.arn: _copied(queue) for queue in self.queues})
        sns = sns_backends[ses.account][ses.region]
        for topic in map(copy.copy, self.topics):
            topic.sns_backend = sns
            sns.topics[topic.arn] = topic
        for subscription in map(copy.copy, self.subscriptions):
            subscription.topic = sns.topics[subscription.topic.arn]
            subscription.attributes = dict(subscription.attributes)
            sns.subscriptions[subscription.arn] = subscription
        for mail in self.mails:
            aws.outbox.record(mail)
        aws.calls.extend(self.calls)


@dataclass(frozen=True)
class _Slack:
    """What is in the channel. People and places have the same ids in every world that begins in the same way."""

    members: dict[str, set[str]]
    messages: list[Any]
    log: list[Any]
    next_number: int
    last_ts: int

    @classmethod
    def of(cls, slack: Slack) -> _Slack:
        members = {channel.id: set(channel.members) for channel in slack.channels.values()}
        messages = [  # a channel may get another id in the world that came here first
            replace(message, channel=copy.copy(message.channel), blocks=copy.deepcopy(message.blocks))
            for message in slack.messages
        ]
        return cls(members, messages, list(slack.log), next(slack.numbers), slack.last_ts)

    def put_into(self, slack: Slack) -> None:
        for channel_id, members in self.members.items():
            slack.channels[channel_id].members |= members
        for message in self.messages:
            channel = slack.channels[message.channel.id]
            blocks = copy.deepcopy(message.blocks)
            slack.messages.append(replace(message, channel=channel, workspace=channel.workspace, blocks=blocks))
        slack.log += self.log
        slack.numbers, slack.last_ts = itertools.count(self.next_number), self.last_ts
        slack.changed()


def _state_of(ses: Ses) -> dict[str, Any]:
    return {name: value for name, value in vars(ses).items() if name not in _NO_STATE}


def _copied(queue: Queue) -> Queue:
    """Take the queue as it is when nothing is on its way to a reader."""
    waiting = copy.deepcopy(queue.waiting)
    return Queue(queue.arn, queue.url_path, dict(queue.attributes), dict(queue.tags), waiting=waiting)


def _counted(table: Any) -> str:
    """Return the column of a table that the database counts up by itself."""
    return table.autoincrement_column.name if table.autoincrement_column is not None else ""
