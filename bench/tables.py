"""A temporary database with the product's own tables, for benchmarks."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from storage.sqlite.migrations import bring_up_to_date

__all__ = ["insert_messages", "insert_passages", "open_database"]

_MESSAGE = """INSERT INTO messages (
    id, tenant, agent_id, conversation_id, turn_id, role, kind, author_name, text, payload, tokens,
    place, sent_at, searchable
) VALUES (hex(randomblob(16)), 'bench', 'bench', 'bench', '', 'user', 'message', '', ?, '', 0, '',
    '', 1)"""
_PASSAGE = """INSERT INTO passages (
    id, tenant, agent_id, title, text, tags, author_name, created_at
) VALUES (hex(randomblob(16)), 'bench', 'bench', ?, ?, '[]', '', '')"""


def open_database(path: Path) -> sqlite3.Connection:
    """A new database file, made by the product's migrations."""
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA secure_delete = ON")
    bring_up_to_date(connection)
    connection.commit()
    return connection


def insert_messages(connection: sqlite3.Connection, texts: Sequence[str]) -> list[int]:
    """Store texts as messages; their numbers."""
    return [connection.execute(_MESSAGE, (text,)).lastrowid or 0 for text in texts]


def insert_passages(
    connection: sqlite3.Connection, passages: Sequence[tuple[str, str]]
) -> list[int]:
    """Store titles and texts as passages; their numbers."""
    return [connection.execute(_PASSAGE, passage).lastrowid or 0 for passage in passages]
