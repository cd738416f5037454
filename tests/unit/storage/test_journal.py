import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from storage.database import Database, StorageError
from storage.journal import Journal, JournalReader
from storage.models import ProcessedRequest
from storage.sealing import KeyRing

KEYS = KeyRing({"k1": b"1" * 32})
ANN, BEN = {"address": "ann@x.test"}, {"address": "ben@x.test"}


class Made:
    """Journals, each closed at the end."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def __call__(self, path: Path | str, keys: KeyRing = KEYS) -> Journal:
        return self._stack.enter_context(closing(Journal(str(path), keys)))


@pytest.fixture
def made() -> Iterator[Made]:
    with ExitStack() as stack:
        yield Made(stack)


def test_what_was_added_is_read_from_the_files_of_every_process_and_shows_no_address(
    made: Made, tmp_path: Path
) -> None:
    pattern = f"{tmp_path}/[a]*.journal"
    first, second = made(pattern), made(pattern)
    first.open()
    second.open()
    first.append([ANN])
    second.append([BEN, ANN])
    first.close()
    first.open()  # the same file again
    first.append([BEN])

    files = sorted(tmp_path.iterdir())
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]
    assert b"x.test" not in files[0].read_bytes() + files[1].read_bytes()
    reader = JournalReader(pattern, KEYS)
    assert sorted(line["address"] for line in reader) == ["ann@x.test"] * 2 + ["ben@x.test"] * 2
    assert (reader.files, reader.unreadable) == (2, 0)


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_an_end_that_was_cut_off_costs_no_line_before_or_after_it(made: Made, tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal"
    journal = made(path)
    journal.open()
    journal.append([ANN, BEN])
    journal.close()
    os.truncate(path, path.stat().st_size - cut)
    journal.open()
    journal.append([BEN])

    reader = JournalReader(str(path), KEYS)
    assert [*reader] == [ANN, BEN]
    assert reader.unreadable == 1


def test_a_line_of_another_key_or_that_somebody_changed_is_counted(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    other = made(path, KeyRing({"k1": b"2" * 32}))
    other.open()
    other.append([ANN])
    other.close()
    path.write_bytes(path.read_bytes() + b"\nnot a line\n")

    reader = JournalReader(str(path), KEYS)
    assert [*reader] == []
    assert reader.unreadable == 2


def test_without_a_star_a_second_process_is_refused_and_so_is_a_folder_that_is_not_there(
    made: Made, tmp_path: Path
) -> None:
    journal = made(tmp_path / "journal")
    journal.open()
    with pytest.raises(StorageError, match="in use by another process"):
        made(tmp_path / "journal").open()
    with pytest.raises(StorageError, match="cannot be written"):
        made(tmp_path / "none" / "journal").open()


async def test_a_line_is_on_the_disk_before_its_transaction_is_committed_and_without_it_nothing_is(
    db: Database, made: Made, tmp_path: Path
) -> None:
    journal = made(tmp_path / "journal")
    db.journal = journal.append

    async def write(key: str) -> None:
        async with db.write() as session:
            session.add(ProcessedRequest(key=key, seen_at=db.now()))
            session.keep_in_journal(ANN)

    with pytest.raises(OSError, match="not open"):
        await write("first")
    journal.open()
    await write("second")
    assert [*JournalReader(f"{tmp_path}/journal", KEYS)] == [ANN]
    async with db.read() as session:
        assert await session.get(ProcessedRequest, "first") is None
        assert await session.get(ProcessedRequest, "second")
