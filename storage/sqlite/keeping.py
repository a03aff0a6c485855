"""The part of the store that erases memories, copies them out and reads them in."""

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from engine.errors import UnknownAgent
from engine.oversight import AuditRow, Receipt, Remains
from storage.erasure import Person
from storage.sqlite import archive_in, archive_out, forgetting, ledger, wiping
from storage.sqlite.database import Database
from storage.sqlite.indexes import Indexes
from storage.transfer import open_archive

__all__ = ["Keeping"]


class Keeping:
    """Reset, forget, export and import; the store gives it everything it needs."""

    _database: Database
    _indexes: Indexes
    _now: Callable[[], datetime]

    def _rows_added(self) -> None:
        """Called after rows were stored that wait for vectors."""

    async def reset(
        self, agent_id: str, *, conversation_only: bool, actor: str, at: datetime
    ) -> Receipt:
        """Wipe an agent's memory, or only the context windows of its conversations.

        Raises:
            UnknownAgent: There is no such agent.
        """
        action = "reset conversation" if conversation_only else "reset"

        def run(connection: sqlite3.Connection) -> dict[str, int]:
            row = connection.execute("SELECT 1 FROM agents WHERE agent_id = ?", (agent_id,))
            if row.fetchone() is None:
                raise UnknownAgent
            if conversation_only:
                removed = wiping.empty_conversations(connection, agent_id, at)
            else:
                removed = wiping.delete_agent(connection, self._indexes, agent_id)
                self._indexes.purge(connection)
            ledger.record(connection, AuditRow(at=at, actor=actor, action=action, subject=agent_id))
            return removed

        removed = await self._database.write(run)
        remains = () if conversation_only else (*await self._scrub(), "backups")
        return Receipt(removed=removed, remains=remains)

    async def forget(self, principal: str, *, actor: str, at: datetime) -> Receipt:
        """Erase everything about one person, then clean free pages and WAL.

        Raises:
            BadRequest: The key is not a person's.
        """
        person = Person.of(principal)

        def run(connection: sqlite3.Connection) -> dict[str, int]:
            removed = forgetting.forget(connection, self._indexes, person, at)
            row = AuditRow(at=at, actor=actor, action="forget", subject=principal)
            ledger.record(connection, row)
            return removed

        removed = await self._database.write(run)
        return Receipt(removed=removed, remains=(*await self._scrub(), "others", "backups"))

    async def _scrub(self) -> tuple[Remains, ...]:
        self._indexes.recall.invalidate()
        self._indexes.archival.invalidate()
        clean = await self._database.alone(wiping.scrub)
        return () if clean else ("log",)

    async def export(self, agent_id: str, file: Path, at: datetime) -> dict[str, int]:
        """Write an agent's archive, in one snapshot; the counts of its manifest.

        Raises:
            UnknownAgent: There is no such agent.
            StoreUnavailable: The file cannot be written.
        """
        return await self._database.read(lambda c: archive_out.export(c, agent_id, file, at))

    async def import_archive(
        self, file: Path, *, agent_id: str | None, dry_run: bool, at: datetime
    ) -> dict[str, int]:
        """Read an archive whole or not at all; what was, or would be, read.

        Args:
            file: An archive of `export`.
            agent_id: The key it gets here; None for the one it had.
            dry_run: Only say what would be read, and whether it can be.
            at: The time of reading.

        Raises:
            ArchiveRefused: Damaged, newer, of another format, or the agent is not empty.
        """
        archive = await asyncio.to_thread(open_archive, file)
        target = agent_id or archive.agent["agent_id"]
        if dry_run:
            await self._database.read(lambda c: archive_in.require_empty(c, target))
            return archive.counts
        await self._database.write(lambda c: archive_in.load(c, self._indexes, archive, target, at))
        self._rows_added()
        return archive.counts
