"""A temporary database with what search needs, for benchmarks."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import sqlite_utils

from storage.sqlite.search_tables import create_search_tables

_BASE = (
    "CREATE TABLE messages (seq INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL)",
    (
        "CREATE TABLE passages (seq INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, "
        "text TEXT NOT NULL)"
    ),
)


def open_database(path: Path) -> sqlite3.Connection:
    """A new database file with the tables of messages, passages and search."""
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    for statement in _BASE:
        connection.execute(statement)
    create_search_tables(sqlite_utils.Database(connection))
    connection.commit()
    return connection
