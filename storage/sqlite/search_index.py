"""What the indexes of both tiers share: leaving, kept arrays, rows that wait for vectors."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Generic

from storage.sqlite.array_cache import ArrayCache, Kept
from storage.sqlite.search_rows import (
    PendingText,
    Tier,
    pending,
    purge_words,
    store_pending,
    use_model,
)
from storage.vectors import Floats

__all__ = ["SearchIndex"]


class SearchIndex(ABC, Generic[Kept]):
    """The index over all agents' rows of one tier.

    Args:
        cache: The arrays kept between searches.
    """

    tier: ClassVar[Tier]

    def __init__(self, cache: ArrayCache[Kept]) -> None:
        self._cache = cache

    @abstractmethod
    def remove(self, connection: sqlite3.Connection, seqs: Sequence[int]) -> None:
        """Remove rows from search, inside the caller's transaction."""

    def purge(self, connection: sqlite3.Connection) -> None:
        """Clear removed rows' words from the file."""
        purge_words(connection, self.tier)

    def invalidate(self, agent_id: str | None = None) -> None:
        """Drop kept arrays of one agent or of all."""
        self._cache.drop(agent_id)

    def is_cached(self, agent_id: str) -> bool:
        """Whether an agent's arrays are kept now."""
        return agent_id in self._cache

    @property
    def cached_bytes(self) -> int:
        """The memory of all kept arrays."""
        return self._cache.bytes_used

    def pending(self, connection: sqlite3.Connection, limit: int) -> list[PendingText]:
        """Rows that wait for a vector, the newest first."""
        return pending(connection, self.tier, limit)

    def store_vectors(
        self,
        connection: sqlite3.Connection,
        model: str,
        rows: Sequence[PendingText],
        vectors: Floats,
    ) -> None:
        """Store the vectors of rows that waited, inside the caller's transaction."""
        store_pending(connection, use_model(connection, model, vectors.shape[1]), rows, vectors)
