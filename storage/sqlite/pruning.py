"""Removes what has served its purpose: delivered replies, records of events, old approvals.

Turns stay: through them a person's traces are found when they are forgotten.
"""

import sqlite3
from datetime import datetime

from storage.sqlite.instants import to_text

__all__ = ["prune_some"]

_ROWS_AT_ONCE = 500  # so that no turn waits long for the writer

_OLD = (
    (
        "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox "
        "WHERE state IN ('sent', 'undeliverable') AND updated_at < :before LIMIT :limit)"
    ),
    (
        "DELETE FROM events WHERE rowid IN (SELECT rowid FROM events "
        "WHERE received_at < :before AND event_id NOT IN (SELECT event_id FROM turns "
        "WHERE state IN ('queued', 'running') AND event_id IS NOT NULL) LIMIT :limit)"
    ),
    (
        "DELETE FROM approvals WHERE id IN (SELECT id FROM approvals "
        "WHERE decision IN ('pending', 'done') AND expires_at < :before LIMIT :limit)"
    ),
    "DELETE FROM link_codes WHERE expires_at < :before",
    "DELETE FROM budget_notices WHERE day < :before",
)


def prune_some(connection: sqlite3.Connection, before: datetime) -> int:
    """Remove some of what is older than a time; 0 when nothing is left to remove."""
    values = {"before": to_text(before), "limit": _ROWS_AT_ONCE}
    return sum(connection.execute(statement, values).rowcount for statement in _OLD)
