"""Turns what SQLite reports into one sentence that says what to do."""

import sqlite3

from engine.errors import StoreUnavailable

__all__ = ["unavailable"]

_SENTENCES = {
    sqlite3.SQLITE_BUSY: "The database is locked by another program; close it and try again.",
    sqlite3.SQLITE_LOCKED: "The database is locked by another program; close it and try again.",
    sqlite3.SQLITE_READONLY: (
        "The database cannot be written; make the file and its folder writable for this user."
    ),
    sqlite3.SQLITE_PERM: "This user may not open the database; correct the file's permissions.",
    sqlite3.SQLITE_AUTH: "This user may not open the database; correct the file's permissions.",
    sqlite3.SQLITE_FULL: "The disk is full; free some space, nothing half-written was kept.",
    sqlite3.SQLITE_CORRUPT: (
        "The database file is damaged; restore the last backup with `membot restore`."
    ),
    sqlite3.SQLITE_NOTADB: (
        "The file is not a membot database; name another file in MEMBOT_DATABASE_URL."
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "The database file cannot be opened; check that its folder exists and can be written."
    ),
    sqlite3.SQLITE_IOERR: "The disk reports an error; check the disk, then run `membot doctor`.",
}
_OTHER = "The database refused an operation; run `membot doctor`."
_PRIMARY_CODE = 0xFF


def unavailable(error: sqlite3.Error) -> StoreUnavailable:
    """The error a caller sees, with the cause attached."""
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
    failure = StoreUnavailable(_SENTENCES.get(code, _OTHER))
    failure.__cause__ = error
    return failure
