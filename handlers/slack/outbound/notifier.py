"""The notifier: the only code that posts in a channel unasked. It takes outbox rows, renders them, posts or edits.

A message is never lost: whatever goes wrong, its row stays due. If the answer to a post is lost, it is posted again:
Slack cannot recognise a repeated post, and two alerts are better than none. Slack does not order edits either, so where
two may have crossed the message is edited once more: by the process that lost its claim meanwhile, and by the one that
takes over from a process that died.
"""

import asyncio
import hashlib
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from aiohttp import ClientError
from cachetools import LRUCache
from slack_sdk.errors import SlackApiError
from sqlmodel import select

from bot.alerts.incidents import tell_in_person
from bot.alerts.outbox import BETWEEN_DRAWINGS, Notice
from bot.pacing import NO_TIME, backoff
from bot.teams import reachability
from bot.teams.slack_codes import CHANNEL_GONE, WORKSPACE_GONE
from handlers.slack.api_errors import RATE_LIMITED, code_of, retry_after
from handlers.slack.views.blocks import Message
from handlers.slack.workspaces import Clients
from storage import Database, Outbox, Session, Team, leases

log = logging.getLogger(__name__)

Place = tuple[str, str]
"""A workspace, and a channel or a person in it: the same channel may be in several, by Slack Connect."""

Draw = Callable[[Session, Outbox], Awaitable[Message | None]]

LEASE = timedelta(seconds=60)
AT_ONCE = 50
# chat.postMessage: about one a second a channel, and short bursts above. A second sharp would just miss the next tick.
BETWEEN_POSTS = timedelta(seconds=0.9)
EDITS, PROGRESS_EDITS = 50, 40  # a minute and workspace: https://docs.slack.dev/apis/web-api/rate-limits, Tier 3
A_MINUTE = timedelta(minutes=1)
BACKOFF = 1, 300  # seconds: the first wait, and the longest
UNDER_WAY = timedelta(seconds=5)  # by then the edits that cross each other have come
REMEMBERED = 10_000

_CONTENT = frozenset({"invalid_blocks", "msg_blocks_too_long", "msg_too_long", "no_text", "invalid_arguments"})
_PERSON_GONE = frozenset({"channel_not_found", "user_not_found", "user_disabled", "messages_tab_disabled"})


class Notifier:
    def __init__(self, db: Database, clients: Clients, draw: Draw) -> None:
        self._db = db
        self._clients = clients
        self._draw = draw
        self._posted = LRUCache[Place, datetime](REMEMBERED)  # when it was last posted to
        self._edits: dict[str, deque[datetime]] = {}  # workspace: when messages were edited, within the last minute
        self._held: dict[tuple[str, str], datetime] = {}  # workspace and method: Slack has asked us to wait until then

    async def tick(self) -> None:
        """Bring every due message to its channel: channels side by side, the messages of one in order."""
        async with self._db.write() as session:
            due = await leases.claim_messages(session, now=session.now, lease=LEASE, limit=AT_ONCE)
        by_team = groupby(sorted(due, key=lambda row: row.team_id), key=lambda row: row.team_id)
        work = [self._deliver_all(team_id, list(rows)) for team_id, rows in by_team]
        for outcome in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(outcome, BaseException):  # the rows are due again when their lease ends
                log.error("messages could not be delivered", exc_info=outcome)

    async def _deliver_all(self, team_id: str, rows: Iterable[Outbox]) -> None:
        for row in sorted(rows, key=lambda row: (row.ts != "", row.created_at)):
            async with self._db.read() as session:
                team = await session.get_one(Team, team_id)
                message = await self._draw(session, row)
            await self._deliver(team, row, message)

    async def _deliver(self, team: Team, row: Outbox, message: Message | None) -> None:
        if message is None:  # what it was about is gone
            await self._finish(row)
            return
        if (until := reachability.wait_until(team, self._db.now(), direct=bool(row.user_id))) is not None:
            await self._defer(team, row, until)
            return
        drawn = _digest(message)
        if row.ts and drawn == row.drawn and row.claims == 1:  # it says so already
            await self._finish(row)
            return
        method = "chat.update" if row.ts else "chat.postMessage"
        if (wait_until := self._wait(method, team, row)) is not None:
            await self._finish(row, retry_at=wait_until)
            return
        if row.due_at is None or row.due_at <= self._db.now():  # stalled: it is for somebody else to say by now
            return
        try:
            posted = await self._send(team, row, message)
        except SlackApiError as error:
            await self._refused(team, row, method, error)
        except (ClientError, TimeoutError, OSError) as error:
            await self._fail(row, code_of(error))
        else:
            done = {**posted, "attempts": 0, "last_error": ""}
            if row.ts and row.claims > 1:
                await self._finish(row, retry_at=self._db.now() + UNDER_WAY, drawn="", **done)
            else:
                await self._finish(row, drawn=drawn, **done)

    async def _send(self, team: Team, row: Outbox, message: Message) -> dict[str, Any]:
        client = await self._clients(team.slack_team_id)
        if row.ts:
            self._edits.setdefault(team.slack_team_id, deque()).append(self._db.now())
            await client.chat_update(channel=row.channel_id, ts=row.ts, **message.payload())
            return {}
        to = row.user_id or team.channel_id
        self._posted[team.slack_team_id, to] = self._db.now()
        answer = await client.chat_postMessage(
            channel=to,
            thread_ts=await self._ts_of(row.reply_to) if row.reply_to else None,
            reply_broadcast=bool(row.reply_to),
            unfurl_links=False,
            unfurl_media=False,
            **message.payload(),
        )
        return {"channel_id": answer["channel"], "ts": answer["ts"]}

    async def _ts_of(self, key: str) -> str | None:
        async with self._db.read() as session:
            return (await session.exec(select(Outbox.ts).where(Outbox.key == key))).first()

    async def _refused(self, team: Team, row: Outbox, method: str, error: SlackApiError) -> None:
        code = code_of(error)
        if code == RATE_LIMITED:
            until = self._db.now() + timedelta(seconds=retry_after(error))
            self._held[team.slack_team_id, method] = until
            await self._finish(row, retry_at=until, last_error=code)
        elif code == "message_not_found" and row.ts:  # somebody deleted it: say it again
            await self._finish(row, retry_at=self._db.now(), ts="", last_error=code)
        elif code == "thread_not_found" and row.reply_to:  # so it stands by itself
            await self._finish(row, retry_at=self._db.now(), reply_to="", last_error=code)
        elif row.user_id and code in _PERSON_GONE:
            log.warning("the message %s reaches nobody: %s", row.key, code)
            await self._finish(row, last_error=code)
        elif code in WORKSPACE_GONE or code in CHANNEL_GONE:
            await self._lost(team, row, code)
        elif code in _CONTENT:
            log.error("Slack does not take the message %s: %s", row.key, code)
            await self._finish(row, last_error=code)
        else:
            log.warning("the message %s could not be delivered: %s", row.key, code)
            await self._fail(row, code)

    async def _lost(self, team: Team, row: Outbox, why: str) -> None:
        """Have the message wait until the channel is back, in one transaction with the fact that it is gone."""
        log.warning("the message %s waits: %s", row.key, why)
        async with self._db.write() as session:
            await reachability.mark_unreachable(session, team, why, now=session.now)
            if row.kind == Notice.ALERT and why in CHANNEL_GONE:
                await tell_in_person(session, team)
            await leases.finish_message(
                session, row, now=session.now, retry_at=session.now + reachability.LOOK_AGAIN, last_error=why
            )

    async def _defer(self, team: Team, row: Outbox, until: datetime) -> None:
        """Have a message wait until the channel is in reach; that an alert waits a person is told."""
        async with self._db.write() as session:
            if row.kind == Notice.ALERT and team.unreachable_why in CHANNEL_GONE:
                await tell_in_person(session, team)
            await leases.finish_message(session, row, now=session.now, retry_at=until)

    async def _fail(self, row: Outbox, why: str) -> None:
        wait = backoff(row.attempts + 1, *BACKOFF)
        await self._finish(
            row, retry_at=self._db.now() + timedelta(seconds=wait), attempts=row.attempts + 1, last_error=why
        )

    async def _finish(self, row: Outbox, *, retry_at: datetime | None = None, **values: Any) -> None:
        async with self._db.write() as session:
            again_at = session.now + BETWEEN_DRAWINGS.get(Notice(row.kind), NO_TIME)
            ours = await leases.finish_message(
                session, row, now=session.now, again_at=again_at, retry_at=retry_at, **values
            )
            if not ours and row.ts:
                await leases.doubt_message(session, row, look_at=session.now + UNDER_WAY)

    def _wait(self, method: str, team: Team, row: Outbox) -> datetime | None:
        """Return until when this call has to wait, or None where it need not."""
        waits = [self._held.get((team.slack_team_id, method))]
        if method == "chat.update":
            waits.append(self._no_room_until(team, row))
        elif (to := (team.slack_team_id, row.user_id or team.channel_id)) in self._posted:
            waits.append(self._posted[to] + BETWEEN_POSTS)
        return max((wait for wait in waits if wait and wait > self._db.now()), default=None)

    def _no_room_until(self, team: Team, row: Outbox) -> datetime | None:
        """Return when this edit fits into what Slack takes from us; progress leaves room for alerts."""
        edits = self._edits.get(team.slack_team_id)
        if edits is None:
            return None
        while edits and edits[0] <= self._db.now() - A_MINUTE:
            edits.popleft()
        room = PROGRESS_EDITS if row.kind == Notice.BROADCAST else EDITS
        return edits[-room] + A_MINUTE if len(edits) >= room else None


def _digest(message: Message) -> str:
    return hashlib.sha256(json.dumps(message.payload(), sort_keys=True).encode()).hexdigest()
