"""The engine's Store on one SQLite file, composed of a part for each kind of caller."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from storage.embedder import Embedder
from storage.sqlite.answering import Outbox, Turns
from storage.sqlite.approving import Approving
from storage.sqlite.archival_index import ArchivalIndex
from storage.sqlite.budgeting import Budgeting
from storage.sqlite.closing import Closing
from storage.sqlite.correcting import Correcting
from storage.sqlite.database import Database, Synchronous
from storage.sqlite.embedding import EmbeddingIndexer
from storage.sqlite.importing import Importing
from storage.sqlite.indexes import Indexes
from storage.sqlite.keeping import Keeping
from storage.sqlite.linking import Linking
from storage.sqlite.loading import Loading
from storage.sqlite.operating import Operating
from storage.sqlite.placing import Placing
from storage.sqlite.previews import Previewing
from storage.sqlite.progressing import Progressing
from storage.sqlite.reading import Memories
from storage.sqlite.recall_index import RecallIndex
from storage.sqlite.receipting import Receipting
from storage.sqlite.reflecting import Reflecting
from storage.sqlite.retention import Retaining
from storage.sqlite.scheduling import Scheduling
from storage.sqlite.wishing import Wishing

__all__ = ["SqliteStore"]

_CACHE_BYTES = 256 * 1024 * 1024


class SqliteStore(
    Turns,
    Approving,
    Memories,
    Reflecting,
    Loading,
    Scheduling,
    Retaining,
    Correcting,
    Outbox,
    Previewing,
    Operating,
    Keeping,
    Importing,
    Budgeting,
    Placing,
    Linking,
    Receipting,
    Wishing,
    Closing,
    Progressing,
):
    """Everything the bot remembers, in one file; made by `open`."""

    def __init__(
        self,
        database: Database,
        indexes: Indexes,
        embedder: Embedder | None,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._indexes = indexes
        self._embedder = embedder
        self._now = now
        self._indexer = _indexer(database, indexes, embedder) if embedder else None
        self._indexing: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    @classmethod
    async def open(
        cls,
        path: Path | str,
        *,
        embedder: Embedder | None,
        now: Callable[[], datetime],
        cache_bytes: int = _CACHE_BYTES,
        synchronous: Synchronous = "FULL",
        exclusive: bool = False,
    ) -> "SqliteStore":
        """Open or create the database.

        Args:
            path: The file.
            embedder: Makes vectors; None for search by words alone. The store closes it.
            now: The clock.
            cache_bytes: The most memory that search keeps between queries.
            synchronous: ``NORMAL`` may lose the last moments at a power cut, never more.
            exclusive: Be the one process that answers; shell commands may still work beside it.

        Raises:
            StoreUnavailable: The file cannot be used; the sentence says what to do.
            AlreadyRunning: Another process holds the database exclusively.
        """
        database = await Database.open(Path(path), synchronous=synchronous, exclusive=exclusive)
        indexes = Indexes(
            RecallIndex(cache_bytes=cache_bytes // 2), ArchivalIndex(cache_bytes=cache_bytes // 2)
        )
        return cls(database, indexes, embedder, now)

    async def close(self) -> None:
        """Finish the writes that wait, then let go of the file."""
        if self._indexing:
            self._indexing.cancel()
            with suppress(asyncio.CancelledError):
                await self._indexing
        if self._embedder:
            await self._embedder.close()
        await self.finish_cleaning()
        await self._database.close()

    def _rows_added(self) -> None:
        """Have new rows embedded in the background; the first ones start that work."""
        if self._indexer is None:
            return
        if self._indexing is None:
            self._indexing = asyncio.create_task(self._indexer.run(), name="membot-embedding")
        self._indexer.wake()


def _indexer(database: Database, indexes: Indexes, embedder: Embedder) -> EmbeddingIndexer:
    return EmbeddingIndexer(
        read=database.read,
        write=database.write,
        embedder=embedder,
        indexes=[indexes.recall, indexes.archival],
    )
