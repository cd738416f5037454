"""PostgreSQL's part of a copy, through asyncpg: each table as COPY has it, all of one snapshot.

The body is a row of pieces, each with its length before it: for a table a piece of JSON that names it and its columns,
then what COPY gave, then an empty piece.
"""

import json
import struct
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import SQLModel

from storage.backup.file import Copy, Progress
from storage.database import StorageError

_LENGTH: Final = struct.Struct(">I")
_BUSY = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'mailroom' "
    "AND pid <> pg_backend_pid()"
)
_SERIAL = (
    "SELECT table_name, column_name FROM information_schema.columns "
    "WHERE table_schema = current_schema() AND column_default LIKE 'nextval(%'"
)


async def write_body(connection: AsyncConnection, draft: Path, progress: Progress) -> None:
    """Write every table of ours that is there, as the transaction of this connection sees it."""
    present = await connection.run_sync(lambda sync: {*inspect(sync).get_table_names()})
    driver = await _driver(connection)
    with draft.open("wb") as file:

        async def write(piece: bytes) -> None:
            file.write(_LENGTH.pack(len(piece)) + piece)
            progress(file.tell(), 0)

        for name in (table.name for table in SQLModel.metadata.sorted_tables if table.name in present):
            columns = await _columns(connection, name)
            await write(json.dumps({"table": name, "columns": columns}).encode())
            try:
                await driver.copy_from_table(name, columns=columns, output=write)
            except OSError:
                await connection.invalidate()  # the server is in the middle of it
                raise
            await write(b"")


async def read_body(connection: AsyncConnection, copy: Copy, progress: Progress) -> None:
    """Fill the tables, which are empty, within the transaction of this connection."""
    driver = await _driver(connection)
    with copy.path.open("rb") as file:
        for head in _pieces(file, copy.body):
            told = json.loads(head)
            if told["table"] not in SQLModel.metadata.tables:
                raise StorageError(f"{copy.path.name} has a table that is none of Mailroom's: {told['table']}.")

            async def rows() -> AsyncIterator[bytes]:
                for piece in _pieces(file, copy.body):
                    yield piece
                    progress(file.tell(), copy.body)

            await driver.copy_to_table(told["table"], columns=told["columns"], source=rows())
    for row in (await connection.exec_driver_sql(_SERIAL)).all():
        table, column = str(row.table_name), str(row.column_name)
        await connection.exec_driver_sql(
            f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), "  # noqa: S608 - names from the catalogue
            f"coalesce((SELECT max({column}) FROM {table}), 0) + 1, false)"
        )


async def refuse_if_busy(connection: AsyncConnection) -> None:
    """Raises StorageError while a process of ours is connected. One that starts now must wait for our lock."""
    if (await connection.exec_driver_sql(_BUSY)).scalar():
        raise StorageError("The database is in use by a running Mailroom: stop every replica first.")


async def drop_tables(connection: AsyncConnection) -> None:
    names = [f'"{table.name}"' for table in SQLModel.metadata.sorted_tables]
    await connection.exec_driver_sql(f"DROP TABLE IF EXISTS {', '.join(names)}, alembic_version")


def _pieces(file: BinaryIO, ends_at: int) -> Iterator[bytes]:
    """Read pieces up to an empty one, or the end of the body."""
    while file.tell() < ends_at:
        piece = file.read(_LENGTH.unpack(file.read(_LENGTH.size))[0])
        if not piece:
            return
        yield piece


async def _columns(connection: AsyncConnection, table: str) -> list[str]:
    found = await connection.run_sync(lambda sync: inspect(sync).get_columns(table))
    return [column["name"] for column in found]


async def _driver(connection: AsyncConnection) -> Any:
    return (await connection.get_raw_connection()).driver_connection
