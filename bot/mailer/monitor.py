"""Watches every mailer: reads AWS at adaptive, jittered intervals and writes down what it says.

Access loss is confirmed before it counts: the first failure makes a mailer suspect, a second, different call decides.
Throttling, the network and outages are never loss.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel.ext.asyncio.session import AsyncSession

from bot.mailer.facts import managed_of, record_account, record_identity, record_listing, take_access
from bot.mailer.records import Mailers
from bot.mailer.status import PollIntervals
from bot.ses.account import AccountFacts, IdentityFacts, ListedIdentity, Ses
from bot.ses.errors import SesError, Trouble
from storage import leases
from storage.database import Database
from storage.models import Identity, Mailer
from storage.states import Access, IdentityState, PollKind

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=120)  # longer than the slowest poll: a few calls of at most 20 s each
AT_ONCE = 20
CONFIRM_WITHIN = timedelta(seconds=30)
JITTER = 0.15  # of an interval, always downwards: promises count whole intervals


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one look at AWS brought back."""

    account: AccountFacts
    listed: list[ListedIdentity]
    waiting: dict[str, IdentityFacts | None]  # the managed identities that wait, in full


class _OvertakenError(Exception):
    """Somebody wants another look, or has taken it over: this one may have been too early."""


class Monitor:
    def __init__(self, db: Database, clock: Callable[[], datetime], mailers: Mailers, intervals: PollIntervals) -> None:
        self._db = db
        self._clock = clock
        self._mailers = mailers
        self._intervals = intervals

    async def tick(self) -> None:
        """Look at every mailer that is due."""
        async with self._db.write() as session:
            claims = await leases.claim_due(session, [PollKind.ACCOUNT], now=self._clock(), lease=LEASE, limit=AT_ONCE)
        for outcome in await asyncio.gather(*(self._poll(claim) for claim in claims), return_exceptions=True):
            if isinstance(outcome, BaseException):  # its lease runs out and it is looked at again
                log.error("a poll failed", exc_info=outcome)

    async def refresh(self, mailer: Mailer) -> None:
        """Look at one mailer now, for somebody who is about to send on facts that are too old.

        Raises:
            BotError: AWS did not answer.
        """
        try:
            seen = await self._look(self._mailers.ses(mailer), await self._managed(mailer.id))
        except SesError as error:
            raise self._mailers.explain(error) from error
        async with self._db.write() as session:
            await self._record(session, await self._mailers.lock(session, mailer.id), seen)

    async def _poll(self, claim: leases.Claim) -> None:
        async with self._db.read() as session:
            mailer = await session.get(Mailer, claim.subject_id)
        if mailer is None:
            async with self._db.write() as session:
                await leases.drop(session, PollKind.ACCOUNT, claim.subject_id)
            return
        result = await self._ask(mailer)
        with contextlib.suppress(_OvertakenError):
            await self._keep(claim, mailer, result)

    async def _keep(self, claim: leases.Claim, mailer: Mailer, result: _Seen | SesError) -> None:
        async with self._db.write() as session:
            row = await session.get(Mailer, mailer.id, with_for_update=True)
            if row is None or row.version != mailer.version:  # reconnected or deleted meanwhile: this was the old key
                return
            managed = await self._take(session, row, result)
            if not await leases.finish(session, claim, self._clock() + self._pause(row, managed)):
                raise _OvertakenError  # and nothing of this look is kept

    def _pause(self, mailer: Mailer, managed: list[Identity]) -> timedelta:
        pause = self._intervals.after(mailer.production, [row.state for row in managed])
        if mailer.access is Access.SUSPECT:
            pause = min(pause, CONFIRM_WITHIN)
        return pause * random.uniform(1 - JITTER, 1)  # noqa: S311 - spreads load, hides nothing

    async def _ask(self, mailer: Mailer) -> _Seen | SesError:
        ses = self._mailers.ses(mailer)
        try:
            if mailer.access is Access.SUSPECT:
                await ses.account_id()  # the second, different call
            return await self._look(ses, await self._managed(mailer.id))
        except SesError as error:
            return error

    async def _look(self, ses: Ses, managed: list[Identity]) -> _Seen:
        account, listed = await asyncio.gather(ses.account(), ses.identities())
        waiting = {
            row.name: await self._in_full(ses, row.name) for row in managed if row.state is IdentityState.PENDING
        }
        return _Seen(account, listed, waiting)

    @staticmethod
    async def _in_full(ses: Ses, name: str) -> IdentityFacts | None:
        try:
            return await ses.identity(name)
        except SesError as error:
            if error.trouble is Trouble.NOT_FOUND:
                return None
            raise

    async def _take(self, session: AsyncSession, mailer: Mailer, result: _Seen | SesError) -> list[Identity]:
        if isinstance(result, _Seen):
            return await self._record(session, mailer, result)
        if result.is_access_loss:
            confirmed = mailer.access is not Access.OK
            take_access(
                mailer,
                Access.LOST if confirmed else Access.SUSPECT,
                self._clock(),
                code=result.code,
                action=result.action,
            )
            session.add(mailer)
        else:
            log.info("a poll got no answer: %s %s", result.trouble, result.code)
        return await managed_of(session, mailer.id)

    async def _record(self, session: AsyncSession, mailer: Mailer, seen: _Seen) -> list[Identity]:
        now = self._clock()
        take_access(mailer, Access.OK, now)
        await record_account(session, mailer, seen.account, now)
        managed = await record_listing(session, mailer, seen.listed, now)
        for row in managed:
            if row.name in seen.waiting:
                await record_identity(session, row, seen.waiting[row.name], now)
        return managed

    async def _managed(self, mailer_id: str) -> list[Identity]:
        async with self._db.read() as session:
            return await managed_of(session, mailer_id)
