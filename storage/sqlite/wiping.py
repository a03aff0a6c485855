"""Removes whole agents, and clears what removed rows leave behind in the file."""

import sqlite3
from datetime import datetime

from engine.records import Scope
from storage.sqlite import messages, passages, summaries
from storage.sqlite.archival_index import past_of
from storage.sqlite.indexes import Indexes
from storage.sqlite.search_rows import agent_state, drop_agent

__all__ = ["delete_agent", "empty_conversations", "empty_log", "scrub"]

_COUNTED = (
    "conversations", "blocks", "block_versions", "summaries", "events", "turns", "outbox",
    "documents", "approvals", "schedules",
)  # fmt: skip


def delete_agent(connection: sqlite3.Connection, indexes: Indexes, agent_id: str) -> dict[str, int]:
    """Delete an agent with everything it has; how much that was, by table."""
    removed = {table: _count(connection, table, agent_id) for table in _COUNTED}
    removed["messages"] = messages.remove(
        connection, indexes, _seqs(connection, "messages", agent_id)
    )
    removed["passages"] = passages.remove(
        connection, indexes, _seqs(connection, "passages", agent_id)
    )
    connection.execute("DELETE FROM kept_choices WHERE agent_id = ?", (agent_id,))
    connection.execute("DELETE FROM agents WHERE agent_id = ?", (agent_id,))
    connection.execute("DELETE FROM meetings WHERE place = ?", (agent_id,))
    for index in (indexes.recall, indexes.archival):
        for owner in (agent_id, past_of(agent_id)):
            state = agent_state(connection, index.tier, owner)
            if state:
                drop_agent(connection, state.number)
            index.invalidate(owner)
    removed["agents"] = 1
    return removed


def _count(connection: sqlite3.Connection, table: str, agent_id: str) -> int:
    row = connection.execute(
        f"SELECT count(*) FROM {table} WHERE agent_id = ?",
        (agent_id,),
    ).fetchone()
    return int(row[0])


def _seqs(connection: sqlite3.Connection, table: str, agent_id: str) -> list[int]:
    rows = connection.execute(
        f"SELECT seq FROM {table} WHERE agent_id = ?",
        (agent_id,),
    )
    return [row[0] for row in rows]


def empty_conversations(
    connection: sqlite3.Connection, agent_id: str, at: datetime
) -> dict[str, int]:
    """Start every conversation of an agent afresh; its memory stays."""
    removed = {"summaries": _count(connection, "summaries", agent_id)}
    rows = connection.execute(
        "SELECT tenant, conversation_id FROM conversations WHERE agent_id = ?", (agent_id,)
    ).fetchall()
    for row in rows:
        scope = Scope(
            tenant=row["tenant"],
            agent_id=agent_id,
            conversation_id=row["conversation_id"],
            speaker=None,
            audience="room",
        )
        summaries.start_afresh(connection, scope, at)
    return {**removed, "context windows": len(rows)}


def scrub(connection: sqlite3.Connection) -> bool:
    """Rewrite the file without free space and empty the log; whether the log is empty now."""
    connection.execute("VACUUM")
    return empty_log(connection)


def empty_log(connection: sqlite3.Connection) -> bool:
    """Bring the log into the file and empty it; whether it is empty now."""
    row = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not row[0]
