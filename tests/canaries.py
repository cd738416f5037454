"""What must not stand where it is found: secrets, addresses of recipients, and what people type into forms.

The playgrounds' secrets and the recipients of the tests can be recognised, so nothing has to be told to this. At the
end of each world of the flows all that it left behind is looked through (`Canaries.leaks`), and after every test what
was logged, Mailroom's own loggers at DEBUG (`logged_leaks`). Where one may stand says ALLOWED, with the reason.
"""

import logging
import re
import traceback
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from sqlalchemy import text
from sqlmodel import SQLModel

from app import Mailroom
from bot.logs import OURS
from handlers.http.api.routing import MOUNTED
from storage.database import Database
from tests.playground.aws.principals import CANARY
from tests.playground.slack import Delivery, SlackPlayground
from tests.unit.test_places import NEVER

RECIPIENTS: Final = "@elsewhere.test"  # where the recipients of the flows are
SIGNING: Final = "8f742231b10e8888abcd99yyyzzz85a5"  # of the Slack playground, as its client secret
CLIENT: Final = "playground-client-secret"

_BEGIN: Final = (CANARY, SIGNING, CLIENT, "xapp-1-p", "xoxb-T", "xoxb-E", "xoxe", "whsec_", "mr_")
_SECRET: Final = re.compile(
    rf"[\w+/]*{CANARY}|{SIGNING}|{CLIENT}|xapp-1-\w{{8,}}|xoxb-[TE]\w{{6,}}[\w-]*|xoxe[.-][\w.-]{{8,}}"
    r"|whsec_[\w+/]{20,}|\bmr_[\w-]{40,}"
)
_IN_POSTGRESQL: Final = "|".join(  # whose bytes are text in hexadecimal
    [
        *(form for each in (CANARY, SIGNING, CLIENT, "xapp-1-p") for form in (each, each.encode().hex())),
        r"xoxb-[TE]\w{6,}|xoxe[.-][\w.-]{8,}|whsec_[\w+/]{20,}|mr_[\w-]{40,}",
    ]
)
_ADDRESS: Final = re.compile(rf"[\w.+-]+{re.escape(RECIPIENTS)}")
_CHANCE: Final = 8  # characters; what is shorter than that is found by chance

ALLOWED: Final[Mapping[str, Mapping[str, str]]] = {
    "secret": {},
    "shown once": {
        "a form": "whoever makes a token or a webhook is shown its secret there, once",
    },
    "address": {
        "a form": "whoever may send sees whom it goes to",
        "a message to one person": "what somebody asked for, and lists that were asked for",
        "a file to one person": "lists that were asked for, which never go to the channel",
        "an answer to a token": "programs read and write recipients with a token of the team",
        "an answer to a signed link": "a preview, or the recipient's own page",
    },
    "typed": {},  # looked for in logs, metrics and answers to anybody alone: all else shows people what they wrote
}

logged: Final[list[str]] = []


@dataclass(frozen=True, slots=True)
class Leak:
    what: str
    place: str
    text: str

    @property
    def is_allowed(self) -> bool:
        return self.place in ALLOWED[self.what]


def listen() -> None:
    """Remember every line that Mailroom logs, at any level, and those of libraries that production logs, too."""
    make = logging.getLogRecordFactory()

    def remember(*args: Any, **more: Any) -> logging.LogRecord:
        record = make(*args, **more)
        if record.levelno >= logging.WARNING or record.name.partition(".")[0] in OURS:
            raised = traceback.format_exception(record.exc_info[1]) if record.exc_info else ()
            logged.append("\n".join([record.getMessage(), *raised]))
        return record

    logging.setLogRecordFactory(remember)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.DEBUG)


def logged_leaks(typed: Iterable[str] = ()) -> list[Leak]:
    return [leak for line in logged for leak in _in_text("the log", line, typed)]


@dataclass
class Canaries:
    """What one world's bots answered, and all else that the world left behind."""

    slack: SlackPlayground
    keys: str  # MAILROOM_KEYS
    answers: list[tuple[str, bytes]] = field(default_factory=list)

    def watch(self, bot: Mailroom) -> None:
        """Be shown every answer of its HTTP server before it is sent."""
        outermost = bot.http.connections.middleware

        @web.middleware
        async def watched(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            response = await outermost(request, handler)
            if isinstance(response, web.Response) and isinstance(response.body, bytes):
                self.answers.append((request.path, response.body))
            return response

        bot.http.connections.middleware = watched  # type: ignore[method-assign]

    async def check(self, db: Database) -> None:
        """Fail where there are `leaks`."""
        if leaks := await self.leaks(db):
            raise AssertionError(leaks)

    async def leaks(self, db: Database) -> list[Leak]:
        """Look through the log, what went to Slack, answers by HTTP and the database; return what may not be there."""
        typed = set(_typed(self.slack.deliveries))
        found = logged_leaks(typed)
        for place, told in (*self._to_slack(), *self._by_http(), *(("the log", line) for line in logged)):
            found += _in_text(place, told, typed if place == "an answer to anybody" else ())
            found += [Leak("secret", place, "MAILROOM_KEYS")] if self.keys in told else []
        found += [Leak("address" if "." in place else "secret", place, "") for place in await _in_rows(db)]
        if db.path:
            found += [leak for file in _files(db.path) for leak in leaks_in_file(file)]
        return [leak for leak in dict.fromkeys(found) if not leak.is_allowed]

    def _to_slack(self) -> Iterator[tuple[str, str]]:
        world = self.slack.world
        for call in self.slack.calls:
            to = str(call.params.get("channel") or call.params.get("channel_id"))
            of_one = call.method in {"chat.postEphemeral", "response_url"} or to in world.users
            of_one = of_one or (to in world.channels and world.channels[to].direct)
            form = call.method.startswith("views.")
            yield "a form" if form else "a message to one person" if of_one else "the channel", str(call.params)
        yield from (("a form", str(each.ack)) for each in self.slack.deliveries if each.ack)
        for file in world.files.values():
            if file.user_id == file.workspace.bot_user_id:
                of_one = all(channel.direct for channel in file.shares)
                yield "a file to one person" if of_one else "the channel", file.content.decode(errors="replace")

    def _by_http(self) -> Iterator[tuple[str, str]]:
        for path, body in self.answers:
            if not path.startswith("/slack/events"):  # acknowledgements, which Slack's side has seen
                to_page = "a signed link" if path[:3] in {"/u/", "/p/"} else "anybody"
                place = "a token" if path.startswith(MOUNTED) else to_page
                yield f"an answer to {place}", body.decode(errors="replace")


def _in_text(place: str, told: str, typed: Iterable[str] = ()) -> Iterator[Leak]:
    if any(begin in told for begin in _BEGIN):
        for secret in _SECRET.findall(told):
            yield Leak("shown once" if secret.startswith(("whsec_", "mr_")) else "secret", place, secret)
    if RECIPIENTS in told:
        yield from (Leak("address", place, address) for address in _ADDRESS.findall(told))
    yield from (Leak("typed", place, each) for each in typed if each in told)


def leaks_in_file(file: Path) -> list[Leak]:
    """Return the secrets in a file of a database, or in a copy of one."""
    told = file.read_bytes()
    if not any(begin.encode() in told for begin in _BEGIN):
        return []
    return [Leak("secret", "the database's files", secret) for secret in _SECRET.findall(told.decode("latin-1"))]


def _typed(deliveries: Iterable[Delivery]) -> Iterator[str]:
    """Yield what people wrote into the forms that they sent off."""
    for each in deliveries:
        if each.payload.get("type") == "view_submission":
            for block in each.payload["view"]["state"]["values"].values():
                for element in block.values():
                    value = element.get("value")
                    if isinstance(value, str) and len(value) >= _CHANCE:
                        yield value


def _files(path: Path) -> list[Path]:
    return [file for file in (path, path.with_name(f"{path.name}-wal")) if file.exists()]


async def _in_rows(db: Database) -> list[str]:
    """Return columns that hold an address and may not; on PostgreSQL tables that hold a secret, too."""
    async with db.read() as session:
        connection = await session.connection()
        return [name for (name,) in await connection.execute(text(_statement(db.dialect)))]


@cache
def _statement(dialect: str) -> str:
    """Return one statement for all tables."""
    asked = []
    for table in SQLModel.metadata.sorted_tables:
        for column in NEVER.get(table.name, "").split():
            address = f"CAST({column} AS TEXT) LIKE '%{RECIPIENTS}%'"
            asked.append((f"{table.name}.{column}", table.name, address))
        if dialect == "postgresql":
            asked.append((table.name, table.name, f"row_to_json(t)::text ~ '{_IN_POSTGRESQL}'"))
    each = "SELECT '{}' WHERE EXISTS (SELECT 1 FROM \"{}\" t WHERE {})"
    return " UNION ALL ".join(each.format(*one) for one in asked)
