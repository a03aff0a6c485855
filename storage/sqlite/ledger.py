"""Tokens used, who did what, what the bot has learned; none of it holds any message text."""

import sqlite3
from collections.abc import Iterable
from datetime import datetime, timedelta

from engine.oversight import AuditRow, UsageRow
from engine.records import Scope, TokenUsage
from storage.sqlite.instants import from_text, to_text

__all__ = ["add_usage", "audit", "keep_value", "kept_value", "record", "usage"]


def add_usage(
    connection: sqlite3.Connection, scope: Scope, rows: Iterable[TokenUsage], at: datetime
) -> None:
    """Note what model calls cost."""
    connection.executemany(
        "INSERT INTO usage (at, tenant, agent_id, speaker, model, purpose, input_tokens, "
        "cached_tokens, output_tokens) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                to_text(at),
                scope.tenant,
                scope.agent_id,
                scope.speaker,
                row.model,
                row.purpose,
                row.input_tokens,
                row.cached_tokens,
                row.output_tokens,
            )
            for row in rows
        ),
    )


def usage(
    connection: sqlite3.Connection, days: int, at: datetime, tenant: str | None
) -> list[UsageRow]:
    """Tokens of the last days by day, model and purpose, of a tenant or of all; latest first."""
    rows = connection.execute(
        "SELECT substr(at, 1, 10), model, purpose, count(*), sum(input_tokens), "
        "sum(cached_tokens), sum(output_tokens) FROM usage WHERE at > :since "
        "AND (:tenant IS NULL OR tenant = :tenant) GROUP BY 1, 2, 3 ORDER BY 1 DESC, 2, 3",
        {"since": to_text(at - timedelta(days=days)), "tenant": tenant},
    )
    return [
        UsageRow(
            day=row[0],
            model=row[1],
            purpose=row[2],
            calls=row[3],
            input_tokens=row[4],
            cached_tokens=row[5],
            output_tokens=row[6],
        )
        for row in rows
    ]


def record(connection: sqlite3.Connection, row: AuditRow) -> None:
    """Note who did what."""
    connection.execute(
        "INSERT INTO audit (at, actor, action, subject, detail) VALUES (?, ?, ?, ?, ?)",
        (to_text(row.at), row.actor, row.action, row.subject, row.detail),
    )


def audit(connection: sqlite3.Connection, limit: int, tenant: str | None) -> list[AuditRow]:
    """The latest acts, the newest first; of a tenant those on its agents, places and people."""
    rows = connection.execute(
        "SELECT * FROM audit WHERE :tenant IS NULL "
        "OR substr(subject, 1, length(:tenant) + 1) = :tenant || '/' "
        "ORDER BY id DESC LIMIT :limit",
        {"tenant": tenant, "limit": limit},
    )
    return [
        AuditRow(
            at=from_text(row["at"]),
            actor=row["actor"],
            action=row["action"],
            subject=row["subject"],
            detail=row["detail"],
        )
        for row in rows
    ]


def kept_value(connection: sqlite3.Connection, name: str) -> str | None:
    """The value of a setting that the bot keeps for itself."""
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    return str(row["value"]) if row else None


def keep_value(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Keep the value of such a setting."""
    connection.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (name, value))
