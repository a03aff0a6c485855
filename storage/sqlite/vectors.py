"""Makes every vector anew, while searches go on with the old ones."""

import sqlite3
from collections.abc import AsyncIterator, Sequence

from storage.embedder import Embedder
from storage.sqlite.database import Database
from storage.sqlite.embedding import VectorIndex
from storage.sqlite.indexes import Indexes
from storage.sqlite.search_rows import PendingText, start_model

__all__ = ["make_anew"]

_ROWS_AT_ONCE = 128


async def make_anew(
    database: Database, indexes: Indexes, embedder: Embedder
) -> AsyncIterator[tuple[int, int]]:
    """Embed every message and passage; yields how many are done, and of how many.

    Raises:
        NoVectorsError: There is no model.
    """
    dimension = (await embedder.embed(["dimension"])).shape[1]
    await database.write(lambda c: start_model(c, embedder.model, dimension))
    total = await database.write(_queue_all)
    yield 0, total
    for index in (indexes.recall, indexes.archival):
        while await _embed_some(database, index, embedder):
            left = await database.read(_waiting)
            yield max(total - left, 0), total


def _queue_all(connection: sqlite3.Connection) -> int:
    connection.execute(
        "INSERT OR IGNORE INTO search_queue (agent, seq) "
        "SELECT agent, seq FROM recall_rows UNION ALL SELECT agent, seq FROM archival_rows"
    )
    return _waiting(connection)


def _waiting(connection: sqlite3.Connection) -> int:
    """Rows without a vector; what embeds new messages beside us takes its share of them."""
    return int(connection.execute("SELECT count(*) FROM search_queue").fetchone()[0])


async def _embed_some(database: Database, index: VectorIndex, embedder: Embedder) -> int:
    rows = await database.read(lambda c: index.pending(c, _ROWS_AT_ONCE))
    if rows:
        made = await embedder.embed([row.text for row in rows])
        model = embedder.model

        def store(connection: sqlite3.Connection) -> None:
            _drop_old(connection, rows)
            index.store_vectors(connection, model, rows, made)

        await database.write(store)
    return len(rows)


def _drop_old(connection: sqlite3.Connection, rows: Sequence[PendingText]) -> None:
    connection.executemany(
        "DELETE FROM search_vectors WHERE agent = ? AND seq = ?",
        ((row.agent, row.seq) for row in rows),
    )
