"""Recall memory's rows: storing, reading a queue, reading by number."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from engine.records import Hit, Message, RecallSearch, Scope, SearchPage, Turn
from storage.erasure import Forms, blotted
from storage.sqlite import accounts
from storage.sqlite.indexes import Indexes
from storage.sqlite.instants import from_text, to_text
from storage.sqlite.recall_index import IndexedMessage

__all__ = [
    "add",
    "between",
    "blot",
    "from_row",
    "hits",
    "last_heard",
    "move_to_end",
    "of_turn",
    "queue",
    "remove",
    "reword",
    "under_way",
]

_COLUMNS = (
    "id, tenant, agent_id, conversation_id, turn_id, role, kind, author, author_name, text, "
    "payload, tokens, source_key, reply_to, place, sent_at, searchable"
)


def add(
    connection: sqlite3.Connection,
    indexes: Indexes,
    messages: Sequence[Message],
    keeping: str = "stored",
) -> list[int]:
    """Store messages, searchable ones in the index too; their numbers.

    Args:
        connection: In the writer's transaction.
        indexes: Of search.
        messages: All of one agent.
        keeping: See ``wishes``; no search finds what is only passing.
    """
    if keeping == "passing":
        messages = [replace(message, searchable=False) for message in messages]
    seqs = [_add(connection, message, keeping) for message in messages]
    indexed = [
        _indexed(message, seq)
        for message, seq in zip(messages, seqs, strict=True)
        if message.searchable and message.text
    ]
    indexes.recall.add(connection, indexed)
    if messages:
        accounts.add_counts(connection, messages[0].scope.agent_id, messages=len(messages))
    return seqs


def _add(connection: sqlite3.Connection, message: Message, keeping: str) -> int:
    scope = message.scope
    cursor = connection.execute(
        f"INSERT INTO messages ({_COLUMNS}, state) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            message.id,
            scope.tenant,
            scope.agent_id,
            scope.conversation_id,
            message.turn_id,
            message.role,
            message.kind,
            message.author,
            message.author_name,
            message.text,
            message.payload,
            message.tokens,
            message.source_key,
            message.reply_to,
            message.place,
            to_text(message.sent_at),
            message.searchable,
            keeping,
        ),
    )
    return int(cursor.lastrowid or 0)


def _indexed(message: Message, seq: int) -> IndexedMessage:
    return IndexedMessage(
        seq=seq,
        agent_id=message.scope.agent_id,
        conversation_id=message.reply_to or message.scope.conversation_id,
        author_name=message.author_name or message.role,
        text=message.text,
        sent_at=message.sent_at,
    )


def remove(connection: sqlite3.Connection, indexes: Indexes, seqs: Sequence[int]) -> int:
    """Delete messages by number with all that search keeps of them; how many."""
    indexes.recall.remove(connection, seqs)
    connection.executemany("DELETE FROM messages WHERE seq = ?", ((seq,) for seq in seqs))
    return len(seqs)


def last_heard(connection: sqlite3.Connection, agent_id: str, author: str) -> datetime | None:
    """When a person last wrote to an agent, or None."""
    row = connection.execute(
        "SELECT max(sent_at) FROM messages WHERE author = ? AND agent_id = ?", (author, agent_id)
    ).fetchone()
    return from_text(row[0]) if row[0] else None


def reword(connection: sqlite3.Connection, indexes: Indexes, message: Message) -> None:
    """Put other words in a message's place: for people, for models and for search."""
    connection.execute(
        "UPDATE messages SET text = :text, payload = :payload, tokens = :tokens "
        "WHERE seq = :seq AND agent_id = :agent",
        {
            "text": message.text,
            "payload": message.payload,
            "tokens": message.tokens,
            "seq": message.seq,
            "agent": message.scope.agent_id,
        },
    )
    indexes.recall.remove(connection, [message.seq])
    if message.searchable and message.text:
        indexes.recall.add(connection, [_indexed(message, message.seq)])


def blot(connection: sqlite3.Connection, indexes: Indexes, row: sqlite3.Row, forms: Forms) -> bool:
    """Take words out of what the bot wrote; whether it held any."""
    text, payload = (blotted(row[name], forms) for name in ("text", "payload"))
    if text == row["text"] and json.loads(payload) == json.loads(row["payload"]):
        return False
    scope = Scope(
        tenant=row["tenant"],
        agent_id=row["agent_id"],
        conversation_id=row["conversation_id"],
        speaker=None,
        audience="room",
    )
    message = replace(from_row(row, scope), text=text, payload=payload)
    reword(connection, indexes, message)
    return True


def add_to_last_active(connection: sqlite3.Connection, indexes: Indexes, message: Message) -> None:
    """Store a message in the conversation of the agent that was last active, else in its own."""
    scope = message.scope
    row = connection.execute(
        "SELECT conversation_id FROM messages WHERE agent_id = ? AND tenant = ? "
        "ORDER BY seq DESC LIMIT 1",
        (scope.agent_id, scope.tenant),
    ).fetchone()
    if row is not None:
        scope = replace(scope, conversation_id=row["conversation_id"])
    add(connection, indexes, [replace(message, scope=scope)])


def queue(connection: sqlite3.Connection, scope: Scope, after_seq: int) -> Iterator[Message]:
    """The conversation's messages after a number, oldest first, each read when it is asked for.

    Messages of turns that still wait for an earlier one are not there yet.
    """
    rows = connection.execute(
        "SELECT * FROM messages WHERE conversation_id = :conversation AND seq > :after "
        "AND agent_id = :agent AND tenant = :tenant AND turn_id NOT IN "
        "(SELECT id FROM turns WHERE agent_id = :agent AND state IN ('queued', 'running') "
        "AND state = 'queued' AND seq > (SELECT min(seq) FROM turns "
        "WHERE agent_id = :agent AND state IN ('queued', 'running'))) ORDER BY seq",
        {
            "conversation": scope.conversation_id,
            "after": after_seq,
            "agent": scope.agent_id,
            "tenant": scope.tenant,
        },
    )
    return (from_row(row, scope) for row in rows)


def move_to_end(connection: sqlite3.Connection, indexes: Indexes, turn: Turn) -> None:
    """Number a turn's messages anew when they left the queue or were overtaken while waiting."""
    scope = turn.scope
    overtaken = connection.execute(
        "SELECT 1 FROM messages AS m JOIN conversations AS c USING (conversation_id) "
        "WHERE m.turn_id = :turn AND m.agent_id = :agent AND m.tenant = :tenant "
        "AND (m.seq <= c.window_start_seq OR EXISTS (SELECT 1 FROM messages AS later "
        "WHERE later.agent_id = :agent AND later.conversation_id = m.conversation_id "
        "AND later.seq > m.seq AND later.turn_id NOT IN (SELECT id FROM turns "
        "WHERE agent_id = :agent AND state IN ('queued', 'running') AND seq >= :seq)))",
        {"turn": turn.id, "seq": turn.seq, "agent": scope.agent_id, "tenant": scope.tenant},
    ).fetchone()
    if overtaken is None:
        return
    for message in of_turn(connection, turn):
        _move_to_end(connection, indexes, message)


def _move_to_end(connection: sqlite3.Connection, indexes: Indexes, message: Message) -> None:
    indexes.recall.remove(connection, [message.seq])
    moved = connection.execute(
        "UPDATE messages SET seq = (SELECT max(s.seq, (SELECT max(seq) FROM messages)) + 1 "
        "FROM sqlite_sequence AS s WHERE s.name = 'messages') WHERE seq = ? RETURNING seq",
        (message.seq,),
    ).fetchone()
    if message.searchable and message.text:
        indexes.recall.add(connection, [_indexed(message, moved["seq"])])


def of_turn(connection: sqlite3.Connection, turn: Turn) -> tuple[Message, ...]:
    """What a turn has stored, oldest first."""
    scope = turn.scope
    rows = connection.execute(
        "SELECT * FROM messages WHERE turn_id = ? AND agent_id = ? AND tenant = ? ORDER BY seq",
        (turn.id, scope.agent_id, scope.tenant),
    )
    return tuple(from_row(row, scope) for row in rows)


def under_way(connection: sqlite3.Connection, scope: Scope) -> frozenset[int]:
    """Messages of unfinished turns: what is being asked is no answer to it.

    The plus keeps SQLite from reading all of an agent's messages to find the few of these turns.
    Source: https://www.sqlite.org/optoverview.html#uplus
    """
    rows = connection.execute(
        "SELECT m.seq FROM turns AS t JOIN messages AS m ON m.turn_id = t.id "
        "WHERE t.agent_id = ? AND t.state IN ('queued', 'running') AND +m.agent_id = t.agent_id "
        "AND m.tenant = ?",
        (scope.agent_id, scope.tenant),
    )
    return frozenset(row[0] for row in rows)


def hits(connection: sqlite3.Connection, scope: Scope, seqs: Iterable[int]) -> tuple[Hit, ...]:
    """Search results from their numbers, in that order."""
    found = (
        connection.execute(
            "SELECT * FROM messages WHERE seq = ? AND agent_id = ? AND tenant = ?",
            (seq, scope.agent_id, scope.tenant),
        ).fetchone()
        for seq in seqs
    )
    return tuple(_hit(row) for row in found if row)


def between(connection: sqlite3.Connection, scope: Scope, search: RecallSearch) -> SearchPage:
    """A page of what was said between two instants, oldest first."""
    condition = (
        "FROM messages WHERE agent_id = :agent AND tenant = :tenant AND searchable "
        "AND text <> '' AND sent_at >= :start AND sent_at <= :end "
        "AND (:speaker IS NULL OR author_name = :speaker COLLATE NOCASE)"
    )
    values = {
        "agent": scope.agent_id,
        "tenant": scope.tenant,
        "start": to_text(search.start) if search.start else "",
        "end": to_text(search.end) if search.end else "~",
        "speaker": search.speaker,
        "limit": search.page_size,
        "offset": search.page * search.page_size,
    }
    total = connection.execute(f"SELECT count(*) {condition}", values).fetchone()
    rows = connection.execute(
        f"SELECT * {condition} ORDER BY sent_at, seq LIMIT :limit OFFSET :offset", values
    )
    return SearchPage(
        hits=tuple(_hit(row) for row in rows),
        total=total[0],
        page=search.page,
        page_size=search.page_size,
    )


def _hit(row: sqlite3.Row) -> Hit:
    return Hit(
        id=row["id"],
        time=from_text(row["sent_at"]),
        who=row["author_name"] or row["role"],
        where=row["place"],
        text=row["text"],
        source_key=row["source_key"],
    )


def from_row(row: sqlite3.Row | dict[str, Any], scope: Scope) -> Message:
    """The message a row holds, be it of a query or of an archive."""
    return Message(
        id=row["id"],
        seq=row["seq"],
        scope=scope,
        turn_id=row["turn_id"],
        role=row["role"],
        kind=row["kind"],
        author=row["author"],
        author_name=row["author_name"],
        text=row["text"],
        payload=row["payload"],
        tokens=row["tokens"],
        source_key=row["source_key"],
        reply_to=row["reply_to"],
        place=row["place"],
        sent_at=from_text(row["sent_at"]),
        searchable=bool(row["searchable"]),
    )
