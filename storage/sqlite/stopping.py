"""Ends turns that people do not want any more; a running one is refused its next step."""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from engine.records import Reply, Scope, Turn
from storage.sqlite import previews, turn_rows, wishes
from storage.sqlite.instants import to_text

__all__ = ["cancel", "cancel_asked"]


def cancel(connection: sqlite3.Connection, scope: Scope, notice: str, at: datetime) -> list[Turn]:
    """End the unfinished turns of a conversation, and those whose answer comes where it stands.

    On Slack a channel's question is answered in a thread, which is a conversation of its own.
    """
    rows = connection.execute(
        "UPDATE turns SET state = 'cancelled', cancel = 1, updated_at = ? "
        "WHERE agent_id = ? AND tenant = ? AND ? IN (conversation_id, place) "
        "AND state IN ('queued', 'running') RETURNING *",
        (to_text(at), scope.agent_id, scope.tenant, scope.conversation_id),
    ).fetchall()
    return _told(connection, rows, notice, at)


def cancel_asked(
    connection: sqlite3.Connection, asked: tuple[str, str, str], notice: str, at: datetime
) -> Turn | None:
    """End the unfinished turn of a message or of a reply, if it answers the actor too.

    Args:
        connection: In the writer's transaction.
        asked: Tenant, key of the message or reply, and who wants it ended.
        notice: What they are told.
        at: When.
    """
    rows = connection.execute(
        "UPDATE turns SET state = 'cancelled', cancel = 1, updated_at = :at "
        "WHERE state IN ('queued', 'running') AND id IN "
        "(SELECT turn_id FROM messages WHERE author = :actor AND agent_id = turns.agent_id "
        "AND substr(author, 1, length(:tenant) + 1) = :tenant || '/') "
        "AND (id IN (SELECT turn_id FROM messages WHERE source_key = :key "
        "AND agent_id = turns.agent_id AND tenant = turns.tenant) OR id IN "
        "(SELECT o.turn_id FROM outbox AS o, "
        "json_each(json_insert(o.part_refs, '$[#]', o.reference, '$[#]', o.preview_ref)) "
        "AS part "
        "WHERE o.turn_id = turns.id AND substr(:key, -length(part.value) - 1) = '/' || part.value))"
        " RETURNING *",
        {**dict(zip(("tenant", "key", "actor"), asked, strict=True)), "at": to_text(at)},
    ).fetchall()
    return next(iter(_told(connection, rows, notice, at)), None)


def _told(
    connection: sqlite3.Connection, rows: Iterable[Any], notice: str, at: datetime
) -> list[Turn]:
    turns: Sequence[Turn] = sorted(map(turn_rows.from_row, rows), key=lambda turn: turn.seq)
    if notice and turns:
        previews.speak(connection, turns[0], [Reply(text=notice, kind="notice")], at)
    for turn in turns:
        wishes.let_go(connection, turn)
    return list(turns)
