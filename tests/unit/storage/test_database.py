import asyncio
import shutil
import sqlite3
import stat
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import SQLModel, insert, select

from storage.database import Database, StorageError, utc_now
from storage.database_errors import is_unique_violation
from storage.models import ProcessedRequest, SendingAccount, Team, TeamAdmin
from tests.databases import Databases

CANARY = "wJalrXUtnFEMI"


def _seen(db: Database, key: str = "a") -> ProcessedRequest:
    return ProcessedRequest(key=key, seen_at=db.now())


async def _keys(db: Database) -> list[str]:
    async with db.read() as session:
        return [*await session.exec(select(ProcessedRequest.key).order_by(ProcessedRequest.key))]


async def test_what_a_writer_wrote_a_reader_sees_in_utc(db: Database) -> None:
    async with db.write() as session:
        session.add(_seen(db))
    async with db.read() as session:
        (row,) = await session.exec(select(ProcessedRequest))
    assert (row.key, row.seen_at, row.seen_at.utcoffset()) == ("a", db.now(), timedelta())


async def test_an_error_undoes_the_whole_transaction(db: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with db.write() as session:
            session.add(_seen(db))
            await session.flush()
            _ = 1 / 0
    assert await _keys(db) == []


async def test_a_cancelled_writer_leaves_nothing_and_makes_room_for_the_next(db: Database) -> None:
    wrote = asyncio.Event()

    async def write_and_wait() -> None:
        async with db.write() as session:
            session.add(_seen(db, "cancelled"))
            await session.flush()
            wrote.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write_and_wait())
    await wrote.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with db.write() as session:
        session.add(_seen(db, "next"))
    assert await _keys(db) == ["next"]


async def test_a_reader_keeps_its_snapshot_while_others_write(db: Database) -> None:
    async with db.read() as reader:
        assert (await reader.exec(select(ProcessedRequest))).all() == []
        async with db.write() as session:
            session.add(_seen(db))
        assert (await reader.exec(select(ProcessedRequest))).all() == []
    assert await _keys(db) == ["a"]


async def test_a_reader_cannot_write(db: Database) -> None:
    async with db.read() as session:
        session.add(_seen(db))
        with pytest.raises(DBAPIError, match=r"read-?only"):
            await session.flush()


async def test_fifty_writers_at_once_lose_no_update(db: Database) -> None:
    account = SendingAccount(account_id="1", region="eu-west-1")
    async with db.write() as session:
        session.add(account)

    async def count_up() -> None:
        async with db.write() as session:
            query = select(SendingAccount).where(SendingAccount.id == account.id).with_for_update()
            (await session.exec(query)).one().fence += 1

    await asyncio.gather(*(count_up() for _ in range(50)))
    async with db.read() as session:
        assert (await session.get_one(SendingAccount, account.id)).fence == 50


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_writer_within_a_writer_is_told_instead_of_waiting_for_ever(db: Database) -> None:
    async with db.write():
        with pytest.raises(RuntimeError, match="would wait for itself"):
            async with db.write():
                pass


def _team(**values: Any) -> Team:
    return Team(**{"slack_team_id": "T1", "channel_id": "C1", "name": "news", "created_by": "U1", **values})


async def _refusal(db: Database, *rows: SQLModel) -> IntegrityError:
    with pytest.raises(IntegrityError) as caught:
        async with db.write() as session:
            for row in rows:
                session.add(row)
                await session.flush()
                session.expunge(row)
    return caught.value


async def test_only_a_row_that_is_there_already_is_a_unique_violation(db: Database) -> None:
    now = db.now()
    assert is_unique_violation(await _refusal(db, _team(created_at=now), _team(created_at=now)))
    assert is_unique_violation(
        await _refusal(db, _team(id="a", created_at=now), _team(id="a", channel_id="C2", created_at=now))
    )
    assert not is_unique_violation(await _refusal(db, _team(created_at=None)))
    assert not is_unique_violation(
        await _refusal(db, TeamAdmin(team_id="-", user_id="U1", appointed_by="U2", appointed_at=now))
    )


async def test_the_database_itself_holds_the_closed_lists(db: Database) -> None:
    with pytest.raises(IntegrityError, match="ck_poll_kind"):
        async with db.write() as session:
            connection = await session.connection()
            await connection.exec_driver_sql("INSERT INTO poll VALUES ('nonsense', 'a', '2026-01-01 00:00:00+00', 0)")


async def test_no_error_shows_what_was_to_be_stored(db: Database) -> None:
    with pytest.raises(IntegrityError) as caught:
        async with db.write() as session:
            session.add(_team(channel_id=CANARY))
    assert CANARY not in str(caught.value)
    with pytest.raises(IntegrityError) as caught:
        await db.run(lambda connection: connection.execute(insert(Team), {"channel_id": CANARY}))
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        CANARY,
        f"postgres://u:{CANARY}@h/db",
        f"postgresql://u:{CANARY}@h/db",
        f"postgresql+psycopg://u:{CANARY}@h/db",
        f"postgresql+asyncpg://u:{CANARY}@h:{CANARY}/db",
        f"postgresql+asyncpg://u:{CANARY}@h",
        "sqlite:///mailroom.db",
        "sqlite+aiosqlite://",
        "sqlite+aiosqlite:///:memory:",
    ],
)
def test_an_unusable_address_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"^DATABASE_URL ") as caught:
        Database(url)
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_second_process_is_kept_from_the_sqlite_file(db: Database, database_url: str) -> None:
    second = Database(database_url)
    with pytest.raises(StorageError, match="in use by another process"):
        await second.start()
    await db.stop()
    await second.start()
    await second.stop()


def _file(url: str) -> Path:
    return Path(url.removeprefix("sqlite+aiosqlite:///"))


def _modes(directory: Path) -> dict[str, str]:
    return {file.name: f"{stat.S_IMODE(file.stat().st_mode):o}" for file in directory.iterdir()}


async def test_a_new_sqlite_file_is_for_its_owner_only(tmp_path: Path) -> None:
    db = Database(f"sqlite+aiosqlite:///{tmp_path}/mailroom.db")
    await db.start()
    async with db.write() as session:
        session.add(_seen(db))
    modes = _modes(tmp_path)
    await db.stop()
    assert {name: modes[f"mailroom.db{name}"] for name in ("", "-wal", "-shm")} == {
        "": "600",
        "-wal": "600",
        "-shm": "600",
    }


async def test_a_file_that_others_could_read_is_theirs_no_longer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = Database(f"sqlite+aiosqlite:///{tmp_path}/mailroom.db")
    await db.start()
    async with db.write() as session:
        session.add(_seen(db))
    for suffix in ("", "-wal", "-shm"):
        shutil.copyfile(tmp_path / f"mailroom.db{suffix}", tmp_path / f"copy.db{suffix}")  # as a crash leaves them
        (tmp_path / f"copy.db{suffix}").chmod(0o644)
    await db.stop()
    copy = Database(f"sqlite+aiosqlite:///{tmp_path}/copy.db")

    with (
        monkeypatch.context() as others,
        pytest.raises(StorageError, match=r"copy\.db can be read by others: run chmod"),
    ):
        others.setattr(Path, "chmod", _refused)
        await copy.start()
    await copy.start()
    keys, modes = await _keys(copy), _modes(tmp_path)
    await copy.stop()

    assert {modes[name] for name in modes if name in {"copy.db", "copy.db-wal", "copy.db-shm"}} == {"600"}
    assert keys == ["a"]
    assert "copy.db-wal could be read by others on this machine; only its owner can now" in caplog.text


def _refused(_path: Path, _mode: int) -> None:
    raise PermissionError


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_sqlite_writes_through_to_the_disk(db: Database) -> None:
    for session_of in (db.read, db.write):
        async with session_of() as session:
            connection = await session.connection()
            values = [
                (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            ]
        assert values == ["wal", 2, 1, 5000]


@pytest.mark.parametrize(
    ("damage", "says"), [("foreign", "cannot be used"), ("cut", "cannot be used"), ("zeroed", "is damaged; restore it")]
)
@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_damaged_sqlite_file_is_refused_and_left_alone(database_url: str, damage: str, says: str) -> None:
    path = _file(database_url)
    whole = path.read_bytes()
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'seen_request'").fetchone()
    content = {
        "foreign": b"not a database" * 1000,
        "cut": whole[: len(whole) // 2],
        "zeroed": whole[: (page - 1) * 4096] + bytes(4096) + whole[page * 4096 :],
    }[damage]
    path.write_bytes(content)
    with pytest.raises(StorageError, match=rf"DATABASE_URL {says}"):
        await Database(database_url).start()
    assert path.read_bytes() == content


async def test_a_database_that_cannot_be_reached_is_named_by_its_setting(tmp_path: Path) -> None:
    addresses = [
        f"sqlite+aiosqlite:///{tmp_path}/missing/mailroom.db",
        f"postgresql+asyncpg://u:{CANARY}@127.0.0.1:1/db",
        f"postgresql+asyncpg://u:{CANARY}@/db?host={tmp_path}",
    ]
    for url in addresses:
        with pytest.raises(StorageError, match="DATABASE_URL") as caught:
            await Database(url).start()
        assert CANARY not in str(caught.value)


async def test_without_a_clock_of_its_own_it_tells_the_real_time(database_url: str) -> None:
    db = Database(database_url)
    await db.start()
    assert abs(db.now() - utc_now()) < timedelta(seconds=5)
    await db.stop()


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_replicas_go_by_the_clock_of_postgresql(empty_database_url: str) -> None:
    name, host = empty_database_url.removeprefix("postgresql+asyncpg://postgres@/").split("?host=")
    connection = await asyncpg.connect(host=host, user="postgres", database=name)
    await connection.execute(
        f"""
        CREATE SCHEMA ahead;
        CREATE FUNCTION ahead.clock_timestamp() RETURNS timestamptz LANGUAGE sql
            AS $$ SELECT pg_catalog.clock_timestamp() + interval '1 hour' $$;
        ALTER DATABASE {name} SET search_path = ahead, pg_catalog, public;
        """
    )
    await connection.close()
    db = Database(empty_database_url)
    await db.start()
    assert abs(db.now() - utc_now() - timedelta(hours=1)) < timedelta(seconds=5)
    await db.stop()


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_a_lost_connection_to_postgresql_is_replaced(
    db: Database, database_url: str, databases: Databases
) -> None:
    async with db.write() as session:
        session.add(_seen(db))
    await databases.disconnect(database_url)
    (found,) = await asyncio.gather(_keys(db), return_exceptions=True)
    assert found == ["a"]


async def test_a_tick_is_woken_by_what_is_committed_and_by_nothing_else(db: Database) -> None:
    woken: list[str] = []
    db.wake = woken.append
    with pytest.raises(ZeroDivisionError):
        async with db.write() as session:
            session.wake_after_commit("outbox")
            raise ZeroDivisionError
    assert woken == []
    async with db.write() as session:
        session.wake_after_commit("outbox")
        session.wake_after_commit("outbox")
        assert woken == []
    assert woken == ["outbox"]
