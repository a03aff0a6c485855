"""Rows of documents: what was read, what is being read, what is on its way out.

A document comes in parts, each a transaction, so that no turn waits for a long one. Only the state
``ready`` is in sight, and one transaction changes that of the new and of the old one.
"""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from engine.errors import StaleDocument
from engine.places import agent_scope
from engine.records import Document, Passage, Scope
from storage.sqlite import accounts, passages
from storage.sqlite.indexes import Indexes
from storage.sqlite.instants import from_text, to_text

__all__ = [
    "add_part",
    "hide",
    "left_behind",
    "listed",
    "out_of_sight",
    "publish",
    "remove_some",
]

_ROWS_AT_ONCE = 200


def listed(connection: sqlite3.Connection, scope: Scope) -> list[Document]:
    """What the agent has read, by name."""
    rows = connection.execute(
        "SELECT * FROM documents WHERE agent_id = ? AND tenant = ? AND state = 'ready' "
        "ORDER BY name",
        (scope.agent_id, scope.tenant),
    )
    return [_document(row) for row in rows]


def out_of_sight(connection: sqlite3.Connection, scope: Scope) -> list[int]:
    """Numbers of passages that are half loaded or half removed."""
    rows = connection.execute(
        "SELECT p.seq FROM documents AS d JOIN passages AS p ON p.document_id = d.id "
        "WHERE d.agent_id = ? AND d.tenant = ? AND d.state <> 'ready'",
        (scope.agent_id, scope.tenant),
    )
    return [row[0] for row in rows]


def add_part(
    connection: sqlite3.Connection,
    indexes: Indexes,
    scope: Scope,
    document: Document,
    part: Sequence[Passage],
) -> None:
    """Store some passages of a document that is being read.

    Raises:
        StaleDocument: The agent whose message it came with has been erased.
    """
    now = to_text(document.loaded_at)
    if document.source_key is None:
        accounts.ensure_conversation(connection, scope, "", "", now)
    elif not accounts.has_agent(connection, scope):
        raise StaleDocument
    connection.execute(
        "INSERT OR IGNORE INTO documents (id, tenant, agent_id, name, sha256, size_bytes, pages, "
        "passages, author, author_name, source_key, loaded_at, state) "
        "VALUES (?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?, 'loading')",
        (
            document.id,
            scope.tenant,
            scope.agent_id,
            document.name,
            document.sha256,
            document.size_bytes,
            document.author,
            document.author_name,
            document.source_key,
            now,
        ),
    )
    passages.add(connection, indexes, scope, part, None)


def publish(connection: sqlite3.Connection, scope: Scope, document: Document) -> list[str]:
    """Bring a document into sight; the ids of the older ones that it replaces.

    Raises:
        StaleDocument: It was removed while it was being read.
    """
    stored = connection.execute(
        "SELECT count(*) FROM passages WHERE document_id = ? AND agent_id = ? AND tenant = ?",
        (document.id, scope.agent_id, scope.tenant),
    ).fetchone()[0]
    if stored != document.passages:
        raise StaleDocument
    replaced = connection.execute(
        "UPDATE documents SET state = 'leaving' "
        "WHERE agent_id = ? AND tenant = ? AND name = ? AND state = 'ready' RETURNING id",
        (scope.agent_id, scope.tenant, document.name),
    ).fetchall()
    ready = connection.execute(
        "UPDATE documents SET state = 'ready', pages = ?, passages = ? "
        "WHERE id = ? AND agent_id = ? AND tenant = ? AND state = 'loading'",
        (document.pages, document.passages, document.id, scope.agent_id, scope.tenant),
    )
    if not ready.rowcount:
        raise StaleDocument
    accounts.count_passages(connection, scope.agent_id)
    return [row["id"] for row in replaced]


def hide(connection: sqlite3.Connection, scope: Scope, document_id: str) -> None:
    """Take a document out of sight at once."""
    connection.execute(
        "UPDATE documents SET state = 'leaving' WHERE id = ? AND agent_id = ? AND tenant = ?",
        (document_id, scope.agent_id, scope.tenant),
    )
    accounts.count_passages(connection, scope.agent_id)


def remove_some(
    connection: sqlite3.Connection, indexes: Indexes, scope: Scope, document_id: str
) -> int:
    """Remove some passages of a hidden document, and with the last its row; how many."""
    rows = connection.execute(
        "SELECT seq FROM passages WHERE document_id = ? AND agent_id = ? AND tenant = ? LIMIT ?",
        (document_id, scope.agent_id, scope.tenant, _ROWS_AT_ONCE),
    ).fetchall()
    if not rows:
        connection.execute(
            "DELETE FROM documents WHERE id = ? AND agent_id = ? AND state = 'leaving'",
            (document_id, scope.agent_id),
        )
    return passages.remove(connection, indexes, [row["seq"] for row in rows])


def left_behind(connection: sqlite3.Connection, before: datetime) -> list[tuple[Scope, str]]:
    """Documents that nobody finishes loading or removing any more."""
    rows = connection.execute(
        "SELECT id, agent_id FROM documents "
        "WHERE state = 'leaving' OR state = 'loading' AND loaded_at < ?",
        (to_text(before),),
    )
    return [(agent_scope(row["agent_id"]), row["id"]) for row in rows]


def _document(row: sqlite3.Row) -> Document:
    return Document(
        id=row["id"],
        name=row["name"],
        sha256=row["sha256"],
        size_bytes=row["size_bytes"],
        pages=row["pages"],
        passages=row["passages"],
        author=row["author"],
        author_name=row["author_name"],
        source_key=row["source_key"],
        loaded_at=from_text(row["loaded_at"]),
    )
