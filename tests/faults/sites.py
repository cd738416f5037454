"""Where Mailroom waits for the database, Slack, AWS, DNS or another host, found by walking its code."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from slack_sdk.web.async_client import AsyncWebClient

ROOT = Path(__file__).parents[2]
FLOORS = ("bot", "handlers", "storage")
GATEWAYS = frozenset(
    {
        "bot/mailer/identities/dns_lookup.py",
        "bot/ses/client.py",
        "bot/ses/retries.py",
        "handlers/public_connector.py",
        "storage/database.py",
        "storage/engines.py",
        "storage/group_commit.py",
        "storage/sqlite_driver.py",
    }
)
"""Through which everything goes: who calls them is the one who waits."""


class Medium(StrEnum):
    DATABASE = "database"
    SLACK = "slack"
    AWS = "aws"
    DNS = "dns"
    HTTP = "http"


@dataclass(frozen=True, order=True)
class Site:
    """A place in the code, from its first to its last line."""

    file: str
    line: int
    end: int
    medium: Medium
    function: str
    passes_on: bool = False
    """Makes the call for those who name it, and is the place only where nobody does."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.function} ({self.medium})"

    @property
    def place(self) -> str:
        """What it is listed by: lines move."""
        return f"{self.file}::{self.function}"

    @property
    def only_begins(self) -> bool:
        """Whether it asks for a session's connection alone: SQLite is sent a BEGIN then, and PostgreSQL nothing."""
        line = (ROOT / self.file).read_text().splitlines()[self.line - 1]
        return "= await session.connection()" in line


_TRANSACTIONS = frozenset({"write", "alone"})
"""At whose end is a commit; a reader waits at its statements alone."""

_SESSIONS = frozenset({"write", "read", "snapshot", "alone", "begin", "connect"})
_STATEMENTS = frozenset(
    {
        "connection",
        "exec",
        "execute",
        "exec_driver_sql",
        "flush",
        "get",
        "get_one",
        "refresh",
        "run_sync",
        "scalar",
        "scalars",
        "stream",
    }
)
_DATABASES = frozenset({"db", "_db", "database"})
_SLACK = frozenset(name for name in vars(AsyncWebClient) if "_" in name.strip("_") and not name.startswith("_"))
_ACTION = re.compile(r"^(ses|sns|sqs|sts|iam|cloudformation):\w+$")
_METHOD = re.compile(r"^Callable\[\.\.\., Awaitable\[(Any|AsyncSlackResponse)\]\]$")
_SESSION = re.compile(r"\b(Session|AsyncConnection)\b")
_ROLES = frozenset({"own_account", "assume"})
_LOOKUPS = frozenset({"lookup", "_lookup"})
_REQUESTS = frozenset({"get", "post", "put", "request"})


class _Walk(ast.NodeVisitor):
    def __init__(self, file: str, tree: ast.Module) -> None:
        self._file = file
        self._inside: list[ast.AST] = []
        self._awaited: set[ast.AST] = set()
        self._sessions = {"session", "connection", *_sessions(tree)}
        self._fetches = any("ClientSession" in names for names in _imported(tree, "aiohttp"))
        self.found: set[Site] = set()
        self.transactions: set[Site] = set()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._enter(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._enter(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._enter(node)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> None:
        for item in node.items:
            call = item.context_expr
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                if call.func.attr in _TRANSACTIONS and not call.args:
                    self._add(Medium.DATABASE, node.lineno, call.end_lineno)
                    self._add_transaction(node)
                elif self._fetches and call.func.attr in _REQUESTS and _last(call.func.value) == "session":
                    self._add(Medium.HTTP, node.lineno, call.end_lineno)
        self.generic_visit(node)

    def visit_Await(self, node: ast.Await) -> None:
        self._awaited.add(node.value)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if any(isinstance(each, ast.AsyncFunctionDef) for each in self._inside) and (medium := self._medium(node)):
            passes_on = medium is Medium.AWS and not _names_action(node) and self._has("action")
            self._add(medium, node.lineno, node.end_lineno, passes_on=passes_on)
            if medium is Medium.DATABASE and _last(node.func) == "run":
                self._add_transaction(node)
        self.generic_visit(node)

    def _medium(self, call: ast.Call) -> Medium | None:
        name, of = _last(call.func), _last(call.func.value) if isinstance(call.func, ast.Attribute) else ""
        awaited = call in self._awaited
        if awaited and name in _STATEMENTS and of in self._sessions and not (self._fetches and name in _REQUESTS):
            return Medium.DATABASE
        if awaited and name == "run" and of in _DATABASES:
            return Medium.DATABASE
        if (name in _SLACK and "client" in of) or (awaited and (of, name) == ("webhook", "send")):
            return Medium.SLACK
        if awaited and (name == "async_dispatch" or self._is_given_slack(name)):
            return Medium.SLACK
        if awaited and (_names_action(call) or name in _ROLES or name == "call"):
            return Medium.AWS
        asks = name in _LOOKUPS or (name == "resolve" and "esolver" in ast.unparse(call.func))
        return Medium.DNS if asks else None

    def _enter(self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._inside.append(node)
        self.generic_visit(node)
        self._inside.pop()

    def _arguments(self) -> Iterator[ast.arg]:
        for each in self._inside:
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from (*each.args.args, *each.args.kwonlyargs)

    def _has(self, name: str) -> bool:
        return any(argument.arg == name for argument in self._arguments())

    def _is_given_slack(self, name: str) -> bool:
        """Whether this is a method of Slack's client that somebody hands over."""
        types = [ast.unparse(each.annotation) for each in self._arguments() if each.arg == name and each.annotation]
        return self._file.startswith("handlers/slack/") and any(_METHOD.match(each) for each in types)

    def _add_transaction(self, node: ast.AsyncWith | ast.Call) -> None:
        function = ".".join(each.name for each in self._inside if hasattr(each, "name"))
        end = node.end_lineno or node.lineno
        self.transactions.add(Site(self._file, node.lineno, end, Medium.DATABASE, function))

    def _add(self, medium: Medium, line: int, end: int | None, *, passes_on: bool = False) -> None:
        function = ".".join(each.name for each in self._inside if hasattr(each, "name"))
        self.found.add(Site(self._file, line, end or line, medium, function, passes_on))


def _last(node: ast.AST) -> str:
    """Return the last name of `a.b.c`, also of `await a.b()`'s and `a.b().c`'s receivers."""
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Call):
        return _last(node.func)
    if isinstance(node, ast.Await):
        return _last(node.value)
    return node.id if isinstance(node, ast.Name) else ""


def _names_action(call: ast.Call) -> bool:
    first = call.args[0] if call.args else None
    return isinstance(first, ast.Constant) and isinstance(first.value, str) and bool(_ACTION.match(first.value))


def _imported(tree: ast.Module, module: str) -> Iterator[set[str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == module:
            yield {each.name for each in node.names}


def _sessions(tree: ast.Module) -> Iterator[str]:
    """Yield what sessions and connections are called in a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.annotation and _SESSION.search(ast.unparse(node.annotation)):
            yield node.arg
        if isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name):
            call = node.context_expr
            if isinstance(call, ast.Call) and _last(call.func) in _SESSIONS:
                yield node.optional_vars.id


def _walked(file: str, text: str) -> _Walk:
    tree = ast.parse(text)
    walk = _Walk(file, tree)
    walk.visit(tree)
    return walk


def sites_in(file: str, text: str) -> set[Site]:
    """Return the sites of one file."""
    return _walked(file, text).found


@cache
def _every_walk() -> list[_Walk]:
    paths = [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]
    files = {str(path.relative_to(ROOT)): path for path in paths if "migrations" not in path.parts}
    return [_walked(file, path.read_text()) for file, path in files.items() if file not in GATEWAYS]


@cache
def every_site() -> frozenset[Site]:
    """Return the sites of Mailroom."""
    return frozenset(site for walk in _every_walk() for site in walk.found)


@cache
def every_transaction() -> frozenset[Site]:
    """Return Mailroom's transactions that write, each from its first line to its last."""
    return frozenset(each for walk in _every_walk() for each in walk.transactions)


@cache
def listed_sites(kind: str) -> frozenset[Site]:
    """Return those that somebody is to reach on this kind of database: all but what makes a call for others."""
    on_sqlite = kind == "sqlite"
    return frozenset(site for site in every_site() if not site.passes_on and (on_sqlite or not site.only_begins))
