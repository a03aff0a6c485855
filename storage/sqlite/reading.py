"""The part of the store that an agent's memory is read and written through."""

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime

from engine.knowledge import owner_scope
from engine.records import (
    ArchivalSearch,
    MemoryCounts,
    Passage,
    RecallSearch,
    Scope,
    SearchPage,
    Summary,
    TokenUsage,
    Window,
)
from storage.embedder import Embedder
from storage.sqlite import accounts, ledger, messages, passages, summaries
from storage.sqlite.database import Database
from storage.sqlite.indexes import Indexes
from storage.sqlite.search import Meaning, archival_page, duplicate_passage, recall_page

__all__ = ["Memories"]


class Memories:
    """Windows and searches of agents; the store gives it everything it needs."""

    _database: Database
    _indexes: Indexes
    _embedder: Embedder | None
    _now: Callable[[], datetime]

    async def load_window(self, scope: Scope) -> Window:
        """Blocks, summary, counts and queue of the scope's conversation, in one snapshot."""
        return await self._database.read(lambda c: summaries.load(c, scope))

    async def save_flush(
        self, scope: Scope, summary: Summary, usage: Sequence[TokenUsage], at: datetime
    ) -> None:
        """Let the messages through ``summary.through_seq`` leave the queue.

        Raises:
            StaleTurn: The conversation was emptied or messages were erased meanwhile.
        """

        def run(connection: sqlite3.Connection) -> None:
            summaries.save_flush(connection, scope, summary)
            ledger.add_usage(connection, scope, usage, at)

        await self._database.write(run)

    async def save_prepared_summary(
        self, scope: Scope, summary: Summary, usage: Sequence[TokenUsage]
    ) -> None:
        """Keep a summary made ahead of the flush; it replaces an earlier prepared one."""

        def run(connection: sqlite3.Connection) -> None:
            summaries.save_prepared(connection, scope, summary)
            ledger.add_usage(connection, scope, usage, summary.created_at)

        await self._database.write(run)

    async def start_conversation(self, scope: Scope, at: datetime) -> None:
        """Empty the queue and drop the summary; recall, archival and core memory stay."""
        await self._database.write(lambda c: summaries.start_afresh(c, scope, at))

    async def search_recall(self, scope: Scope, search: RecallSearch) -> SearchPage:
        """Hybrid search of what was said in this agent's conversations."""
        meaning = await self._meaning_for_recall(scope, search.query)
        return await self._database.read(
            lambda c: recall_page(c, self._indexes, scope, search, meaning, self._now())
        )

    async def list_recall(self, scope: Scope, search: RecallSearch) -> SearchPage:
        """Messages between two instants, oldest first; the query is not used."""
        return await self._database.read(lambda c: messages.between(c, scope, search))

    async def search_archival(
        self, scope: Scope, search: ArchivalSearch, knowledge: Sequence[str] = ()
    ) -> SearchPage:
        """Hybrid search of this agent's passages, and of intuitive knowledge in one ranking."""
        meaning = await self._meaning(search.query)
        scopes = [scope, *map(owner_scope, knowledge)]
        return await self._database.read(
            lambda c: archival_page(c, self._indexes, scopes, search, meaning)
        )

    async def passage(self, scope: Scope, passage_id: str) -> Passage | None:
        """A current passage of this agent by its id."""
        return await self._database.read(lambda c: passages.current(c, scope, passage_id))

    async def find_duplicate_passage(self, scope: Scope, text: str) -> Passage | None:
        """A current passage that says the same in the same words, or None."""
        meaning = await self._meaning(text)
        return await self._database.read(
            lambda c: duplicate_passage(c, self._indexes, scope, text, meaning)
        )

    async def counts(self, scope: Scope) -> MemoryCounts:
        """How much this agent's recall and archival memory hold now."""
        return await self._database.read(lambda c: accounts.counts(c, scope))

    async def _meaning_for_recall(self, scope: Scope, query: str) -> Meaning:
        if self._embedder is None or not self._embedder.ready:
            return await self._meaning("")
        bare = await self._database.read(
            lambda c: self._indexes.recall.meaning_of(c, scope.agent_id, query)
        )
        return await self._meaning(bare)

    async def _meaning(self, text: str) -> Meaning:
        """The vector of a text, or None at once while there is no model."""
        if self._embedder is None:
            return None
        vector = await self._embedder.embed_query(text)
        return None if vector is None else (vector, self._embedder.model)
