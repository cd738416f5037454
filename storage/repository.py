"""What everything that needs nothing but the database has in common."""

from storage.database import Database


class Repository:
    """Answers from the database, and changes it."""

    def __init__(self, db: Database) -> None:
        self._db = db
