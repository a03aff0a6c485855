"""Online copies of the database file, and putting one back in its place."""

import asyncio
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from engine.errors import StoreUnavailable
from storage.sqlite.database import connect, hold_lock, prepare_file
from storage.sqlite.failures import unavailable
from storage.sqlite.migrations import is_ours

__all__ = ["copy", "restore"]


async def copy(database: Path, file: Path) -> None:
    """Copy a database that may be in use; the copy is checked before it gets its name.

    Raises:
        StoreUnavailable: The copy could not be made or is not sound.
    """
    await asyncio.to_thread(_copy, database, file)


def _copy(database: Path, file: Path) -> None:
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        prepare_file(draft)
        with closing(connect(database)) as source, closing(sqlite3.connect(draft)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
        _require_sound(draft)
        _move(draft, file)
    except sqlite3.Error as error:
        raise unavailable(error) from error
    except OSError as error:
        raise StoreUnavailable(f"The copy cannot be written: {error.strerror}.") from error
    finally:
        draft.unlink(missing_ok=True)


async def restore(file: Path, database: Path) -> Path | None:
    """Put a backup in the place of the database, whole or not at all.

    Returns:
        Where what was there is kept now, or None when there was nothing.

    Raises:
        StoreUnavailable: The backup is not sound; nothing was changed.
        AlreadyRunning: A running bot holds the database.
    """
    return await asyncio.to_thread(_restore, file, database)


def _restore(file: Path, database: Path) -> Path | None:
    _require_sound(file)
    draft = database.with_name(f".{database.name}.{os.getpid()}.part")
    prepare_file(draft)
    lock = hold_lock(database)
    try:
        shutil.copyfile(file, draft)
        _require_sound(draft)
        kept = _keep(database)
        _move(draft, database)
    except OSError as error:
        raise StoreUnavailable(f"The database cannot be replaced: {error.strerror}.") from error
    finally:
        draft.unlink(missing_ok=True)
        lock.release()
    return kept


def _keep(database: Path) -> Path | None:
    """Give what is there a second name; its log goes first, which nothing else may be read with."""
    kept = database.with_name(f"{database.name}.before-restore") if database.exists() else None
    for side in ("-wal", "-shm"):
        beside = database.with_name(database.name + side)
        if kept and beside.exists():
            beside.replace(kept.with_name(kept.name + side))
        beside.unlink(missing_ok=True)
    if kept:
        kept.unlink(missing_ok=True)
        kept.hardlink_to(database)
    return kept


def _move(draft: Path, file: Path) -> None:
    """Give the draft its name once its bytes are on disk."""
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    draft.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _require_sound(file: Path) -> None:
    """Raise unless the file is a whole membot database that this version can read."""
    if not file.is_file():
        raise StoreUnavailable(f"There is no backup {file}.")
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?immutable=1", uri=True)) as found:
            sound = found.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok"
            ours = is_ours(found)
    except sqlite3.DatabaseError as error:
        raise StoreUnavailable(f"{file} is damaged or not a membot database.") from error
    if not sound:
        raise StoreUnavailable(f"{file} is damaged; use another backup.")
    if not ours:
        raise StoreUnavailable(f"{file} is not a membot database.")
