"""What Mailroom's database says, held against AWS's own record of what it accepted: read from outside."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

from sqlmodel import col, func, select

from storage.database import Database, Session
from storage.models import Broadcast, Delivery, Mailer, Outbox, Team
from storage.states import BroadcastState, DeliveryState
from tests.playground.aws import AwsPlayground

_LEFT = frozenset({DeliveryState.PENDING, DeliveryState.SENDING})
_MAILED = frozenset({DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.BOUNCED})
_UNKNOWN = frozenset({DeliveryState.SENDING, DeliveryState.IN_DOUBT})


class BooksError(AssertionError):
    """The books do not say what happened."""


@dataclass(frozen=True, slots=True)
class Total:
    """Everybody of every broadcast.

    Attributes:
        left: still to be sent.
        unfinished: broadcasts that are not done.
        unheard: mailed, and no event has come back to a team that gets events.
        unsaid: messages and files that the channels do not have yet.
    """

    recipients: int
    duplicates: int
    lost: int
    in_doubt: int
    left: int
    unfinished: int
    unheard: int
    unsaid: int


class Row(NamedTuple):
    """One recipient."""

    broadcast_id: str
    address: str
    state: DeliveryState
    message_id: str | None


class Accepted:
    """Who was mailed, how often and by which mail, as AWS has it."""

    def __init__(self, aws: AwsPlayground) -> None:
        self._aws = aws
        self._read = 0
        self.times: defaultdict[str, Counter[str]] = defaultdict(Counter)  # by broadcast and address
        self.receivers: dict[str, str] = {}  # by message id, of every mail of a broadcast

    def read(self) -> None:
        until = len(self._aws.mails)
        for mail in self._aws.mails[self._read : until]:
            if "broadcast" in mail.tags:  # else it is the self-test, to the simulator
                self.times[mail.tags["broadcast"]][mail.to[0]] += 1
                self.receivers[mail.message_id] = mail.to[0]
        self._read = until

    @property
    def duplicates(self) -> int:
        return len(self.receivers) - sum(len(times) for times in self.times.values())

    def knows(self, row: Row) -> bool:
        """Whether the mail that the books name is one that went to this recipient."""
        return self.receivers.get(row.message_id or "") == row.address


class Books:
    """Reads with a connection of its own, whether the bot lives or is dead."""

    def __init__(self, database_url: str, aws: AwsPlayground) -> None:
        self._url = database_url
        self.accepted = Accepted(aws)

    async def check(self) -> None:
        """See that the books are right at this very moment.

        A mail is accepted after its intent is committed, and recorded as sent after it is accepted: so AWS's record is
        read before the database for the one, and after it for the other.

        Raises:
            BooksError: says who would be lost or mailed again.
        """
        self.accepted.read()
        mailed = {broadcast: frozenset(times) for broadcast, times in self.accepted.times.items()}
        async with self._read() as session:
            await _add_up(session)
            rows = await _rows(session, unfinished=True)
        self.accepted.read()
        if self.accepted.duplicates:
            raise BooksError(f"{self.accepted.duplicates} recipients were mailed twice")
        for row in rows:
            if row.address in mailed.get(row.broadcast_id, ()) and row.state not in _MAILED | _UNKNOWN:
                raise BooksError(f"{row} was mailed by AWS")
            if row.state in _MAILED and not self.accepted.knows(row):
                raise BooksError(f"AWS has never accepted the mail of {row}")

    async def unsent(self) -> Counter[str]:
        """Return how many recipients every AWS account has still to send to."""
        waiting = select(Mailer.account_id, func.count()).join(Broadcast, col(Broadcast.mailer_id) == Mailer.id)
        waiting = waiting.join(Delivery).where(Delivery.state == DeliveryState.PENDING)
        async with self._read() as session:
            return Counter(dict((await session.exec(waiting.group_by(Mailer.account_id))).all()))

    async def broadcasts(self) -> Sequence[tuple[str, str, int]]:
        """Return channel, subject and size of every broadcast that somebody confirmed."""
        confirmed = select(Team.channel_id, Broadcast.subject, Broadcast.size).join(Broadcast)
        async with self._read() as session:
            return (await session.exec(confirmed.where(col(Broadcast.confirmed_by) != ""))).all()

    async def total(self) -> Total:
        """Account for everybody: mailed once, or known not to be, or listed as in doubt."""
        self.accepted.read()
        async with self._read() as session:
            await _add_up(session)
            rows = await _rows(session, unfinished=False)
            hears = select(Broadcast.id).join(Mailer, col(Mailer.id) == Broadcast.mailer_id)
            heard_of = set(await session.exec(hears.where(col(Mailer.queue_url).is_not(None))))
            unsaid = select(func.count()).where(col(Outbox.due_at).is_not(None))
            to_say = (await session.exec(unsaid)).one()
            going = select(func.count()).where(Broadcast.state != BroadcastState.DONE, Broadcast.confirmed_by != "")
            unfinished = (await session.exec(going)).one()
        self.accepted.read()
        return Total(
            recipients=len(rows),
            duplicates=self.accepted.duplicates,
            lost=sum(self._is_lost(row) for row in rows),
            in_doubt=sum(row.state is DeliveryState.IN_DOUBT for row in rows),
            left=sum(row.state in _LEFT for row in rows),
            unfinished=unfinished,
            unheard=sum(self._is_unheard(row) for row in rows if row.broadcast_id in heard_of),
            unsaid=to_say,
        )

    def _is_lost(self, row: Row) -> bool:
        if row.state in _MAILED:
            return not self.accepted.knows(row)
        return row.state is not DeliveryState.IN_DOUBT

    def _is_unheard(self, row: Row) -> bool:
        return row.state is not DeliveryState.DELIVERED and row.address in self.accepted.times[row.broadcast_id]

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[Session]:
        database = Database(self._url)
        try:
            async with database.read() as session:
                yield session
        finally:
            await database.stop()


async def _add_up(session: Session) -> None:
    """See that the states of every broadcast add up to its audience; raise BooksError where they do not."""
    counts = select(Broadcast.subject, Broadcast.size, func.count(col(Delivery.seq))).outerjoin(Delivery)
    counts = counts.where(col(Broadcast.confirmed_by) != "").group_by(col(Broadcast.id))
    for subject, size, counted in await session.exec(counts):
        if size != counted:
            raise BooksError(f"“{subject}” has {size} recipients, and {counted} in its books")


async def _rows(session: Session, *, unfinished: bool) -> Sequence[Row]:
    found = select(Delivery.broadcast_id, Delivery.address, Delivery.state, Delivery.message_id)
    if unfinished:
        found = found.join(Broadcast).where(Broadcast.state != BroadcastState.DONE)
    return [Row(*row) for row in await session.exec(found)]
