"""Commands of buttons that are too small to hold them; gone after a day."""

import json
import secrets
import sqlite3
from datetime import datetime, timedelta

from engine.kept_choices import KeptChoice
from engine.records import Scope
from storage.sqlite.instants import to_text

__all__ = ["find", "keep"]

_LIFETIME = timedelta(days=1)


def keep(connection: sqlite3.Connection, scope: Scope, choice: KeptChoice, at: datetime) -> str:
    """Keep a choice, let go of old ones; its key."""
    connection.execute("DELETE FROM kept_choices WHERE at < ?", (to_text(at - _LIFETIME),))
    key = secrets.token_urlsafe(9)
    connection.execute(
        "INSERT INTO kept_choices (id, agent_id, principal, command, arguments, confirmed, at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            key,
            scope.agent_id,
            scope.speaker or "",
            choice.command,
            json.dumps(dict(choice.arguments), ensure_ascii=False),
            choice.confirmed,
            to_text(at),
        ),
    )
    return key


def find(connection: sqlite3.Connection, scope: Scope, key: str, at: datetime) -> KeptChoice | None:
    """A choice of this person in this memory."""
    row = connection.execute(
        "SELECT * FROM kept_choices WHERE id = ? AND agent_id = ? AND principal = ? AND at >= ?",
        (key, scope.agent_id, scope.speaker, to_text(at - _LIFETIME)),
    ).fetchone()
    if row is None:
        return None
    return KeptChoice(
        command=row["command"],
        arguments=json.loads(row["arguments"]),
        confirmed=bool(row["confirmed"]),
    )
