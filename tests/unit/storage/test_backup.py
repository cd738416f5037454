"""A copy of the database, and the way back. What a restore means for broadcasts: tests/flows/test_restore.py."""

import os
import resource
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from sqlmodel import col, select, text

from storage import migrations
from storage.audit import record
from storage.backup.backup import backup
from storage.backup.file import find_copy
from storage.backup.restore import restore
from storage.database import Database, Session, StorageError
from storage.key_rotation import check_keys
from storage.link_keys import link_keys
from storage.models import Audit, Team
from storage.sealing import KeyRing
from tests.databases import Clock, DatabaseMissingError, Databases

BOTH = pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"], indirect=True)
KEYS = KeyRing({"k1": b"1" * 32})


async def _nothing(_session: Session) -> None:
    pass


def _silent(_done: int, _whole: int) -> None:
    pass


@pytest.fixture(params=["sqlite"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def db(databases: Databases, database_kind: str, clock: Clock) -> AsyncIterator[Database]:
    """A database that a bot has opened, with one team."""
    try:
        url = await databases.create(database_kind)
    except DatabaseMissingError as error:
        pytest.skip(str(error))
    database = Database(url, clock=clock)
    await _open(database)
    await _add_team(database, "before")
    yield database
    await database.stop()
    await databases.drop(url)  # it has other tables by now


async def _open(db: Database) -> None:
    await db.start()
    await check_keys(db, KEYS)
    await link_keys(db, KEYS)


async def _add_team(db: Database, name: str) -> None:
    async with db.write() as session:
        team = Team(
            id=name, slack_team_id="T1", channel_id=name, name=f"é\t\\N {name}", created_by="U1", created_at=db.now()
        )
        session.add(team)
        record(session, name, "U1", "team.settings", db.now(), after={"said": "line\none"})


async def _teams(db: Database) -> list[str]:
    async with db.read() as session:
        return [*await session.exec(select(Team.id).order_by(Team.id))]


async def _copied(db: Database, tmp_path: Path) -> Path:
    path = tmp_path / "copy"
    await backup(db, KEYS, path, _silent)
    return path


async def _put_back(db: Database, path: Path, keys: KeyRing = KEYS) -> None:
    await restore(db, keys, find_copy(path), _silent, _nothing)


@BOTH
async def test_a_copy_is_made_while_the_bot_runs_and_brings_everything_back(
    db: Database, clock: Clock, tmp_path: Path
) -> None:
    path = await _copied(db, tmp_path)
    await _add_team(db, "after")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["copy"]  # noqa: PTH208 - nothing is left beside it
    assert find_copy(path).facts.made_at == clock()
    await db.stop()

    await _put_back(db, path)

    await _open(db)
    assert await _teams(db) == ["before"]
    await _add_team(db, "later")  # numbers go on behind those of the copy
    async with db.read() as session:
        copied, later = (await session.exec(select(Audit).order_by(col(Audit.id)))).all()
        team = await session.get_one(Team, "before")
    said = [(row.team_id, row.after["said"]) for row in (copied, later)]
    assert said == [("before", "line\none"), ("later", "line\none")]
    assert later.id == (copied.id or 0) + 1
    assert (team.name, team.created_at) == ("é\t\\N before", clock())


@pytest.mark.parametrize("size", [0, 1, 100, -1, -66, -400])
async def test_a_copy_that_was_cut_short_is_refused_and_nothing_changes(
    db: Database, tmp_path: Path, size: int
) -> None:
    path = await _copied(db, tmp_path)
    os.truncate(path, size if size >= 0 else path.stat().st_size + size)
    await db.stop()

    with pytest.raises(StorageError, match="is cut short"):
        await _put_back(db, path)
    assert await _teams(db) == ["before"]


@pytest.mark.parametrize("at", [0.01, 0.5, 0.99])
async def test_a_copy_with_another_byte_is_refused_before_a_row_is_touched(
    db: Database, tmp_path: Path, at: float
) -> None:
    path = await _copied(db, tmp_path)
    written = bytearray(path.read_bytes())
    place = int((find_copy(path).body - 1) * at)
    written[place] ^= 1
    path.write_bytes(written)
    await db.stop()

    with pytest.raises(StorageError, match="is damaged"):
        await _put_back(db, path)
    assert await _teams(db) == ["before"]


@BOTH
@pytest.mark.parametrize(
    ("keys", "why"),
    [(KeyRing({"k2": b"2" * 32}), "lacks the key k1, which this copy"), (KeyRing({"k1": b"2" * 32}), "another key")],
)
async def test_a_copy_of_another_key_is_refused_first_and_none_is_made_with_it(
    db: Database, tmp_path: Path, keys: KeyRing, why: str
) -> None:
    path = await _copied(db, tmp_path)
    with path.open("r+b") as file:
        file.write(b"not looked at yet")
    with pytest.raises(StorageError, match="MAILROOM_KEYS"):
        await backup(db, keys, tmp_path / "other", _silent)
    assert os.listdir(tmp_path) == ["copy"]  # noqa: PTH208
    await db.stop()

    with pytest.raises(StorageError, match=why):
        await _put_back(db, path, keys)


@BOTH
async def test_a_database_in_use_is_not_restored_onto(db: Database, tmp_path: Path) -> None:
    path = await _copied(db, tmp_path)
    if db.path:
        with pytest.raises(StorageError, match="is in use by another process"):
            await _put_back(db, path)  # whose file is locked by the bot
    else:
        address = db._url.set(drivername="postgresql").render_as_string()
        replica = await asyncpg.connect(address, server_settings={"application_name": "mailroom"})
        with pytest.raises(StorageError, match="in use by a running Mailroom"):
            await _put_back(db, path)
        await replica.close()
    assert await _teams(db) == ["before"]


@BOTH
async def test_a_database_that_is_another_one_is_restored_onto_only_while_it_is_empty(
    db: Database, tmp_path: Path
) -> None:
    path = await _copied(db, tmp_path)
    async with db.write() as session:
        await session.exec(text("DELETE FROM link_key"))  # type: ignore[call-overload]
    await link_keys(db, KEYS)  # so that it is another one
    await db.stop()

    with pytest.raises(StorageError, match="is another one than this copy was made of"):
        await _put_back(db, path)

    async with db.write() as session:
        await session.exec(text("DELETE FROM team"))  # type: ignore[call-overload]
    await db.stop()
    await _put_back(db, path)
    assert await _teams(db) == ["before"]


@BOTH
async def test_what_fails_after_the_rows_leaves_the_database_as_it_was(db: Database, tmp_path: Path) -> None:
    path = await _copied(db, tmp_path)
    await _add_team(db, "after")
    await db.stop()

    async def fails(session: Session) -> None:
        assert (await session.exec(select(Team.id))).all() == ["before"]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await restore(db, KEYS, find_copy(path), _silent, fails)
    assert await _teams(db) == ["after", "before"]


@BOTH
async def test_a_copy_of_an_older_schema_is_brought_up_to_date(
    empty_database_url: str, clock: Clock, tmp_path: Path
) -> None:
    db, older = Database(empty_database_url, clock=clock), migrations.revisions()[-2]
    await db._on_schema(lambda connection: migrations.upgrade(connection, older))
    path = await _copied(db, tmp_path)
    assert find_copy(path).facts.schema == older
    await db.stop()

    await _put_back(db, path)

    assert await db.is_current()
    await db.stop()


async def test_a_copy_of_a_newer_schema_says_which_version_to_use(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await _copied(db, tmp_path)
    await db.stop()
    monkeypatch.setattr(migrations, "revisions", lambda: ["0001"])

    with pytest.raises(StorageError, match="was made by a newer Mailroom"):
        await _put_back(db, path)


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow beyond a few pages, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@BOTH
async def test_a_full_disk_leaves_no_half_of_a_copy_and_the_one_before_stays(
    db: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path = await _copied(db, tmp_path)
    before = path.read_bytes()
    async with db.write() as session:
        for number in range(300):
            record(session, "before", "U1", "team.settings", db.now(), after={"said": f"{number}" * 100})

    request.getfixturevalue("small_disk")
    with pytest.raises(StorageError, match="cannot be written"):
        await backup(db, KEYS, path, _silent)

    assert os.listdir(tmp_path) == ["copy"]  # noqa: PTH208
    assert path.read_bytes() == before


async def test_a_copy_is_not_written_over_the_database_nor_into_a_folder(db: Database, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is a folder"):
        await backup(db, KEYS, tmp_path, _silent)
    with pytest.raises(StorageError, match="cannot be written"):
        await backup(db, KEYS, tmp_path / "nowhere" / "copy", _silent)
    for more in ("", "-wal", ".keys") if db.path else ():
        with pytest.raises(StorageError, match="belongs to the database itself"):
            await backup(db, KEYS, Path(f"{db.path}{more}"), _silent)


@BOTH
async def test_where_no_bot_has_run_there_is_nothing_to_copy(empty_database_url: str, tmp_path: Path) -> None:
    db = Database(empty_database_url)
    with pytest.raises(StorageError, match=r"nothing to copy|no database yet"):
        await backup(db, KEYS, tmp_path / "copy", _silent)
    await db.stop()
    assert os.listdir(tmp_path) == []  # noqa: PTH208
