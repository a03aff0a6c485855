"""Schedules become turns: once each time, whatever dies in between."""

import sqlite3
from datetime import datetime

from engine.records import Schedule, Turn
from engine.store import Acceptance, AcceptRequest
from storage.sqlite import turn_rows, turns
from storage.sqlite.closing import IS_CLOSED
from storage.sqlite.indexes import Indexes
from storage.sqlite.instants import to_text

__all__ = ["fire", "idle_turns"]


def fire(
    connection: sqlite3.Connection,
    indexes: Indexes,
    schedule: Schedule,
    request: AcceptRequest,
    next_at: datetime | None,
) -> Acceptance:
    """Move a schedule on and accept its event, unless it has changed or its last turn waits."""
    if not _move_on(connection, schedule, next_at) or _waits(connection, schedule):
        return Acceptance(outcome="duplicate")
    return turns.accept(connection, indexes, request)


def _move_on(connection: sqlite3.Connection, schedule: Schedule, next_at: datetime | None) -> bool:
    """Whether the schedule was as it is thought to be; it is at its next time now, or gone."""
    key = (schedule.id, schedule.scope.agent_id, to_text(schedule.next_at or schedule.created_at))
    if next_at is None:
        moved = connection.execute(
            "DELETE FROM schedules WHERE id = ? AND agent_id = ? AND next_at = ?", key
        )
    else:
        moved = connection.execute(
            "UPDATE schedules SET next_at = ? WHERE id = ? AND agent_id = ? AND next_at = ?",
            (to_text(next_at), *key),
        )
    return moved.rowcount == 1


def _waits(connection: sqlite3.Connection, schedule: Schedule) -> bool:
    row = connection.execute(
        "SELECT 1 FROM turns WHERE agent_id = ? AND state IN ('queued', 'running') "
        "AND instr(event_id, ?) = 1",
        (schedule.scope.agent_id, f"schedule:{schedule.id}:"),
    ).fetchone()
    return row is not None


def idle_turns(connection: sqlite3.Connection, since: datetime, at: datetime) -> list[Turn]:
    """The last turn of each agent that has been idle since a time and has no pause at ``at``."""
    rows = connection.execute(
        "SELECT t.* FROM agents AS a JOIN turns AS t "
        "ON t.seq = (SELECT max(seq) FROM turns WHERE agent_id = a.agent_id) "
        f"WHERE a.last_activity <= :since AND NOT {IS_CLOSED.format('a')} "
        "AND (a.heartbeats_paused_until IS NULL OR a.heartbeats_paused_until <= :at) "
        "AND NOT EXISTS (SELECT 1 FROM turns AS open WHERE open.agent_id = a.agent_id "
        "AND open.state IN ('queued', 'running'))",
        {"since": to_text(since), "at": to_text(at)},
    )
    return [turn_rows.from_row(row) for row in rows]
