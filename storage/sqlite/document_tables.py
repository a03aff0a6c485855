"""The statements that make the tables of files that were read and of files still to be read."""

__all__ = ["DOCUMENT_TABLES"]

DOCUMENT_TABLES = (
    """CREATE TABLE documents (
        id TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        agent_id TEXT NOT NULL REFERENCES agents (agent_id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        pages INTEGER NOT NULL,
        passages INTEGER NOT NULL,
        author TEXT,
        author_name TEXT NOT NULL,
        source_key TEXT,
        loaded_at TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('loading', 'ready', 'leaving'))
    )""",
    "CREATE UNIQUE INDEX documents_ready ON documents (agent_id, name) WHERE state = 'ready'",
    "CREATE INDEX documents_unready ON documents (agent_id) WHERE state <> 'ready'",
    "ALTER TABLE passages ADD COLUMN document_id TEXT",
    "CREATE INDEX passages_document ON passages (document_id) WHERE document_id IS NOT NULL",
    """CREATE TABLE uploads (
        event_id TEXT NOT NULL REFERENCES events (event_id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        agent_id TEXT NOT NULL REFERENCES agents (agent_id) ON DELETE CASCADE,
        attempt INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (event_id, number)
    )""",
    "CREATE INDEX uploads_agent ON uploads (agent_id)",
)
