"""Memory whose place is gone: a deleted channel, a server or workspace without the bot.

Every statement here spans agents on purpose: a place may have several.
"""

import sqlite3
from datetime import datetime

from engine.records import Turn
from storage.sqlite import turn_rows, wishes
from storage.sqlite.database import Database
from storage.sqlite.instants import to_text

__all__ = ["IS_CLOSED", "Closing", "reopen"]

# Whether an agent is of a place that is closed, or of a tenant that is.
IS_CLOSED = (
    "EXISTS (SELECT 1 FROM closures AS gone WHERE gone.place IN ({0}.tenant, {0}.agent_id) "
    "OR substr({0}.agent_id, 1, length(gone.place) + 1) = gone.place || '/')"
)
_AGENTS = f"SELECT agent_id FROM agents WHERE {IS_CLOSED.format('agents')}"
_END = (
    f"UPDATE schedules SET next_at = NULL WHERE agent_id IN ({_AGENTS})",
    f"DELETE FROM uploads WHERE agent_id IN ({_AGENTS})",
    (
        "UPDATE outbox SET state = 'undeliverable', reason = 'The place is gone.' "
        f"WHERE state IN ('pending', 'sending') AND agent_id IN ({_AGENTS})"
    ),
)


class Closing:
    """Places that are gone; the store gives it everything it needs."""

    _database: Database

    async def close_place(self, key: str, at: datetime) -> list[Turn]:
        """Close a channel's memory, or a tenant's; the turns that end with it."""
        return await self._database.write(lambda c: _close(c, key, to_text(at)))

    async def closed_agents(self, before: datetime) -> list[str]:
        """Agents that were closed before a time and not opened since."""
        return await self._database.read(lambda c: _closed(c, to_text(before)))


def reopen(connection: sqlite3.Connection, tenant: str, place: str) -> None:
    """Somebody speaks there again."""
    connection.execute("DELETE FROM closures WHERE place IN (?, ?)", (tenant, place))


def _close(connection: sqlite3.Connection, key: str, now: str) -> list[Turn]:
    connection.execute("INSERT OR IGNORE INTO closures (place, at) VALUES (?, ?)", (key, now))
    rows = connection.execute(
        "UPDATE turns SET state = 'cancelled', cancel = 1, updated_at = ? "
        f"WHERE state IN ('queued', 'running') AND agent_id IN ({_AGENTS}) RETURNING *",
        (now,),
    ).fetchall()
    turns = [turn_rows.from_row(row) for row in rows]
    for turn in turns:
        wishes.let_go(connection, turn)
    for statement in _END:
        connection.execute(statement)
    return turns


def _closed(connection: sqlite3.Connection, before: str) -> list[str]:
    rows = connection.execute(
        f"SELECT agent_id FROM agents WHERE {IS_CLOSED.format('agents')} "
        "AND NOT EXISTS (SELECT 1 FROM closures AS late WHERE late.at >= ? "
        "AND late.place IN (agents.tenant, agents.agent_id)) ORDER BY agent_id",
        (before,),
    )
    return [row[0] for row in rows]
