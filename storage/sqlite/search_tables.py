"""The tables search reads: words, features and vectors of messages and passages.

Every word is stored with its agent's number in front ("12whike"), so that a look-up reads only
that agent's list: what others store costs it nothing and cannot be matched.
"""

from __future__ import annotations

import sqlite_utils

__all__ = ["create_search_tables"]

_TABLES = """
CREATE TABLE search_agents (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    tier TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    generation INTEGER NOT NULL DEFAULT 0,
    batches INTEGER NOT NULL DEFAULT 0,
    languages INTEGER NOT NULL DEFAULT 0,
    UNIQUE (tier, agent_id)
);
CREATE TABLE search_models (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    dimension INTEGER NOT NULL
);
CREATE TABLE search_vectors (
    agent INTEGER NOT NULL,
    model INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (agent, model, batch, seq)
) WITHOUT ROWID;
CREATE INDEX search_vectors_seq ON search_vectors (agent, seq);
CREATE TABLE search_queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    UNIQUE (agent, seq)
);
CREATE TABLE recall_rows (
    agent INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    sitting INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    speaker TEXT NOT NULL,
    flags INTEGER NOT NULL,
    length REAL NOT NULL,
    words INTEGER NOT NULL,
    PRIMARY KEY (agent, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX recall_rows_seq ON recall_rows (seq);
CREATE TABLE recall_sittings (
    agent INTEGER NOT NULL,
    conversation TEXT NOT NULL,
    first_seq INTEGER NOT NULL,
    last_sent INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    PRIMARY KEY (agent, conversation, first_seq)
) WITHOUT ROWID;
CREATE INDEX recall_sittings_first ON recall_sittings (first_seq);
CREATE VIRTUAL TABLE recall_words USING fts5 (
    terms, tokenize = "ascii tokenchars '_'", detail = none, columnsize = 0
);
CREATE TABLE archival_rows (
    agent INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    created INTEGER NOT NULL,
    words INTEGER NOT NULL,
    PRIMARY KEY (agent, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX archival_rows_seq ON archival_rows (seq);
CREATE VIRTUAL TABLE archival_words USING fts5 (
    terms, tokenize = "ascii tokenchars '_'", detail = none, columnsize = 0
);
"""


def create_search_tables(db: sqlite_utils.Database) -> None:
    """Create every table of search, inside the caller's migration."""
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            db.conn.execute(statement)
