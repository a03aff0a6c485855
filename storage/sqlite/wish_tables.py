"""The statements for what people wish, and for where the bot was met and is gone."""

__all__ = ["CLOSURES", "MEETINGS", "WISHES"]

WISHES = (
    """CREATE TABLE wishes (
        principal TEXT PRIMARY KEY,
        wish TEXT NOT NULL CHECK (wish IN ('never', 'pause')),
        at TEXT NOT NULL
    ) WITHOUT ROWID""",
    "ALTER TABLE conversations ADD COLUMN off_record INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX messages_unlearned ON messages (turn_id, state) WHERE state <> 'stored'",
)

MEETINGS = (
    "CREATE TABLE meetings (place TEXT PRIMARY KEY, at TEXT NOT NULL) WITHOUT ROWID",
    "INSERT INTO meetings (place, at) SELECT agent_id, created_at FROM agents",
)

CLOSURES = ("CREATE TABLE closures (place TEXT PRIMARY KEY, at TEXT NOT NULL) WITHOUT ROWID",)
