"""Tables of what people change in memory themselves; but for cards they hold no words."""

__all__ = ["CORRECTION_TABLES"]

CORRECTION_TABLES = (
    "ALTER TABLE blocks ADD COLUMN pinned TEXT NOT NULL DEFAULT '[]'",
    "ALTER TABLE block_versions ADD COLUMN pinned TEXT NOT NULL DEFAULT '[]'",
    """CREATE TABLE corrections (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant TEXT NOT NULL,
        agent_id TEXT NOT NULL REFERENCES agents (agent_id) ON DELETE CASCADE,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        versions TEXT NOT NULL,
        added TEXT NOT NULL,
        ended TEXT NOT NULL,
        undid TEXT NOT NULL DEFAULT '',
        at TEXT NOT NULL
    )""",
    "CREATE INDEX corrections_agent ON corrections (agent_id, id)",
    """CREATE TABLE cards (
        principal TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        text TEXT NOT NULL,
        updated_at TEXT NOT NULL
    )""",
    """CREATE TABLE kept_choices (
        id TEXT PRIMARY KEY,
        agent_id TEXT NOT NULL,
        principal TEXT NOT NULL,
        command TEXT NOT NULL,
        arguments TEXT NOT NULL,
        confirmed INTEGER NOT NULL,
        at TEXT NOT NULL
    )""",
)
