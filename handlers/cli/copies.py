"""`python app.py backup FILE`."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bot.settings import Settings
from storage.backup.backup import backup
from storage.backup.file import Progress
from storage.database import Database, StorageError
from storage.sealing import KeyRing, load_keys

_EVERY: Final = 5.0  # seconds between two words about how far it is
_MEGABYTE: Final = 10**6

Say = Callable[[str], None]


def progress_line(say: Say, seconds: Callable[[], float] = time.monotonic) -> Progress:
    """Return what says every five seconds how far long work is; of short work it says nothing."""
    said_at = seconds()

    def tell(done: int, whole: int) -> None:
        nonlocal said_at
        if seconds() - said_at >= _EVERY:
            said_at = seconds()
            of = f" of {whole // _MEGABYTE:,}" if whole else ""
            say(f"{done // _MEGABYTE:,}{of} MB")

    return tell


async def make_backup(settings: Settings, path: Path, say: Say) -> None:
    """Copy the database, whether a bot runs or not. Raises StorageError."""
    db = Database(settings.database_url)
    keys = existing_keys(settings, db)
    try:
        facts = await backup(db, keys, path, progress_line(say))
    finally:
        await db.stop()
    say(f"{path}: schema {facts.schema}, as of {facts.made_at:%Y-%m-%d %H:%M:%S} UTC.")
    say(f"It is worth nothing without the sealing key {', '.join(facts.marks)}, which is not in it: keep that apart.")


def existing_keys(settings: Settings, db: Database) -> KeyRing:
    """Return the keys, which are not made here: new ones would fit nothing. Raises StorageError or ValueError."""
    if not settings.mailroom_keys and db.path and not Path(f"{db.path}.keys").exists():
        raise StorageError(
            f"The keys are missing: put the copy of {db.path.name}.keys beside it, or set MAILROOM_KEYS."
        )
    return load_keys(settings.mailroom_keys, db.path)
