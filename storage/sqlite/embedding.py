"""Gives stored rows their vectors in batches: new ones in the background, all on demand."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Protocol

from storage.embedder import Embedder, NoVectorsError
from storage.sqlite.search_rows import PendingText, queue_all, start_model, waiting
from storage.vectors import Floats

__all__ = ["EmbeddingIndexer", "VectorIndex"]

# Calls a function with a connection: on a reader, or in a transaction of the writer.
WithConnection = Callable[[Callable[[sqlite3.Connection], Any]], Awaitable[Any]]

_ROWS_AT_ONCE = 128


class VectorIndex(Protocol):
    """An index whose rows wait for vectors."""

    def pending(self, connection: sqlite3.Connection, limit: int) -> list[PendingText]:
        """Rows without a vector, the newest first."""

    def store_vectors(
        self,
        connection: sqlite3.Connection,
        model: str,
        rows: Sequence[PendingText],
        vectors: Floats,
    ) -> None:
        """Store the vectors of rows that waited."""


class EmbeddingIndexer:
    """Embeds what waits, whenever it is woken.

    Args:
        read: Runs a function on a connection for reading.
        write: Runs a function in a transaction of the writer.
        embedder: Makes the vectors.
        indexes: Whose rows to embed.
    """

    def __init__(
        self,
        *,
        read: WithConnection,
        write: WithConnection,
        embedder: Embedder,
        indexes: Sequence[VectorIndex],
    ) -> None:
        self._read = read
        self._write = write
        self._embedder = embedder
        self._indexes = indexes
        self._woken = asyncio.Event()
        self._batch = asyncio.Lock()
        self._started = False

    def wake(self) -> None:
        """Say that rows were added; call it on the event loop."""
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled. Without a model it rests until it is woken again."""
        self._woken.set()
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                await self.drain()
            except NoVectorsError:
                continue

    async def drain(self) -> int:
        """Embed everything that waits now; how many rows that was.

        Raises:
            NoVectorsError: There is no model.
        """
        return sum([count async for count in self._batches()])

    async def rebuild(self) -> AsyncIterator[tuple[int, int]]:
        """Make every vector anew, while searches go on with the old ones; yields (done, total).

        Raises:
            NoVectorsError: There is no model.
        """
        await self._start()
        total: int = await self._write(queue_all)
        yield 0, total
        async for _ in self._batches():
            left: int = await self._read(waiting)
            yield max(total - left, 0), total

    async def _batches(self) -> AsyncIterator[int]:
        """The size of each batch as it is done; waits for batches that another caller began."""
        for index in self._indexes:
            while count := await self._embed_some(index):
                yield count

    async def _embed_some(self, index: VectorIndex) -> int:
        async with self._batch:
            await self._start()
            rows: list[PendingText] = await self._read(lambda c: index.pending(c, _ROWS_AT_ONCE))
            if not rows:
                return 0
            vectors = await self._embedder.embed([row.text for row in rows])
            model = self._embedder.model
            await self._write(lambda c: index.store_vectors(c, model, rows, vectors))
            return len(rows)

    async def _start(self) -> None:
        """Learn the model's dimension, and queue everything if the model is another one."""
        if self._started:
            return
        dimension = (await self._embedder.embed(["dimension"])).shape[1]
        model = self._embedder.model
        await self._write(lambda c: start_model(c, model, dimension))
        self._started = True
