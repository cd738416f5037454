"""`python app.py backup FILE` and `restore FILE`."""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from bot.after_restore import SetBack, set_back
from bot.settings import Settings
from bot.wording import count, duration
from storage import Database, KeyRing, Session, StorageError, load_keys, utc_now
from storage.backup.backup import backup
from storage.backup.file import Progress, find_copy
from storage.backup.restore import restore
from storage.journal import JournalReader
from storage.link_keys import known_people_key

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


async def make_backup(settings: Settings, path: Path, say: Say, clock: Callable[[], datetime] = utc_now) -> None:
    """Copy the database, whether a bot runs or not. Raises StorageError."""
    db = Database(settings.database_url, clock=clock)
    keys = existing_keys(settings, db)
    try:
        facts = await backup(db, keys, path, progress_line(say))
    finally:
        await db.stop()
    say(f"{path}: schema {facts.schema}, as of {facts.made_at:%Y-%m-%d %H:%M:%S} UTC.")
    say(f"It is worth nothing without the sealing key {', '.join(facts.marks)}, which is not in it: keep that apart.")


async def put_back(settings: Settings, path: Path, say: Say, clock: Callable[[], datetime] = utc_now) -> None:
    """Put a copy in the place of the database, and have the channels asked. Raises StorageError: nothing changed."""
    db, done = Database(settings.database_url, clock=clock), list[SetBack]()
    try:
        keys, copy, now = existing_keys(settings, db), find_copy(path), clock()
        journal = _journal(settings, keys)

        async def then(session: Session) -> None:
            key = await known_people_key(session, keys)
            done.append(await set_back(session, copy.facts.made_at, now, journal=journal, people_key=key))

        await restore(db, keys, copy, progress_line(say), then)
    finally:
        await db.stop()
    _tell(done[0], copy.facts.made_at, now, journal, say)


def _journal(settings: Settings, keys: KeyRing) -> JournalReader | None:
    pattern = settings.mailroom_suppression_journal
    return JournalReader(pattern, keys) if pattern else None


def _tell(done: SetBack, copied_at: datetime, now: datetime, journal: JournalReader | None, say: Say) -> None:
    ago = duration((now - copied_at).total_seconds())
    say(f"The database is as it was {ago} ago ({copied_at:%Y-%m-%d %H:%M:%S} UTC). What came since is lost.")
    for held in done.held:
        row, doubts = held.broadcast, count(held.in_doubt, "recipient")
        say(f"held: broadcast {row.id} to {count(row.size, 'recipient')}, {doubts} in doubt")
    if journal is None:
        say("There is no MAILROOM_SUPPRESSION_JOURNAL: who unsubscribed or was erased since is lost.")
    else:
        say(f"From {count(journal.files, 'file')} of the journal {count(done.returned, 'suppression')} came back.")
        if journal.unreadable:
            say(
                f"{count(journal.unreadable, 'line')} of it cannot be read: cut off, or sealed with a key that is gone."
            )
    say("AWS's own suppression lists are read again.")
    say(f"Start the bot: {count(done.teams, 'channel is', 'channels are')} asked whether to go on or cancel.")


def existing_keys(settings: Settings, db: Database) -> KeyRing:
    """Return the keys, which are not made here: new ones would fit nothing. Raises StorageError or ValueError."""
    if not settings.mailroom_keys and db.path and not Path(f"{db.path}.keys").exists():
        raise StorageError(
            f"The keys are missing: put the copy of {db.path.name}.keys beside it, or set MAILROOM_KEYS."
        )
    return load_keys(settings.mailroom_keys, db.path)
