"""Events to come: storing, listing and cancelling them."""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime

from engine.records import Schedule, Scope
from storage.sqlite.instants import from_text, to_text

__all__ = ["add", "cancel", "due", "next_time", "of_agent", "of_conversation", "timezone_of"]


def add(connection: sqlite3.Connection, schedules: Iterable[Schedule]) -> None:
    """Store schedules."""
    connection.executemany(
        "INSERT INTO schedules (id, tenant, agent_id, conversation_id, audience, author, "
        "author_name, kind, rule, timezone, reason, source_key, place, place_name, address, "
        "next_at, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'timer', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                one.id,
                one.scope.tenant,
                one.scope.agent_id,
                one.scope.conversation_id,
                one.scope.audience,
                one.scope.speaker,
                one.author_name,
                one.rule,
                one.timezone,
                one.reason,
                one.source_key,
                one.place,
                one.place_name,
                one.address,
                to_text(one.next_at) if one.next_at else None,
                to_text(one.created_at),
            )
            for one in schedules
        ),
    )


def cancel(connection: sqlite3.Connection, scope: Scope, ids: Sequence[str]) -> None:
    """Remove schedules of a conversation."""
    connection.executemany(
        "DELETE FROM schedules WHERE id = ? AND agent_id = ? AND conversation_id = ?",
        ((one, scope.agent_id, scope.conversation_id) for one in ids),
    )


def of_conversation(connection: sqlite3.Connection, scope: Scope) -> list[Schedule]:
    """What is scheduled in a conversation, the next one first."""
    rows = connection.execute(
        "SELECT * FROM schedules WHERE conversation_id = ? AND agent_id = ? AND tenant = ? "
        "ORDER BY next_at IS NULL, next_at, id",
        (scope.conversation_id, scope.agent_id, scope.tenant),
    )
    return [_schedule(row) for row in rows]


def of_agent(connection: sqlite3.Connection, agent_id: str) -> list[Schedule]:
    """What is scheduled in all conversations of an agent, the next one first."""
    rows = connection.execute(
        "SELECT * FROM schedules WHERE agent_id = ? ORDER BY next_at IS NULL, next_at, id",
        (agent_id,),
    )
    return [_schedule(row) for row in rows]


def timezone_of(connection: sqlite3.Connection, principal: str) -> str | None:
    """A person's time zone, where it is known."""
    row = connection.execute(
        "SELECT timezone FROM principals WHERE principal = ?", (principal,)
    ).fetchone()
    return row["timezone"] if row else None


def due(connection: sqlite3.Connection, at: datetime, limit: int) -> list[Schedule]:
    """Schedules whose time has come, the one due longest first."""
    rows = connection.execute(
        "SELECT * FROM schedules WHERE next_at <= ? ORDER BY next_at LIMIT ?", (to_text(at), limit)
    )
    return [_schedule(row) for row in rows]


def next_time(connection: sqlite3.Connection) -> datetime | None:
    """When the next schedule is due."""
    row = connection.execute(
        "SELECT min(next_at) FROM schedules WHERE next_at IS NOT NULL"
    ).fetchone()
    return from_text(row[0]) if row[0] else None


def _schedule(row: sqlite3.Row) -> Schedule:
    scope = Scope(
        tenant=row["tenant"],
        agent_id=row["agent_id"],
        conversation_id=row["conversation_id"],
        speaker=row["author"],
        audience=row["audience"],
    )
    return Schedule(
        id=row["id"],
        scope=scope,
        rule=row["rule"],
        timezone=row["timezone"],
        reason=row["reason"],
        author_name=row["author_name"],
        source_key=row["source_key"],
        place=row["place"],
        place_name=row["place_name"],
        address=row["address"],
        next_at=from_text(row["next_at"]) if row["next_at"] else None,
        created_at=from_text(row["created_at"]),
    )
