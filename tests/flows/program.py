"""A program that uses the API over HTTP, with a token that an admin made in the channel."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import aiohttp
from multidict import CIMultiDict
from sqlalchemy import event

from storage.states import TokenScope
from tests.flows.world import World
from tests.playground.slack.driver import Person
from tests.playground.slack.surfaces import Modal
from tests.playground.slack.world import Channel

PROBLEM = "application/problem+json"


@dataclass
class Got:
    status: int
    headers: CIMultiDict[str]
    raw: bytes
    json: Any

    @property
    def shown(self) -> tuple[int, bytes, dict[str, str]]:
        """All that whoever asks can see, but for the time of day."""
        return self.status, self.raw, {name: value for name, value in self.headers.items() if name != "Date"}


class Program:
    """A program with a token."""

    def __init__(self, session: aiohttp.ClientSession, base: str, token: str | None) -> None:
        self._session = session
        self._base = base
        self.token = token

    async def ask(self, method: str, path: str, **options: Any) -> Got:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token is not None else {}
        headers |= options.pop("headers", {})
        async with self._session.request(method, f"{self._base}{path}", headers=headers, **options) as answer:
            raw = await answer.read()
            is_json = answer.content_type in {"application/json", PROBLEM}
            json = await answer.json(content_type=None) if is_json else None
            return Got(answer.status, CIMultiDict(answer.headers), raw, json)

    async def get(self, path: str, **query: Any) -> Got:
        return await self.ask("GET", f"/api/v1{path}", params=query)

    async def reads(self, path: str, **query: Any) -> Any:
        got = await self.get(path, **query)
        assert got.status == 200, got.raw
        return got.json

    def holding(self, token: str | None) -> "Program":
        return Program(self._session, self._base, token)


def counted(world: World) -> list[str]:
    """Return a list that every statement to the database is added to from now on."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    db = world.bot.db
    bulk = [db._bulk._engine] if db._bulk else []
    for engine in {db._reader.sync_engine, db._writer.sync_engine, *bulk}:
        event.listen(engine, "before_cursor_execute", note)
    return statements


async def tokens_modal(world: World, *, who: Person | None = None, channel: Channel | None = None) -> Modal:
    return await world.opens(who or world.ada, "/mailer api", "API tokens", channel=channel)


async def make_token(
    world: World,
    name: str = "Deploy script",
    *,
    scopes: Sequence[str] = tuple(TokenScope),
    ends: date | None = None,
    channel: Channel | None = None,
) -> str:
    modal = await tokens_modal(world, channel=channel)
    token = await create(modal, name, scopes=scopes, ends=ends)
    await modal.close()
    return token


async def fills_form(
    modal: Modal, name: str, *, scopes: Sequence[str] = tuple(TokenScope), ends: date | None = None
) -> None:
    await modal.press("Create token")
    await modal.shows("The channel sees it")
    modal.fill("Name", name)
    modal.fill("Scopes", list(scopes))
    modal.fill("Ends", ends)


async def create(
    modal: Modal, name: str, *, scopes: Sequence[str] = tuple(TokenScope), ends: date | None = None
) -> str:
    """Make a token, and read it where it is shown."""
    await fills_form(modal, name, scopes=scopes, ends=ends)
    await modal.submit()
    await modal.shows("Copy your new token now")
    (token,) = re.findall(r"mr_[A-Za-z0-9_-]{43}", modal.text)
    return str(token)
