"""Brings files: the chart under a report to the channel, the list of recipients to the person who asked for it.

A file is an outbox row like every other message, so it survives whatever happens; it is made from the database when
its turn comes, and takes longer than a message, so that it has turns of its own. Slack wants three steps
(https://docs.slack.dev/messaging/working-with-files#upload): a URL, the bytes, and where they are to be shown.
"""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from aiohttp import ClientError
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from sqlmodel import select

from bot.leased_poller import LeasedPoller
from bot.pacing import backoff
from bot.teams import reachability
from bot.teams.slack_codes import CHANNEL_GONE, WORKSPACE_GONE
from handlers.slack.api_errors import FAILURES, RATE_LIMITED, code_of, passes, retry_after
from handlers.slack.file_transfer import Files, OutgoingFile
from handlers.slack.outbound.notifier import BACKOFF
from handlers.slack.views.blocks import Message, section
from handlers.slack.workspaces import Clients
from storage import Database, Outbox, Team, leases

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=15)  # a list of a million takes one or two
AT_ONCE = 4


class NotReady(Exception):  # noqa: N818 - nothing is wrong
    """It is too early for this file: look again after so long."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(wait)
        self.wait = wait


Make = Callable[[Outbox], Awaitable[OutgoingFile | None]]


class Uploader(LeasedPoller[Outbox]):
    """Args: `make` makes the file of a row (None: there is nothing to show), or raises NotReady."""

    def __init__(self, db: Database, clients: Clients, files: Files, make: Make) -> None:
        super().__init__(db, at_once=AT_ONCE, patience=0)
        self._clients = clients
        self._files = files
        self._make = make

    async def _claim(self, limit: int) -> list[Outbox]:
        async with self._db.write() as session:
            return await leases.claim_messages(session, now=session.now, lease=LEASE, limit=limit, files=True)

    async def _work(self, claimed: Outbox) -> None:
        try:
            async with self._db.read() as session:
                team = await session.get_one(Team, claimed.team_id)
            until = reachability.wait_until(team, self._db.now(), direct=bool(claimed.user_id))
            if until is not None:
                await self._finish(claimed, retry_at=until)
                return
            await self._bring(claimed, team)
        except NotReady as early:
            await self._finish(claimed, retry_at=self._db.now() + early.wait)
        except (ClientError, TimeoutError, OSError) as error:
            await self._fail(claimed, code_of(error))

    async def _bring(self, row: Outbox, team: Team) -> None:
        upload = await self._make(row)
        if upload is None:
            await self._finish(row)
            return
        try:
            with upload.content:
                client = await self._clients(team.slack_team_id)
                channel_id, thread_ts = await self._place(client, row, upload.comment)
                await self._files.upload(client, upload, channel_id, thread_ts)
        except SlackApiError as error:
            await self._refused(team, row, error, upload.comment)
        else:
            await self._finish(row, attempts=0, last_error="")

    async def _place(self, client: AsyncWebClient, row: Outbox, comment: Message | None) -> tuple[str, str | None]:
        """Return where the file goes: under a message in the channel, or to a person, after an announcement."""
        if row.reply_to:
            async with self._db.read() as session:
                above = select(Outbox.channel_id, Outbox.ts).where(Outbox.key == row.reply_to)
                channel_id, ts = (await session.exec(above)).first() or ("", "")
            if not ts:
                raise NotReady(timedelta(seconds=30))
            return channel_id, ts
        if not row.ts and comment is not None:  # posted to a person, it names the direct message with them
            posted = await client.chat_postMessage(channel=row.user_id, **comment.payload())
            row.channel_id, row.ts = str(posted["channel"]), str(posted["ts"])
            await self._finish(row, retry_at=row.due_at, channel_id=row.channel_id, ts=row.ts)
        return row.channel_id, None

    async def _refused(self, team: Team, row: Outbox, error: SlackApiError, comment: Message | None) -> None:
        code = code_of(error)
        if passes(code):
            wait = retry_after(error) if code == RATE_LIMITED else 0
            await self._fail(row, code, wait=wait)
        elif code in WORKSPACE_GONE or (row.reply_to and code in CHANNEL_GONE):
            await self._finish(row, retry_at=self._db.now() + reachability.LOOK_AGAIN, last_error=code)
        else:
            log.warning("Slack does not take the file %s: %s", row.key, code)
            await self._finish(row, last_error=code)
            await self._report_failure(team, row, code, comment)

    async def _report_failure(self, team: Team, row: Outbox, code: str, comment: Message | None) -> None:
        """Say below its announcement that the file does not come."""
        if not row.user_id or comment is None:
            return
        why = "the app lacks the scope files:write: install it again" if code == "missing_scope" else code
        with suppress(*FAILURES):
            text = f":warning: Slack did not take the file ({why}). Ask for it again once that is mended."
            told = Message(text, [*comment.blocks, section(text)])
            client = await self._clients(team.slack_team_id)
            await client.chat_update(channel=row.channel_id, ts=row.ts, **told.payload())

    async def _fail(self, row: Outbox, why: str, *, wait: float = 0) -> None:
        log.info("the file %s is tried again: %s", row.key, why)
        wait = max(wait, backoff(row.attempts + 1, *BACKOFF))
        await self._finish(
            row, retry_at=self._db.now() + timedelta(seconds=wait), attempts=row.attempts + 1, last_error=why
        )

    async def _finish(self, row: Outbox, *, retry_at: datetime | None = None, **values: Any) -> None:
        async with self._db.write() as session:
            await leases.finish_message(session, row, now=session.now, retry_at=retry_at, **values)
