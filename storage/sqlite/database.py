"""Opens the database file; one writer thread, a few reader threads, a snapshot for each read."""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar

import filelock

from engine.errors import AlreadyRunning, StoreUnavailable
from storage.sqlite.failures import unavailable
from storage.sqlite.migrations import bring_up_to_date
from storage.sqlite.writer import Writer

__all__ = ["Database", "Synchronous", "connect", "hold_lock", "prepare_file"]

T = TypeVar("T")
Synchronous = Literal["FULL", "NORMAL"]

_READERS = 4
_BUSY_MILLISECONDS = 5000
_JOURNAL_BYTES = 32 * 1024 * 1024


def connect(
    path: Path, *, synchronous: Synchronous = "FULL", read_only: bool = False
) -> sqlite3.Connection:
    """A connection with the settings every connection needs."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    with _closed_on_failure(connection):
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
    return connection


@contextmanager
def _closed_on_failure(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


def prepare_file(path: Path) -> None:
    """Create folder and file for their owner alone; SQLite gives its side files the same mode.

    Raises:
        StoreUnavailable: The folder or the file cannot be made.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        for side in ("", "-wal", "-shm"):
            file = path.with_name(path.name + side)
            if file.exists() and file.stat().st_mode & 0o077:
                file.chmod(0o600)
    except OSError as error:
        raise StoreUnavailable(
            f"The database {path} cannot be opened for writing ({error.strerror}); "
            "name another file in MEMBOT_DATABASE_URL or correct the permissions."
        ) from error


def hold_lock(path: Path) -> filelock.FileLock:
    """Become the one process that answers from this database.

    Raises:
        AlreadyRunning: Names the process that holds it.
    """
    file = path.with_name(path.name + ".lock")
    lock = filelock.FileLock(file, mode=0o600, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout as error:
        holder = file.read_text(encoding="utf-8").strip() or "unknown"
        raise AlreadyRunning(
            f"Another membot (process {holder}) is using {path}; stop it first or name another "
            "file in MEMBOT_DATABASE_URL."
        ) from error
    file.write_text(f"{os.getpid()}\n", encoding="utf-8")
    return lock


class Database:
    """One open database file; made by `open`."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._lock: filelock.FileLock | None = None
        self._writer = Writer(connection)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="membot-reader")
        self._own = threading.local()
        self._opened: list[sqlite3.Connection] = []

    @classmethod
    async def open(
        cls, path: Path, *, synchronous: Synchronous = "FULL", exclusive: bool = False
    ) -> "Database":
        """Open or create the file and bring its tables up to date.

        Args:
            path: The file; its folder is created when missing.
            synchronous: ``NORMAL`` may lose the last moments at a power cut, never more.
            exclusive: Be the one process that answers; others may still read and write beside.

        Raises:
            StoreUnavailable: The file cannot be used; the sentence says what to do.
            AlreadyRunning: Another process has opened it exclusively.
        """
        return await asyncio.to_thread(cls._open, path, synchronous, exclusive)

    @classmethod
    def _open(cls, path: Path, synchronous: Synchronous, exclusive: bool) -> "Database":
        prepare_file(path)
        lock = hold_lock(path) if exclusive else None
        try:
            database = cls(path, _ready_connection(path, synchronous))
        except StoreUnavailable:
            if lock:
                lock.release()
            raise
        database._lock = lock
        return database

    async def read(self, run: Callable[[sqlite3.Connection], T]) -> T:
        """Run a read in one snapshot on a reader thread."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._readers, self._snapshot, run)
        except sqlite3.Error as error:
            raise unavailable(error) from error

    async def write(self, run: Callable[[sqlite3.Connection], T]) -> T:
        """Run a write; returns once it is on disk."""
        return await self._writer.submit(run, "durable")

    async def write_soon(self, run: Callable[[sqlite3.Connection], T]) -> T:
        """Run a write that may be lost in a crash; its flush is not waited for."""
        return await self._writer.submit(run, "soon")

    async def look(self, run: Callable[[sqlite3.Connection], T]) -> T:
        """Run a small read that must see what `write_soon` has written."""
        return await self._writer.submit(run, "look")

    async def alone(self, run: Callable[[sqlite3.Connection], T]) -> T:
        """Run a job of the writer outside of a transaction (VACUUM, checkpoints)."""
        return await self._writer.submit(run, "alone")

    async def close(self) -> None:
        """Finish the writes that wait, then let go of the file."""
        await asyncio.to_thread(self._readers.shutdown)
        while self._opened:
            self._opened.pop().close()
        await self._writer.close()
        if self._lock:
            self._lock.release()
            self._lock = None

    def _snapshot(self, run: Callable[[sqlite3.Connection], T]) -> T:
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = connect(self.path, read_only=True)
            self._opened.append(connection)
        connection.execute("BEGIN")
        try:
            return run(connection)
        finally:
            connection.rollback()


def _ready_connection(path: Path, synchronous: Synchronous) -> sqlite3.Connection:
    try:
        connection = connect(path, synchronous=synchronous)
        with _closed_on_failure(connection):
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA journal_size_limit = {_JOURNAL_BYTES}")
            bring_up_to_date(connection)
    except sqlite3.Error as error:
        raise unavailable(error) from error
    return connection
