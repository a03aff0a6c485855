"""The statements that make the tables of what is set for places and people."""

__all__ = ["PLACE_TABLES"]

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
