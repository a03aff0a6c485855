"""Windows of conversations: where a queue starts, its summary, the one prepared for the flush."""

import sqlite3
from datetime import datetime

from engine.errors import StaleTurn
from engine.records import MemoryCounts, Scope, Summary, Window
from storage.sqlite import accounts, blocks, messages, wishes
from storage.sqlite.instants import from_text, to_text

__all__ = ["drop", "load", "save_flush", "save_prepared", "set_warned", "start_afresh"]


def load(connection: sqlite3.Connection, scope: Scope) -> Window:
    """Everything a context window is built from; costs what the window holds, not the history."""
    row = _conversation(connection, scope)
    kept = _summaries(connection, scope)
    return Window(
        agent_id=scope.agent_id,
        blocks=blocks.window_blocks(connection, scope),
        counts=MemoryCounts(messages=row["shown_messages"], passages=row["shown_passages"])
        if row
        else accounts.counts(connection, scope),
        summary=kept.get(False),
        prepared=kept.get(True),
        queue=tuple(messages.queue(connection, scope, row["window_start_seq"])) if row else (),
        warned=bool(row and row["warned"]),
    )


def _conversation(connection: sqlite3.Connection, scope: Scope) -> sqlite3.Row | None:
    found: sqlite3.Row | None = connection.execute(
        "SELECT * FROM conversations WHERE conversation_id = ? AND agent_id = ? AND tenant = ?",
        (scope.conversation_id, scope.agent_id, scope.tenant),
    ).fetchone()
    return found


def _summaries(connection: sqlite3.Connection, scope: Scope) -> dict[bool, Summary]:
    rows = connection.execute(
        "SELECT * FROM summaries WHERE conversation_id = ? AND agent_id = ? AND tenant = ?",
        (scope.conversation_id, scope.agent_id, scope.tenant),
    )
    return {bool(row["prepared"]): _summary(row) for row in rows}


def _summary(row: sqlite3.Row) -> Summary:
    return Summary(
        text=row["text"],
        through_seq=row["through_seq"],
        tokens=row["tokens"],
        mechanical=bool(row["mechanical"]),
        prepared=bool(row["prepared"]),
        created_at=from_text(row["created_at"]),
    )


def save_flush(connection: sqlite3.Connection, scope: Scope, summary: Summary) -> None:
    """Move the start of the queue, store the summary, let the next period warn again.

    Raises:
        StaleTurn: The conversation was emptied or messages were erased meanwhile.
    """
    row = _conversation(connection, scope)
    if row is None or _stale(row, summary) or summary.through_seq < row["window_start_seq"]:
        raise StaleTurn("The conversation has changed meanwhile.")
    current = _summaries(connection, scope).get(False)
    if summary.through_seq == row["window_start_seq"] and current is None:
        raise StaleTurn("The conversation was started afresh meanwhile.")
    connection.execute(
        "UPDATE conversations SET window_start_seq = ?, warned = 0 WHERE conversation_id = ?",
        (summary.through_seq, scope.conversation_id),
    )
    _store(connection, scope, summary, prepared=False)
    drop(connection, scope, prepared_through=summary.through_seq)
    accounts.refresh_shown_counts(connection, scope.agent_id)


def save_prepared(connection: sqlite3.Connection, scope: Scope, summary: Summary) -> None:
    """Keep a summary for the next flush, unless its messages have left or were erased."""
    row = _conversation(connection, scope)
    if row is None or _stale(row, summary):
        return
    if summary.through_seq > row["window_start_seq"]:
        _store(connection, scope, summary, prepared=True)


def _stale(row: sqlite3.Row, summary: Summary) -> bool:
    """A summary made before an erasure may hold what was erased."""
    return bool(row["erased_at"] and to_text(summary.created_at) < row["erased_at"])


def _store(
    connection: sqlite3.Connection, scope: Scope, summary: Summary, *, prepared: bool
) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO summaries (conversation_id, prepared, tenant, agent_id, "
        "through_seq, text, tokens, mechanical, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            scope.conversation_id,
            prepared,
            scope.tenant,
            scope.agent_id,
            summary.through_seq,
            summary.text,
            summary.tokens,
            summary.mechanical,
            to_text(summary.created_at),
        ),
    )


def drop(connection: sqlite3.Connection, scope: Scope, prepared_through: int | None = None) -> None:
    """Drop a conversation's summaries, or only a prepared one that is superseded."""
    connection.execute(
        "DELETE FROM summaries WHERE conversation_id = ? AND agent_id = ? "
        "AND (? IS NULL OR (prepared AND through_seq <= ?))",
        (scope.conversation_id, scope.agent_id, prepared_through, prepared_through),
    )


def start_afresh(connection: sqlite3.Connection, scope: Scope, at: datetime) -> None:
    """Empty a queue and drop its summaries; the messages stay in recall memory.

    What was said off the record goes, and being off the record ends.
    """
    wishes.end_off_record(connection, scope, at)
    connection.execute(
        "UPDATE conversations SET warned = 0, speakers = '[]', (window_start_seq, begun_seq) = "
        "(SELECT max(window_start_seq, coalesce(max(m.seq), 0)), "
        "max(window_start_seq, coalesce(max(m.seq), 0)) FROM messages AS m "
        "WHERE m.conversation_id = conversations.conversation_id "
        "AND m.agent_id = conversations.agent_id) "
        "WHERE conversation_id = ? AND agent_id = ? AND tenant = ?",
        (scope.conversation_id, scope.agent_id, scope.tenant),
    )
    drop(connection, scope)
    accounts.refresh_shown_counts(connection, scope.agent_id)


def set_warned(connection: sqlite3.Connection, scope: Scope) -> None:
    """Remember that this period's memory-pressure alert was given."""
    connection.execute(
        "UPDATE conversations SET warned = 1 WHERE conversation_id = ? AND agent_id = ?",
        (scope.conversation_id, scope.agent_id),
    )
