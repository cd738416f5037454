"""What every test may ask for: a clock that is told the time, and a database of its own on each kind of server."""

import gc
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Generator, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hypothesis import settings
from sqlalchemy import Engine, event

from storage.database import Database
from tests import canaries
from tests.databases import Clock, DatabaseMissingError, Databases
from tests.playground.aws import AwsPlayground
from tests.principal import forget_credentials


def _on_this_machine_only(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse what would leave loopback, whoever does it: a test must not need the net."""
    if event not in {"socket.connect", "socket.sendto"} or not isinstance(arguments[1], tuple):
        return
    host = str(arguments[1][0])
    if host not in {"", "localhost"} and not ip_address(host).is_loopback:
        raise RuntimeError(f"a test reached for {host}")


sys.addaudithook(_on_this_machine_only)
settings.register_profile("mailroom", deadline=None)  # other work on the machine is no failure
settings.load_profile("mailroom")
gc.set_threshold(100_000, 20, 20)  # what is made here is many small things that live long: SQL, schemas, clients


@event.listens_for(Engine, "connect")
def _rows_in_no_order(connection: Any, _record: Any) -> None:
    """Have SQLite turn round what no ORDER BY puts in order; PostgreSQL promises no order either, and seldom shows it.

    https://www.sqlite.org/pragma.html#pragma_reverse_unordered_selects
    """
    if "sqlite" in type(connection).__module__:
        connection.cursor().execute("PRAGMA reverse_unordered_selects = ON")


STORAGE = Path(__file__).parent / "unit" / "storage"

_databases = pytest.StashKey[Databases]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long", action="store_true", help="run every flow on every kind of database, and what is marked long"
    )


def pytest_configure() -> None:
    canaries.listen()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None]:
    """Fail where the log of a test holds a secret or the address of a recipient."""
    yield
    leaks = canaries.logged_leaks()
    canaries.logged.clear()
    if leaks:
        raise AssertionError(leaks)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without `--long` leave out what is marked `long`, and one of a case's two databases (docs/decisions/0013).

    Of eight cases one runs on PostgreSQL, where it takes half as long again; of the eighths it is the quickest.
    """
    if config.getoption("--long"):
        return
    cases = defaultdict(list)
    for item in items:
        if kind := _kind_of(item):
            cases[item.nodeid.replace(kind, "*")].append(item)
    left_out = {item for item in items if item.get_closest_marker("long")}
    for name, case in cases.items():
        if len(case) > 1 and not case[0].get_closest_marker("both_databases"):
            case.sort(key=_kind_of)  # PostgreSQL first
            left_out.add(case[1 if crc32(name.encode()) % 8 == 6 else 0])
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=list(left_out))


def _kind_of(item: pytest.Item) -> str:
    """Of the database that the case runs on; what tests the storage itself is one case for each kind."""
    called = getattr(item, "callspec", None)
    is_of_storage = STORAGE in item.path.parents
    return str(called.params.get("database_kind", "")) if called and not is_of_storage else ""


@pytest.fixture
def clock() -> Clock:
    """A settable clock; it says 2026-11-24 09:00 UTC."""
    return Clock()


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    with Databases(in_memory=True) as made:
        request.config.stash[_databases] = made
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def _create(databases: Databases, kind: str, *, migrated: bool) -> str:
    try:
        return await databases.create(kind, migrated=migrated)
    except DatabaseMissingError as error:
        pytest.skip(str(error))


@pytest.fixture
async def database_url(databases: Databases, database_kind: str) -> AsyncIterator[str]:
    """DATABASE_URL of a migrated database without rows; the test runs once on each kind."""
    url = await _create(databases, database_kind, migrated=True)
    yield url
    await databases.recycle(url)


@pytest.fixture
async def empty_database_url(databases: Databases, database_kind: str) -> AsyncIterator[str]:
    """DATABASE_URL of a database without any table, for tests that change the schema."""
    url = await _create(databases, database_kind, migrated=False)
    yield url
    await databases.drop(url)


@pytest.fixture(scope="session")
def started_aws() -> Iterator[AwsPlayground]:
    with AwsPlayground() as aws:
        yield aws


@pytest.fixture
def aws(started_aws: AwsPlayground, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> AwsPlayground:
    """An AWS as new, on the test's clock; botocore's own variable leads to it."""
    started_aws.reset()
    started_aws.clock = clock
    monkeypatch.setenv("AWS_ENDPOINT_URL", started_aws.url)
    forget_credentials(monkeypatch)
    return started_aws


@pytest.fixture
async def db(database_url: str, clock: Clock) -> AsyncIterator[Database]:
    """A started Database on `clock`."""
    database = Database(database_url, clock=clock)
    await database.start()
    yield database
    await database.stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    made = config.stash.get(_databases, None)
    if made:
        terminalreporter.write_line(f"databases: {', '.join(made.versions[kind] for kind in sorted(made.versions))}")
