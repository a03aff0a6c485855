"""Erases what was said longer ago than it may be kept, with what was made of it then.

Every statement here spans agents on purpose: a tenant's rule holds for all of its agents.
"""

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from storage.sqlite import accounts, messages
from storage.sqlite.changing import Changing
from storage.sqlite.indexes import Indexes
from storage.sqlite.instants import to_text
from storage.sqlite.unlearning import Traces, clean_blocks, column, drop_passages

__all__ = ["Retaining"]

_MESSAGES_AT_ONCE = 200  # so that no turn waits long for the writer

# Imported messages have the date they were said at, and are kept as if said at their import.
_OLD = """
    SELECT m.seq, m.agent_id, m.conversation_id, m.turn_id, m.source_key, m.kind
    FROM agents AS a
    JOIN messages AS m ON m.agent_id = a.agent_id AND m.sent_at < :before
    JOIN conversations AS c ON c.conversation_id = m.conversation_id
    WHERE a.tenant = :tenant AND (m.kind <> 'imported' OR c.created_at < :before)
    LIMIT :limit
"""
# A turn goes whole: what is left of one would be an answer without its question to a model.
_OF_TURNS = """
    SELECT seq, agent_id, conversation_id, source_key FROM messages
    WHERE turn_id IN (SELECT value FROM json_each(:turns))
"""
_MADE_THEN = (
    "DELETE FROM documents WHERE source_key IN (SELECT value FROM json_each(:sources))",
    "DELETE FROM turns WHERE id IN (SELECT value FROM json_each(:turns))",
    "DELETE FROM events WHERE source_key IN (SELECT value FROM json_each(:sources))",
)


class Retaining(Changing):
    """Retention; the store gives it everything it needs."""

    async def tenants(self) -> list[str]:
        """Every tenant there is."""
        return await self._database.read(
            lambda c: column(c, "SELECT tenant FROM tenants ORDER BY tenant", {})
        )

    async def expire(self, tenant: str, before: datetime, at: datetime) -> int:
        """Erase what was said in a tenant before a time, with what was made of it; how much."""
        erased = 0
        while some := await self._database.write(
            lambda c: _expire_some(c, self._indexes, (tenant, before), at)
        ):
            erased += some
        if erased:
            self._clean_soon()
        return erased


def _expire_some(
    connection: sqlite3.Connection, indexes: Indexes, which: tuple[str, datetime], at: datetime
) -> int:
    """Erase some of it; 0 when nothing is left to erase."""
    tenant, before = which
    values = {"tenant": tenant, "before": to_text(before), "limit": _MESSAGES_AT_ONCE}
    connection.execute(
        "DELETE FROM summaries WHERE created_at < :before AND agent_id IN "
        "(SELECT agent_id FROM agents WHERE tenant = :tenant)",
        values,
    )
    old = connection.execute(_OLD, values).fetchall()
    if not old:
        return 0
    traces = _traces(connection, old)
    agents = {row["agent_id"] for row in traces.rows}
    removed = messages.remove(connection, indexes, [row["seq"] for row in traces.rows])
    drop_passages(connection, indexes, set(), traces)
    clean_blocks(connection, traces, agents, at)
    for statement in _MADE_THEN:
        connection.execute(statement, traces.values())
    for agent_id in agents:
        accounts.count_again(connection, agent_id)
    return removed


def _traces(connection: sqlite3.Connection, old: Sequence[Any]) -> Traces:
    """The messages with the rest of their turns; no words, for others may have said the same."""
    turns = json.dumps(sorted({row["turn_id"] for row in old if row["kind"] != "imported"}))
    found = connection.execute(_OF_TURNS, {"turns": turns}).fetchall()
    rows = {row["seq"]: row for row in [*old, *found]}
    sources = sorted({row["source_key"] for row in rows.values() if row["source_key"]})
    return Traces(
        keys="[]",
        turns=turns,
        sources=json.dumps(sources),
        names=frozenset(),
        texts=frozenset(),
        rows=list(rows.values()),
    )
