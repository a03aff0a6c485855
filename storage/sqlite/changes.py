"""Messages that were edited or deleted on their platform."""

import json
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from engine.records import Message, Scope
from storage.sqlite import accounts, messages
from storage.sqlite.indexes import Indexes
from storage.sqlite.unlearning import Traces, column, unlearn, unlearn_words

__all__ = ["delete", "edit", "find", "keys_below"]

_EDITED = "message_edited"


def find(connection: sqlite3.Connection, tenant: str, source_key: str) -> Message | None:
    """What a person of a tenant said, or its agents heard, by its platform's key."""
    row = connection.execute(
        "SELECT * FROM messages WHERE source_key = :key AND kind <> :edited "
        "AND (tenant = :tenant OR substr(author, 1, length(:tenant) + 1) = :tenant || '/') "
        "ORDER BY seq LIMIT 1",
        {"key": source_key, "tenant": tenant, "edited": _EDITED},
    ).fetchone()
    if row is None:
        return None
    personal = accounts.agent_kind(row["agent_id"]) == "personal"
    scope = Scope(
        tenant=row["tenant"],
        agent_id=row["agent_id"],
        conversation_id=row["conversation_id"],
        speaker=row["author"],
        audience="private" if personal else "room",
    )
    return messages.from_row(row, scope)


def keys_below(connection: sqlite3.Connection, tenant: str, beginning: str) -> list[str]:
    """Keys of what people of a tenant said, by the beginning of the keys, with a slash."""
    return column(
        connection,
        "SELECT DISTINCT source_key FROM messages WHERE source_key > :key AND source_key < :end "
        "AND tenant = :tenant AND instr(substr(source_key, length(:key) + 1), '/') = 0",
        {"key": beginning, "end": f"{beginning[:-1]}0", "tenant": tenant},
    )


def edit(
    connection: sqlite3.Connection,
    indexes: Indexes,
    message: Message,
    reworded: Message,
    notice: Message,
) -> bool:
    """Put other words in a message's place and tell its queue; whether it had others.

    What came of the old words is unlearned, unless only marks or capitals were changed.
    """
    row = connection.execute(
        "SELECT * FROM messages WHERE id = ? AND agent_id = ? AND text <> ?",
        (message.id, message.scope.agent_id, reworded.text),
    ).fetchone()
    if row is None:
        return False
    messages.reword(connection, indexes, replace(reworded, seq=row["seq"]))
    messages.remove(connection, indexes, _earlier_notices(connection, message))
    if _words(row["text"]) != _words(reworded.text):
        unlearn_words(connection, indexes, _old_words(row), notice.sent_at)
    messages.add(connection, indexes, [notice], row["state"])
    return True


def _earlier_notices(connection: sqlite3.Connection, message: Message) -> list[int]:
    return column(
        connection,
        "SELECT seq FROM messages WHERE source_key = :key AND agent_id = :agent AND kind = :edited",
        {"key": message.source_key or "", "agent": message.scope.agent_id, "edited": _EDITED},
    )


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _old_words(row: sqlite3.Row) -> Traces:
    return Traces(
        keys="[]",
        turns="[]",
        sources=json.dumps([row["source_key"]]),
        names=frozenset(),
        texts=frozenset({row["text"].strip()} - {""}),
        rows=[row],
    )


def delete(
    connection: sqlite3.Connection,
    indexes: Indexes,
    deleted: Sequence[tuple[Message, Message]],
    at: datetime,
) -> None:
    """Unlearn messages with all that came of them; queues that held one are told.

    Args:
        connection: In the writer's transaction.
        indexes: Of search.
        deleted: Each message with what its queue is told.
        at: When.
    """
    told = [notice for message, notice in deleted if _in_queue(connection, message)]
    traces = _traces(connection, [message for message, _ in deleted])
    unlearn(connection, indexes, traces, at)
    for statement in _EVENTS:
        connection.execute(statement, traces.values())
    for notice in told:
        messages.add(connection, indexes, [notice])


# The rows of the events stay, so that the platform cannot bring a message back by repeating it.
_EVENTS = (
    (
        "DELETE FROM uploads WHERE event_id IN (SELECT event_id FROM events "
        "WHERE source_key IN (SELECT value FROM json_each(:sources)))"
    ),
    (
        "UPDATE events SET details = '{}' "
        "WHERE source_key IN (SELECT value FROM json_each(:sources))"
    ),
)


def _in_queue(connection: sqlite3.Connection, message: Message) -> bool:
    row = connection.execute(
        "SELECT 1 FROM messages AS m JOIN conversations AS c USING (conversation_id) "
        "WHERE m.id = ? AND m.agent_id = ? AND m.seq > c.window_start_seq",
        (message.id, message.scope.agent_id),
    ).fetchone()
    return row is not None


def _traces(connection: sqlite3.Connection, deleted: Sequence[Message]) -> Traces:
    """The messages, their edits, what was read from their files, and the turns of all those."""
    sources: list[str] = []
    turns: list[str] = []
    for message in deleted:
        key = message.source_key or ""
        sources.append(key)
        # What was read from a message's file has the message's key and a mark after a slash.
        sources += column(
            connection,
            "SELECT source_key FROM messages WHERE source_key > :key || '/' "
            "AND source_key < :key || '0' AND agent_id = :agent",
            {"key": key, "agent": message.scope.agent_id},
        )
    values = {"sources": json.dumps(sources)}
    turns = column(
        connection,
        "SELECT id FROM turns WHERE id IN (SELECT turn_id FROM messages WHERE source_key IN "
        "(SELECT value FROM json_each(:sources)) AND agent_id = turns.agent_id)",
        values,
    )
    values["turns"] = json.dumps(turns)
    found = connection.execute(
        "SELECT seq, agent_id, conversation_id, author, author_name, text, source_key "
        "FROM messages WHERE source_key IN (SELECT value FROM json_each(:sources)) "
        "OR (turn_id IN (SELECT value FROM json_each(:turns)) AND source_key IS NULL)",
        values,
    ).fetchall()
    return Traces(
        keys="[]",
        names=frozenset(),
        texts=frozenset(row["text"].strip() for row in found if row["text"].strip()),
        rows=found,
        **values,
    )
