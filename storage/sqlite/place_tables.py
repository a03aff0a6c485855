"""The statements that make the tables of what is set for places and people."""

__all__ = ["PLACE_TABLES", "THREADS_AND_LINKS"]

PLACE_TABLES = (
    """CREATE TABLE place_settings (
        tenant TEXT NOT NULL,
        place TEXT NOT NULL,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        actor TEXT,
        at TEXT NOT NULL,
        PRIMARY KEY (place, name)
    )""",
    "CREATE INDEX place_settings_tenant ON place_settings (tenant)",
)

THREADS_AND_LINKS = (
    "CREATE TABLE engaged_threads (thread TEXT PRIMARY KEY, at TEXT NOT NULL) WITHOUT ROWID",
    "DROP TABLE links",
    """CREATE TABLE links (
        principal TEXT PRIMARY KEY,
        agent_id TEXT NOT NULL,
        linked TEXT,
        at TEXT NOT NULL
    )""",
    """CREATE TABLE link_codes (
        code TEXT PRIMARY KEY,
        principal TEXT NOT NULL UNIQUE,
        expires_at TEXT NOT NULL
    )""",
)
