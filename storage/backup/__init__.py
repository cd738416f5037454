"""Copies of the database in one file, and the way back (docs/decisions/0015-a-backup-is-one-file.md)."""
