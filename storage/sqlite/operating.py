"""The part of the store for those who run the bot or own a memory."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from pathlib import Path

from engine.errors import StoreUnavailable
from engine.oversight import AgentOverview, AuditRow, UsageRow
from engine.records import Block, BlockVersion, BlockWrite, Scope
from storage.embedder import Embedder, NoVectorsError
from storage.sqlite import accounts, backup, blocks, health, ledger, pruning
from storage.sqlite.database import Database
from storage.sqlite.embedding import EmbeddingIndexer
from storage.sqlite.instants import to_text

__all__ = ["Operating"]


class Operating:
    """Overviews, blocks, ledgers and the database's health."""

    _database: Database
    _embedder: Embedder | None
    _indexer: EmbeddingIndexer | None
    _now: Callable[[], datetime]

    async def agents(self, tenant: str | None = None) -> list[AgentOverview]:
        """All agents, or a tenant's; the one active last first."""
        return await self._database.read(lambda c: accounts.overviews(c, tenant))

    async def resolve_agent(self, key: str) -> str | None:
        """The agent a key means; ``discord:111/user/222`` also finds ``discord:*/user/222``."""
        return await self._database.read(lambda c: accounts.resolve(c, key))

    async def blocks(self, agent_id: str) -> list[Block]:
        """Every block of an agent."""
        return await self._database.read(lambda c: blocks.agent_blocks(c, agent_id))

    async def block_history(self, agent_id: str, label: str | None) -> list[BlockVersion]:
        """Every write of an agent's blocks, or of one of them, oldest first."""
        return await self._database.read(lambda c: blocks.history(c, agent_id, label))

    async def write_blocks(self, scope: Scope, writes: Sequence[BlockWrite], at: datetime) -> None:
        """Apply writes made outside a turn.

        Raises:
            StaleBlock: When a block has changed since it was read.
        """

        def run(connection: sqlite3.Connection) -> None:
            accounts.ensure_conversation(connection, scope, "", "", to_text(at))
            blocks.apply(connection, scope, writes, turn_id=None, at=at)
            accounts.refresh_shown_counts(connection, scope.agent_id)

        await self._database.write(run)

    async def usage(self, days: int, at: datetime, tenant: str | None = None) -> list[UsageRow]:
        """Tokens of the last days by day, model and purpose, of a tenant or of all."""
        return await self._database.read(lambda c: ledger.usage(c, days, at, tenant))

    async def audit(self, limit: int, tenant: str | None = None) -> list[AuditRow]:
        """The latest acts in a tenant, or in all, the newest first."""
        return await self._database.read(lambda c: ledger.audit(c, limit, tenant))

    async def kept_value(self, name: str) -> str | None:
        """A small value that outlives the process, if there is one of that name."""
        return await self._database.read(lambda c: ledger.kept_value(c, name))

    async def keep_value(self, name: str, value: str) -> None:
        """Keep a small value in the place of an earlier one."""
        await self._database.write(lambda c: ledger.keep_value(c, name, value))

    async def record_audit(self, row: AuditRow) -> None:
        """Note who did what."""
        await self._database.write(lambda c: ledger.record(c, row))

    async def backup(self, file: Path) -> None:
        """Online copy of the database, verified with an integrity check.

        Raises:
            StoreUnavailable: The copy could not be made or is not sound.
        """
        await backup.copy(self._database.path, file)

    async def check(self) -> list[str]:
        """Problems of the database in plain words; empty when it is sound."""
        found = await self._database.read(health.problems)
        return found + await self._database.write(health.word_index_problems)

    async def prune(self, before: datetime) -> int:
        """Remove delivered replies and event records older than that; how many rows it was."""
        removed = 0
        while some := await self._database.write(lambda c: pruning.prune_some(c, before)):
            removed += some
        return removed

    async def reindex(self) -> AsyncIterator[tuple[int, int]]:
        """Embed everything anew with the configured model; yields (done, total).

        Raises:
            StoreUnavailable: There is no model.
        """
        if self._embedder is None or self._indexer is None:
            raise StoreUnavailable(
                "There is no embedding model; set MEMBOT_EMBEDDING_MODEL and install the extra."
            )
        try:
            async for step in self._indexer.rebuild():
                yield step
        except NoVectorsError as error:
            raise StoreUnavailable(
                f"The embedding model cannot be used: {self._embedder.problem or error}"
            ) from error
